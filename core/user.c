/*
 * Users. Each change reads what it depends on in the transaction that makes it.
 */
#include "core/user.h"

#include <string.h>

#include "core/audit.h"
#include "core/clock.h"

static void read_user(const struct db_cursor *cur, struct arena *a, struct user *u)
{
	*u = (struct user){
	    .id = db_int(cur, 0),
	    .org_id = db_int(cur, 1),
	    .name = arena_strdup(a, db_text(cur, 2, NULL)),
	    .org = arena_strdup(a, db_text(cur, 3, NULL)),
	    .role = role_parse(db_text(cur, 4, NULL)),
	    .disabled = db_int(cur, 5) != 0,
	    .limited = db_int(cur, 6) != 0,
	    .has_password = db_int(cur, 7) != 0,
	    .created_at = db_int(cur, 8),
	    .signed_in_at = db_int(cur, 9),
	};
}

enum rc user_name_check(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (!len || len > USER_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-@+") != len ||
	    strchr("._-@+", *name))
		return err_set(err, RC_INVALID,
		    "a user name is 1 to %d of a-z 0-9 . _ - @ + and begins with a letter or digit",
		    USER_NAME_MAX);
	return RC_OK;
}

enum rc user_list(
    struct db *db, int64_t org_id, struct arena *a, struct user **out, size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = org_id ? db_query(db, &cur, SQL_USER_LIST, DB_ARGS(DB_INT(org_id)), err)
			    : db_query(db, &cur, SQL_USER_LIST_ALL, DB_NO_ARGS, err);

	*n = 0;
	*out = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*out = arena_room(a, *out, *n, &room, sizeof **out);
		read_user(&cur, a, &(*out)[(*n)++]);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc user_find(struct db *db, int64_t org_id, const char *name, struct arena *a,
    struct user *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_USER_NAMED, DB_ARGS(DB_TEXT(name), DB_INT(org_id)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such user: \"%.100s\"", name);
	if (rc != RC_OK)
		return rc;
	read_user(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

struct view *user_view(struct arena *a, const struct user *u)
{
	struct view *v = view_obj(a);
	char iso[CLOCK_ISO_SIZE];

	view_int(v, "id", u->id);
	view_ref(v, "name", u->name);
	view_ref(v, "org", u->org);
	view_ref(v, "role", role_name(u->role));
	view_bool(v, "disabled", u->disabled);
	view_bool(v, "limited", u->limited);
	view_bool(v, "has_password", u->has_password);
	view_str(v, "created_at", u->created_at ? clock_iso(u->created_at, iso) : NULL);
	view_str(v, "signed_in_at", u->signed_in_at ? clock_iso(u->signed_in_at, iso) : NULL);
	return v;
}

enum rc user_create(struct db *db, const struct scope *by, int64_t org_id, const char *name,
    enum role role, int64_t *id, struct err *err)
{
	struct arena a;
	struct view *detail;
	struct db_cursor cur;
	enum rc rc = user_name_check(name, err);

	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = db_one(db, &cur, SQL_USER_INSERT,
	    DB_ARGS(
		DB_INT(org_id), DB_TEXT(name), DB_TEXT(role_name(role)), DB_INT(clock_wall_ms())),
	    err);
	if (rc == RC_OK) {
		*id = db_int(&cur, 0);
		db_finish(&cur);
	} else if (rc == RC_CONFLICT) {
		err_set(err, rc, "there is a user of that name already: \"%.100s\"", name);
	}
	arena_init(&a);
	detail = view_obj(&a);
	view_ref(detail, "role", role_name(role));
	rc = audit_commit(db, by, org_id, "user.create", name, detail, rc, err);
	arena_release(&a);
	return rc;
}

/* Without `u` the site must still have an operator who can sign in. */
static enum rc check_last(struct db *db, const struct user *u, struct err *err)
{
	struct db_cursor cur;
	bool last;
	enum rc rc;

	if (u->role != ROLE_OPERATOR || u->disabled)
		return RC_OK;
	rc = db_one(db, &cur, SQL_USER_OTHER_OPERATORS, DB_ARGS(DB_INT(u->id)), err);
	if (rc != RC_OK)
		return rc;
	last = db_int(&cur, 0) == 0;
	db_finish(&cur);
	return last ? err_set(err, RC_CONFLICT, "%s is the last operator: make another one first",
			  u->name)
		    : RC_OK;
}

static enum rc drop_sessions(struct db *db, const struct user *u, int64_t keep, struct err *err)
{
	enum rc rc = db_exec(db, SQL_SESSION_DELETE_OTHERS,
	    DB_ARGS(DB_INT(u->org_id), DB_INT(u->id), DB_INT(keep)), err);

	if (rc == RC_OK)
		rc =
		    db_exec(db, SQL_LINK_DROP_USER, DB_ARGS(DB_INT(u->org_id), DB_INT(u->id)), err);
	return rc;
}

enum rc user_disable(
    struct db *db, const struct scope *by, const struct user *u, bool disabled, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	if (disabled)
		rc = check_last(db, u, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_USER_DISABLE,
		    DB_ARGS(DB_INT(u->org_id), DB_INT(u->id), DB_INT(disabled)), err);
	if (rc == RC_OK && disabled)
		rc = drop_sessions(db, u, 0, err);
	return audit_commit(
	    db, by, u->org_id, disabled ? "user.disable" : "user.enable", u->name, NULL, rc, err);
}

enum rc user_set_role(
    struct db *db, const struct scope *by, const struct user *u, enum role role, struct err *err)
{
	struct arena a;
	struct view *detail;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	if (role != ROLE_OPERATOR)
		rc = check_last(db, u, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_USER_ROLE,
		    DB_ARGS(DB_INT(u->org_id), DB_INT(u->id), DB_TEXT(role_name(role))), err);
	arena_init(&a);
	detail = view_obj(&a);
	view_ref(detail, "from", role_name(u->role));
	view_ref(detail, "to", role_name(role));
	rc = audit_commit(db, by, u->org_id, "user.role", u->name, detail, rc, err);
	arena_release(&a);
	return rc;
}

enum rc user_limit(struct db *db, const struct scope *by, const struct user *u, bool limited,
    const int64_t *projects, size_t n, struct err *err)
{
	struct arena a;
	struct view *detail;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_PROJECT_MEMBER_DROP, DB_ARGS(DB_INT(u->org_id), DB_INT(u->id)), err);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = db_exec(db, SQL_PROJECT_MEMBER_ADD,
		    DB_ARGS(DB_INT(u->org_id), DB_INT(projects[i]), DB_INT(u->id)), err);
		if (rc == RC_OK && db_changes(db) == 0)
			rc = err_set(
			    err, RC_NOTFOUND, "there is no project %lld", (long long)projects[i]);
	}
	if (rc == RC_OK)
		rc = db_exec(db, SQL_USER_LIMIT,
		    DB_ARGS(DB_INT(u->org_id), DB_INT(u->id), DB_INT(limited)), err);
	arena_init(&a);
	detail = view_obj(&a);
	view_bool(detail, "limited", limited);
	view_int(detail, "projects", (int64_t)n);
	rc = audit_commit(db, by, u->org_id, "user.projects", u->name, detail, rc, err);
	arena_release(&a);
	return rc;
}

enum rc user_projects(
    struct db *db, const struct user *u, struct arena *a, int64_t **ids, size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = db_query(
	    db, &cur, SQL_PROJECT_MEMBER_LIST, DB_ARGS(DB_INT(u->org_id), DB_INT(u->id)), err);

	*n = 0;
	*ids = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*ids = arena_room(a, *ids, *n, &room, sizeof **ids);
		(*ids)[(*n)++] = db_int(&cur, 0);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc user_set_password(struct db *db, const struct scope *by, const struct user *u,
    const char *hash, int64_t keep, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(
	    db, SQL_USER_PASSWORD, DB_ARGS(DB_INT(u->org_id), DB_INT(u->id), DB_TEXT(hash)), err);
	if (rc == RC_OK)
		rc = drop_sessions(db, u, keep, err);
	return audit_commit(db, by, u->org_id, "user.password", u->name, NULL, rc, err);
}

enum rc user_operator_seen(struct db *db, bool *seen, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_USER_OPERATOR_SEEN, DB_NO_ARGS, err);

	*seen = rc == RC_OK;
	if (rc == RC_OK)
		db_finish(&cur);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}
