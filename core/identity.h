/*
 * Who somebody is, and the secrets by which browsers and programs say so: 256 random bits of which
 * the database has the SHA-256 alone; what they stand for is given out once. What they are of is in
 * core/session.h and core/token.h.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"

#define SECRET_SIZE 48        /* 43 characters of base64url, a prefix of up to 4, and NUL */
#define IDENTITY_HASH_SIZE 65 /* hex of a SHA-256, and NUL */

/* What a session or token allows: bits. Each stands for itself, but admin for all. */
enum token_scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_WORK = 4, SCOPE_ADMIN = 8 };
#define SCOPE_ALL (SCOPE_READ | SCOPE_WRITE | SCOPE_WORK | SCOPE_ADMIN)

/* Who a cookie or token stands for. */
struct identity {
	struct scope scope;           /* texts in the arena */
	int64_t session_id, token_id; /* the one that it is; 0 */
	unsigned scopes;              /* SCOPE_ bits */
	bool by_link, has_password;
	int64_t seen_at; /* of session or token, wall ms */
};

/* A user by name, for `auth = proxy`. */
enum rc identity_of_user(
    struct db *db, const char *name, struct arena *a, struct identity *out, struct err *err);
/* Note that it was used, at most once a minute; a failure is only logged. */
void identity_seen(struct db *db, const struct identity *id);

/* ---- for sessions, links and tokens ---- */

/* A new secret behind a prefix of up to 4 characters; and what the database has of one. */
void identity_secret(const char *prefix, char out[static SECRET_SIZE]);
void identity_hash(const char *secret, char out[static IDENTITY_HASH_SIZE]);

/* The columns of IDENTITY_COLUMNS (core/statements.def), which are the first of a row; how many. */
#define IDENTITY_OWN 7
void identity_read(const struct db_cursor *cur, struct arena *a, struct identity *out);

#endif
