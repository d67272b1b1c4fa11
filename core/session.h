/*
 * Sessions of browsers, the links that begin one, and the tokens of programs. Each is 256 random
 * bits of which the database has the SHA-256 alone; what they stand for is given out once.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/arena.h"
#include "core/config.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/user.h"

#define SECRET_SIZE 48 /* 43 characters of base64url, a prefix of up to 4, and NUL */

/* What a session or token allows: bits. Each stands for itself, but admin for all. */
enum token_scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_WORK = 4, SCOPE_ADMIN = 8 };
#define SCOPE_ALL (SCOPE_READ | SCOPE_WRITE | SCOPE_WORK | SCOPE_ADMIN)

/* "read,write" and back. 0: a word that is none, or none at all. */
const char *scopes_text(unsigned scopes, struct arena *a);
unsigned scopes_parse(const char *s);

/* Who a cookie or token stands for. */
struct identity {
	struct scope scope;           /* texts in the arena */
	int64_t session_id, token_id; /* the one that it is; 0 */
	unsigned scopes;              /* SCOPE_ bits */
	bool by_link, has_password;
	int64_t seen_at; /* of session or token, wall ms */
};

/* RC_NOTFOUND: no such session or token, or it has ended, or its user is disabled. One query. A
 * project of 0 in the scope: the user sees none. */
enum rc session_find(struct db *db, const struct config *cfg, const char *cookie, struct arena *a,
    struct identity *out, struct err *err);
enum rc token_find(
    struct db *db, const char *token, struct arena *a, struct identity *out, struct err *err);
/* A user by name, for `auth = proxy`. */
enum rc identity_of_user(
    struct db *db, const char *name, struct arena *a, struct identity *out, struct err *err);
/* Note that it was used, at most once a minute; a failure is only logged. */
void identity_seen(struct db *db, const struct identity *id);

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

struct token_info {
	int64_t id, created_at, expires_at, used_at; /* 0: never */
	const char *name, *user;
	unsigned scopes;
};
#define TOKEN_NAME_MAX 100
/* For user `u`; expires_at 0: never. `token` is shown once. RC_INVALID: a bad name;
 * RC_CONFLICT: the user is disabled. */
enum rc token_create(struct db *db, const struct scope *by, const struct user *u, const char *name,
    unsigned scopes, int64_t expires_at, char token[static SECRET_SIZE], struct err *err);
/* Tokens of a user, or of the whole org (user_id 0). */
enum rc token_list(struct db *db, int64_t org_id, int64_t user_id, struct arena *a,
    struct token_info **out, size_t *n, struct err *err);
/* Of that user (0: anybody of the org). RC_NOTFOUND. */
enum rc token_revoke(
    struct db *db, const struct scope *by, int64_t user_id, int64_t id, struct err *err);

/* Forget what has ended: sessions, links, failed logins. For the processor's sweep. */
enum rc session_sweep(struct db *db, struct err *err);

#endif
