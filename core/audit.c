/*
 * The audit log. Its filters are applied to a bounded number of rows a call, so that a rare one
 * costs a caller patience and not the database.
 */
#include "core/audit.h"

#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/str.h"

#define OBJECT_MAX 255

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

enum rc audit_add(struct db *db, const struct scope *sc, const char *action, const char *object,
    const struct view *detail, struct err *err)
{
	struct buf json;
	enum rc rc;

	buf_init(&json);
	if (detail)
		view_json(detail, &json);
	else
		buf_adds(&json, "{}");
	object = or_empty(object);
	rc = db_exec(db, SQL_AUDIT_INSERT,
	    DB_ARGS(DB_INT(clock_wall_ms()), DB_INT(sc->org_id), DB_OPT(sc->user_id),
		DB_TEXT(or_empty(sc->user_name)), DB_TEXT(or_empty(sc->via)),
		DB_TEXT(or_empty(sc->address)), DB_TEXT(or_empty(sc->request)), DB_TEXT(action),
		DB_TEXTN(object, str_cut(object, OBJECT_MAX)), DB_TEXTN(json.data, json.len)),
	    err);
	buf_release(&json);
	return rc;
}

enum rc audit_commit(struct db *db, const struct scope *sc, int64_t org_id, const char *action,
    const char *object, const struct view *detail, enum rc rc, struct err *err)
{
	struct scope about = *sc;

	about.org_id = org_id;
	if (rc == RC_OK)
		rc = audit_add(db, &about, action, object, detail, err);
	return db_end_durable(db, rc, err);
}

enum rc audit_note(struct db *db, const struct scope *sc, const char *action, const char *object,
    const struct view *detail, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc == RC_OK)
		rc = audit_add(db, sc, action, object, detail, err);
	return db_end(db, rc, err);
}

static void read_row(const struct db_cursor *cur, struct arena *a, struct audit_row *row)
{
	*row = (struct audit_row){
	    .id = db_int(cur, 0),
	    .at = db_int(cur, 1),
	    .org_id = db_int(cur, 2),
	    .user_id = db_int(cur, 3),
	    .actor = arena_strdup(a, db_text(cur, 4, NULL)),
	    .via = arena_strdup(a, db_text(cur, 5, NULL)),
	    .address = arena_strdup(a, db_text(cur, 6, NULL)),
	    .request = arena_strdup(a, db_text(cur, 7, NULL)),
	    .action = arena_strdup(a, db_text(cur, 8, NULL)),
	    .object = arena_strdup(a, db_text(cur, 9, NULL)),
	    .detail = arena_strdup(a, db_text(cur, 10, NULL)),
	};
}

static bool action_matches(const char *asked, const char *action)
{
	size_t len = strlen(asked);

	return strncmp(asked, action, len) == 0 && (!action[len] || action[len] == '.');
}

static bool matches(const struct audit_filter *f, const struct db_cursor *cur)
{
	int64_t at = db_int(cur, 1);

	return (!f->actor || !*f->actor || strcmp(f->actor, db_text(cur, 4, NULL)) == 0) &&
	       (!f->action || !*f->action || action_matches(f->action, db_text(cur, 8, NULL))) &&
	       (!f->since || at >= f->since) && (!f->until || at < f->until);
}

enum rc audit_list(struct db *db, const struct audit_filter *f, struct arena *a,
    struct audit_row **out, size_t *n, int64_t *next, struct err *err)
{
	int64_t before = f->before ? f->before : INT64_MAX, looked = 0, last = 0;
	struct db_cursor cur;
	enum rc rc;

	*n = 0;
	*next = 0;
	*out = arena_alloc(a, (size_t)f->limit * sizeof **out);
	if (f->org_id)
		rc = db_query(db, &cur, SQL_AUDIT_ORG_DOWN,
		    DB_ARGS(DB_INT(before), DB_INT(AUDIT_LOOK), DB_INT(f->org_id)), err);
	else
		rc = db_query(
		    db, &cur, SQL_AUDIT_DOWN, DB_ARGS(DB_INT(before), DB_INT(AUDIT_LOOK)), err);
	if (rc != RC_OK)
		return rc;
	while (*n < (size_t)f->limit && (rc = db_next(&cur, err)) == RC_OK) {
		last = db_int(&cur, 0);
		looked++;
		if (f->since && db_int(&cur, 1) < f->since) {
			rc = RC_DONE;
			break;
		}
		if (matches(f, &cur))
			read_row(&cur, a, &(*out)[(*n)++]);
	}
	db_finish(&cur);
	if (*n == (size_t)f->limit || looked == AUDIT_LOOK)
		*next = last;
	return rc == RC_DONE ? RC_OK : rc;
}

struct view *audit_view(struct arena *a, const struct audit_row *row)
{
	struct view *v = view_obj(a), *detail;
	char iso[CLOCK_ISO_SIZE];

	view_int(v, "id", row->id);
	view_str(v, "at", clock_iso(row->at, iso));
	view_int(v, "org_id", row->org_id);
	view_ref(v, "actor", row->actor);
	view_ref(v, "via", row->via);
	view_ref(v, "address", row->address);
	view_ref(v, "request", row->request);
	view_ref(v, "action", row->action);
	view_ref(v, "object", row->object);
	if (view_parse(a, row->detail, strlen(row->detail), &detail, NULL) == RC_OK)
		view_put(v, "detail", detail);
	else
		view_null(v, "detail");
	return v;
}
