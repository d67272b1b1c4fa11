/*
 * Users: people with a role in one org. Names are unique on the site. Changes are transactions of
 * their own, durable, with a row in the audit log.
 */
#ifndef CORE_USER_H
#define CORE_USER_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

#define USER_NAME_MAX 64

struct user {
	int64_t id, org_id;
	const char *name, *org; /* texts in the arena they were read into; org: its name */
	enum role role;
	bool disabled, limited, has_password;
	int64_t created_at, signed_in_at; /* wall ms; 0: never */
};

/* 1 to USER_NAME_MAX of a-z 0-9 . _ - @ +, lower case, beginning with a letter or digit.
 * RC_INVALID with a sentence. */
enum rc user_name_check(const char *name, struct err *err);

/* All of an org by name, or of the site (org_id 0: the caller has checked that it may). */
enum rc user_list(
    struct db *db, int64_t org_id, struct arena *a, struct user **out, size_t *n, struct err *err);
/* One of the org (0: of any). RC_NOTFOUND with a sentence. */
enum rc user_find(struct db *db, int64_t org_id, const char *name, struct arena *a,
    struct user *out, struct err *err);
/* As lists show it: id name org role disabled limited has_password created_at signed_in_at. */
struct view *user_view(struct arena *a, const struct user *u);

/* RC_INVALID: a name that is not one; RC_CONFLICT: taken. */
enum rc user_create(struct db *db, const struct scope *by, int64_t org_id, const char *name,
    enum role role, int64_t *id, struct err *err);

/* Disable (all sessions and links end, tokens are refused) or enable. RC_CONFLICT: it is the last
 * operator who can sign in. */
enum rc user_disable(
    struct db *db, const struct scope *by, const struct user *u, bool disabled, struct err *err);
/* RC_CONFLICT likewise. Nobody gives a role above their own: the caller checks. */
enum rc user_set_role(
    struct db *db, const struct scope *by, const struct user *u, enum role role, struct err *err);
/* Which projects a user sees: all (n = 0 and limited = false), or these of the org. RC_NOTFOUND:
 * one is not. */
enum rc user_limit(struct db *db, const struct scope *by, const struct user *u, bool limited,
    const int64_t *projects, size_t n, struct err *err);
/* Ids of the projects a limited user sees, in the arena. */
enum rc user_projects(struct db *db, const struct user *u, struct arena *a, int64_t **ids,
    size_t *n, struct err *err);

/* Set the password to one that password_hash made, and end all sessions of the user but `keep` (0:
 * all), and links. */
enum rc user_set_password(struct db *db, const struct scope *by, const struct user *u,
    const char *hash, int64_t keep, struct err *err);

/* Whether some operator has signed in yet. */
enum rc user_operator_seen(struct db *db, bool *seen, struct err *err);

#endif
