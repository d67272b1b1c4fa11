/*
 * Organisations. Their cap is read by each claim, so a change of it holds from the next one on.
 */
#include "core/org.h"

#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/str.h"

static struct org read_org(const struct db_cursor *cur, struct arena *a)
{
	return (struct org){
	    .id = db_int(cur, 0),
	    .name = arena_strdup(a, db_text(cur, 1, NULL)),
	    .cap = db_null(cur, 2) ? -1 : db_int(cur, 2),
	    .running = db_int(cur, 3),
	    .pending = db_int(cur, 4),
	};
}

enum rc org_list(struct db *db, struct arena *a, struct org **out, size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = db_query(db, &cur, SQL_ORG_LIST, DB_NO_ARGS, err);

	*n = 0;
	*out = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*out = arena_room(a, *out, *n, &room, sizeof **out);
		(*out)[(*n)++] = read_org(&cur, a);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc org_find(struct db *db, const char *name, struct arena *a, struct org *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_ORG_NAMED, DB_ARGS(DB_TEXT(name)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such organisation: \"%.100s\"", name);
	if (rc != RC_OK)
		return rc;
	*out = read_org(&cur, a);
	db_finish(&cur);
	return RC_OK;
}

enum rc org_of(struct db *db, const struct scope *sc, struct arena *a, const char **name,
    bool *many_projects, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_ORG_OF,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->limited), DB_INT(sc->home_project)), err);

	if (rc != RC_OK)
		return rc;
	*name = arena_strdup(a, db_text(&cur, 0, NULL));
	*many_projects = db_int(&cur, 1) != 0;
	db_finish(&cur);
	return RC_OK;
}

enum rc org_set_cap(
    struct db *db, const struct scope *by, const char *name, int64_t cap, struct err *err)
{
	struct view *detail;
	struct org org = {0};
	struct arena a;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	arena_init(&a);
	detail = view_obj(&a);
	if (cap < 0)
		view_null(detail, "cap");
	else
		view_int(detail, "cap", cap);
	rc = org_find(db, name, &a, &org, err);
	if (rc == RC_OK)
		rc = db_exec(
		    db, SQL_ORG_CAP, DB_ARGS(DB_TEXT(name), cap < 0 ? DB_NULL : DB_INT(cap)), err);
	rc = audit_commit(db, by, org.id, "org.cap", name, detail, rc, err);
	arena_release(&a);
	return rc;
}

static enum rc check_name(const char *name, struct err *err)
{
	if (!str_label(name, ORG_NAME_MAX) || strchr(name, '/'))
		return err_set(err, RC_INVALID,
		    "the name of an organisation has 1 to %d bytes of text, no control characters "
		    "and no slash",
		    ORG_NAME_MAX);
	return RC_OK;
}

static enum rc insert_org(struct db *db, const char *name, int64_t *id, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct db_cursor cur;
	char uuid[UUID_SIZE];
	enum rc rc = db_one(db, &cur, SQL_ORG_INSERT,
	    DB_ARGS(DB_TEXT(uuid_new(uuid)), DB_TEXT(name), DB_INT(now)), err);

	if (rc == RC_CONFLICT)
		return err_set(
		    err, rc, "there is an organisation of that name already: \"%.100s\"", name);
	if (rc != RC_OK)
		return rc;
	*id = db_int(&cur, 0);
	db_finish(&cur);
	rc = db_one(db, &cur, SQL_PROJECT_INSERT,
	    DB_ARGS(DB_INT(*id), DB_TEXT("default"), DB_INT(now)), err);
	if (rc == RC_OK)
		db_finish(&cur);
	return rc;
}

enum rc org_create(
    struct db *db, const struct scope *by, const char *name, int64_t *id, struct err *err)
{
	enum rc rc = check_name(name, err);

	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = insert_org(db, name, id, err);
	return audit_commit(db, by, rc == RC_OK ? *id : 0, "org.create", name, NULL, rc, err);
}

struct view *org_view(struct arena *a, const struct org *org)
{
	struct view *v = view_obj(a);

	view_str(v, "name", org->name);
	if (org->cap < 0)
		view_null(v, "cap");
	else
		view_int(v, "cap", org->cap);
	view_int(v, "running", org->running);
	view_int(v, "pending", org->pending);
	return v;
}
