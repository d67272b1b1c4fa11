/*
 * Sessions of browsers, and the links that begin one.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/config.h"
#include "core/identity.h"
#include "core/user.h"

/* RC_NOTFOUND: no such session, or it has ended, or its user is disabled. One query. A
 * project of 0 in the scope: the user sees none. */
enum rc session_find(struct db *db, const struct config *cfg, const char *cookie, struct arena *a,
    struct identity *out, struct err *err);

/* Begin one for the user whom `sc` names (via, address and request are set), and end the session
 * `before` (0: none), whoever's it was: the new cookie's value. Audited. */
enum rc session_begin(struct db *db, const struct config *cfg, const struct scope *sc, bool by_link,
    const char *agent, int64_t before, char cookie[static SECRET_SIZE], struct err *err);
/* End one of the user's own; id 0: all but `keep`. RC_NOTFOUND. Audited. */
enum rc session_end(
    struct db *db, const struct scope *sc, int64_t id, int64_t keep, struct err *err);

struct session_info {
	int64_t id, created_at, seen_at, expires_at;
	const char *address, *agent;
};
enum rc session_list(struct db *db, const struct scope *sc, const struct config *cfg,
    struct arena *a, struct session_info **out, size_t *n, struct err *err);

/* A link for `u`, good for LINK_MS, once. The secret is the last part of /login/{secret}. */
#define LINK_MS INT64_C(900000)
enum rc link_create(struct db *db, const struct scope *by, const struct user *u,
    char secret[static SECRET_SIZE], struct err *err);
/* Whose it is; it stays good. RC_NOTFOUND: used, too old, or never was one. */
enum rc link_peek(
    struct db *db, const char *secret, struct arena *a, struct identity *out, struct err *err);
/* Use it up, with all others that the user has, and begin a session as session_begin does.
 * RC_NOTFOUND likewise. */
enum rc link_use(struct db *db, const struct config *cfg, const char *secret,
    const struct scope *from, const char *agent, int64_t before, char cookie[static SECRET_SIZE],
    struct err *err);

/* Forget what has ended: sessions, links, failed logins. For the processor's sweep. */
enum rc session_sweep(struct db *db, struct err *err);

#endif
