/*
 * Projects.
 */
#include "core/project.h"

#include <stdio.h>
#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/str.h"

static void read_project(const struct db_cursor *cur, struct arena *a, struct project *p)
{
	*p = (struct project){
	    .id = db_int(cur, 0),
	    .org_id = db_int(cur, 1),
	    .created_at = db_int(cur, 2),
	    .name = arena_strdup(a, db_text(cur, 3, NULL)),
	    .jobs = db_int(cur, 4),
	    .busy = db_int(cur, 5),
	};
}

enum rc project_list(struct db *db, const struct scope *sc, struct arena *a, struct project **out,
    size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = db_query(
	    db, &cur, SQL_PROJECT_LIST, DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->limited)), err);

	*n = 0;
	*out = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*out = arena_room(a, *out, *n, &room, sizeof **out);
		read_project(&cur, a, &(*out)[(*n)++]);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc project_find(struct db *db, const struct scope *sc, const char *key, struct arena *a,
    struct project *out, struct err *err)
{
	struct db_cursor cur;
	int64_t id;
	enum rc rc;

	if (str_int(key, 1, INT64_MAX, &id))
		rc = db_one(db, &cur, SQL_PROJECT_BY_ID,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(sc->limited)), err);
	else
		rc = db_one(db, &cur, SQL_PROJECT_BY_NAME,
		    DB_ARGS(DB_INT(sc->org_id), DB_TEXT(key), DB_INT(sc->limited)), err);
	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "there is no project \"%.100s\"", key);
	if (rc != RC_OK)
		return rc;
	read_project(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

/* A name that is all digits would be taken for an id. */
static enum rc check_name(const char *name, struct err *err)
{
	if (!str_label(name, PROJECT_NAME_MAX) || strchr(name, '/'))
		return err_set(err, RC_INVALID,
		    "the name of a project has 1 to %d bytes of text, no control characters and no "
		    "slash",
		    PROJECT_NAME_MAX);
	if (!name[strspn(name, "0123456789")])
		return err_set(err, RC_INVALID, "the name of a project is not a number alone");
	return RC_OK;
}

/* End of a transaction about the project `name`, which was called `from` before (NULL: it was not).
 */
static enum rc conclude(struct db *db, const struct scope *sc, const char *action, const char *name,
    const char *from, enum rc rc, struct err *err)
{
	struct view *detail = NULL;
	struct arena a;

	if (rc == RC_CONFLICT && (!err || !*err->text || strstr(err->text, "UNIQUE")))
		err_set(err, rc, "there is a project of that name already: \"%.100s\"", name);
	arena_init(&a);
	if (from) {
		detail = view_obj(&a);
		view_ref(detail, "from", from);
	}
	rc = audit_commit(db, sc, sc->org_id, action, name, detail, rc, err);
	arena_release(&a);
	return rc;
}

/* What a project is called, inside the transaction that changes it. */
static enum rc name_of(struct db *db, const struct scope *sc, int64_t id,
    char name[static PROJECT_NAME_MAX + 1], struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_PROJECT_BY_ID,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(sc->limited)), err);

	*name = '\0';
	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "there is no project %lld", (long long)id);
	if (rc != RC_OK)
		return rc;
	snprintf(name, PROJECT_NAME_MAX + 1, "%s", db_text(&cur, 3, NULL));
	db_finish(&cur);
	return RC_OK;
}

enum rc project_create(
    struct db *db, const struct scope *sc, const char *name, int64_t *id, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = check_name(name, err);

	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = db_one(db, &cur, SQL_PROJECT_INSERT,
	    DB_ARGS(DB_INT(sc->org_id), DB_TEXT(name), DB_INT(clock_wall_ms())), err);
	if (rc == RC_OK) {
		*id = db_int(&cur, 0);
		db_finish(&cur);
	}
	return conclude(db, sc, "project.create", name, NULL, rc, err);
}

enum rc project_rename(
    struct db *db, const struct scope *sc, int64_t id, const char *name, struct err *err)
{
	char from[PROJECT_NAME_MAX + 1];
	enum rc rc = check_name(name, err);

	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = name_of(db, sc, id, from, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_PROJECT_RENAME,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_TEXT(name)), err);
	return conclude(db, sc, "project.rename", name, from, rc, err);
}

enum rc project_delete(struct db *db, const struct scope *sc, int64_t id, struct err *err)
{
	char name[PROJECT_NAME_MAX + 1];
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = name_of(db, sc, id, name, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_PROJECT_DELETE, DB_ARGS(DB_INT(sc->org_id), DB_INT(id)), err);
	if (rc == RC_OK && db_changes(db) == 0)
		rc = err_set(err, RC_CONFLICT,
		    "only a project without jobs can be deleted, and never the last one");
	return conclude(db, sc, "project.delete", name, NULL, rc, err);
}

struct view *project_view(struct arena *a, const struct project *p)
{
	struct view *v = view_obj(a);
	char iso[CLOCK_ISO_SIZE];

	view_int(v, "id", p->id);
	view_ref(v, "name", p->name);
	view_int(v, "jobs", p->jobs);
	view_int(v, "busy", p->busy);
	view_str(v, "created_at", p->created_at ? clock_iso(p->created_at, iso) : NULL);
	return v;
}
