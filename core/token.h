/*
 * Bearer tokens of programs, and what each allows.
 */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include "core/identity.h"
#include "core/user.h"

/* "read,write" and back. 0: a word that is none, or none at all. */
const char *scopes_text(unsigned scopes, struct arena *a);
unsigned scopes_parse(const char *s);

/* RC_NOTFOUND: no such token, or it has expired, or its user is disabled. One query. */
enum rc token_find(
    struct db *db, const char *token, struct arena *a, struct identity *out, struct err *err);

struct token_info {
	int64_t id, created_at, expires_at, used_at; /* 0: never */
	const char *name, *user;
	unsigned scopes;
};
#define TOKEN_NAME_MAX 100
/* For user `u`, of the name, scopes and expires_at of `t`; sets its id. `token` is shown once.
 * RC_INVALID: a bad name; RC_CONFLICT: the user is disabled. */
enum rc token_create(struct db *db, const struct scope *by, const struct user *u,
    struct token_info *t, char token[static SECRET_SIZE], struct err *err);
/* Tokens of a user, or of the whole org (user_id 0). */
enum rc token_list(struct db *db, int64_t org_id, int64_t user_id, struct arena *a,
    struct token_info **out, size_t *n, struct err *err);
/* Of that user (0: anybody of the org). RC_NOTFOUND. */
enum rc token_revoke(
    struct db *db, const struct scope *by, int64_t user_id, int64_t id, struct err *err);

#endif
