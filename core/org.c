/*
 * Organisations. Their cap is read by each claim, so a change of it holds from the next one on.
 */
#include "core/org.h"

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
		if (*n == room) {
			struct org *grown;

			room = room ? 2 * room : 16;
			grown = arena_alloc(a, room * sizeof *grown);
			for (size_t i = 0; i < *n; i++)
				grown[i] = (*out)[i];
			*out = grown;
		}
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

enum rc org_set_cap(struct db *db, const char *name, int64_t cap, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_ORG_CAP, DB_ARGS(DB_TEXT(name), cap < 0 ? DB_NULL : DB_INT(cap)), err);
	if (rc == RC_OK && db_changes(db) == 0)
		rc = err_set(err, RC_NOTFOUND, "no such organisation: \"%.100s\"", name);
	if (rc == RC_OK)
		return db_commit_durable(db, err);
	db_rollback(db);
	return rc;
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
