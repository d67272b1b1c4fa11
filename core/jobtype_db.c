/*
 * Job types in the database: publishing by the processor, loading by everyone else.
 *
 * The definition is kept as JSON. Equal text means equal definition, so publishing the same files
 * again changes nothing, whoever does it and how often.
 */
#include <string.h>

#include "core/audit.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/jobtype.h"
#include "core/view_node.h"

/* ---- JSON
 * ------------------------------------------------------------------------------------------ */

struct view *jobtype_view(const struct jobtype *t, struct arena *a)
{
	struct view *v = view_obj(a), *retry = view_list(a);

	view_str(v, "name", t->name);
	view_str(v, "title", t->title);
	view_str(v, "description", t->description);
	view_str(v, "file", t->file);
	view_put(v, "accept", view_words(t->accept, a));
	view_put(v, "command", view_words(t->command, a));
	view_put(v, "params", params_view(&t->params, a));
	view_str(v, "inputs", t->many ? "many" : "one");
	view_put(v, "requires", view_words(t->requires, a));
	view_put(v, "read", view_words(t->read, a));
	view_bool(v, "network", t->network);
	view_bool(v, "default", t->by_default);
	view_bool(v, "manual", t->manual);
	if (t->external)
		view_str(v, "runner", "external");
	view_str(v, "progress", t->progress == JOBTYPE_PROGRESS_ITEMS ? "items" : "percent");
	for (size_t i = 0; jobtype_retry_names[i]; i++)
		if (t->retry_on & 1u << i)
			view_push_str(retry, jobtype_retry_names[i]);
	view_put(v, "retry_on", retry);
	view_int(v, "timeout_ms", t->timeout_ms);
	view_int(v, "memory_bytes", t->memory_bytes);
	view_int(v, "output_max_bytes", t->output_max_bytes);
	view_int(v, "keep_ms", t->keep_ms);
	view_int(v, "attempts", t->attempts);
	view_int(v, "concurrency", t->concurrency);
	return v;
}

static const char **read_words(const struct view *v, const char *key, struct arena *a)
{
	const struct view *list = view_get(v, key);
	size_t n = list && view_type(list) == VIEW_LIST ? view_len(list) : 0, used = 0;
	const char **out = arena_alloc(a, (n + 1) * sizeof *out);

	for (size_t i = 0; i < n; i++) {
		const char *s = view_text(view_at(list, i));

		if (s)
			out[used++] = s;
	}
	out[used] = NULL;
	return out;
}

static const char *read_text(const struct view *v, const char *key)
{
	const struct view *member = view_get(v, key);

	return member ? view_text(member) : NULL;
}

static int64_t read_int(const struct view *v, const char *key)
{
	const struct view *member = view_get(v, key);

	return member ? view_number(member) : 0;
}

static bool read_bool(const struct view *v, const char *key)
{
	const struct view *member = view_get(v, key);

	return member && member->type == VIEW_BOOL && member->b;
}

enum rc jobtype_from_json(
    const char *json, size_t len, struct arena *a, struct jobtype *t, struct err *err)
{
	const char *progress, *inputs, *runner;
	const char **retry;
	struct view *v;
	enum rc rc = view_parse(a, json, len, &v, err);

	if (rc != RC_OK)
		return rc;
	*t = (struct jobtype){
	    .name = read_text(v, "name"),
	    .title = read_text(v, "title"),
	    .description = read_text(v, "description"),
	    .file = read_text(v, "file"),
	    .accept = read_words(v, "accept", a),
	    .command = read_words(v, "command", a),
	    .requires = read_words(v, "requires", a),
	    .read = read_words(v, "read", a),
	    .network = read_bool(v, "network"),
	    .by_default = read_bool(v, "default"),
	    .manual = read_bool(v, "manual"),
	    .timeout_ms = read_int(v, "timeout_ms"),
	    .memory_bytes = read_int(v, "memory_bytes"),
	    .output_max_bytes = read_int(v, "output_max_bytes"),
	    .keep_ms = read_int(v, "keep_ms"),
	    .attempts = read_int(v, "attempts"),
	    .concurrency = read_int(v, "concurrency"),
	};
	progress = read_text(v, "progress");
	if (progress && strcmp(progress, "items") == 0)
		t->progress = JOBTYPE_PROGRESS_ITEMS;
	runner = read_text(v, "runner");
	t->external = runner && strcmp(runner, "external") == 0;
	inputs = read_text(v, "inputs");
	t->many = inputs && strcmp(inputs, "many") == 0;
	for (retry = read_words(v, "retry_on", a); *retry; retry++)
		for (size_t i = 0; jobtype_retry_names[i]; i++)
			if (strcmp(jobtype_retry_names[i], *retry) == 0)
				t->retry_on |= 1u << i;
	if (!t->name || !t->title || !t->description || !t->file || !t->accept[0] ||
	    !t->command[0] != (t->manual || t->external))
		return err_set(err, RC_INVALID, "definition of a job type is not complete");
	return params_from_view(view_get(v, "params"), a, &t->params, err);
}

/* ---- publish
 * --------------------------------------------------------------------------------------- */

/* What the database holds of a name's latest version. */
struct latest {
	int64_t version; /* 0: never published */
	bool current, available, same;
};

static enum rc find_latest(struct db *db, const struct jobtype *t, const struct buf *definition,
    struct latest *out, struct err *err)
{
	struct db_cursor cur;
	const char *text;
	size_t len;
	enum rc rc = db_one(db, &cur, SQL_JOBTYPE_LATEST, DB_ARGS(DB_TEXT(t->name)), err);

	*out = (struct latest){0};
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	out->version = db_int(&cur, 0);
	out->current = db_int(&cur, 1);
	out->available = db_int(&cur, 2);
	text = db_text(&cur, 3, &len);
	out->same = text && len == definition->len && memcmp(text, definition->data, len) == 0;
	db_finish(&cur);
	return RC_OK;
}

/* Publish one type; *changed becomes true if anything did. */
static enum rc publish_one(struct db *db, struct jobtype *t, bool *changed, struct err *err)
{
	struct buf definition;
	struct latest last;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	buf_init(&definition);
	view_json(jobtype_view(t, &a), &definition);
	rc = find_latest(db, t, &definition, &last, err);
	if (rc != RC_OK)
		goto out;
	t->version = last.same ? last.version : last.version + 1;
	if (last.same && last.current && last.available == t->available)
		goto out;
	*changed = true;
	if (!last.same || !last.current)
		rc = db_exec(db, SQL_JOBTYPE_RETIRE, DB_ARGS(DB_TEXT(t->name)), err);
	if (rc == RC_OK && last.same)
		rc = db_exec(db, SQL_JOBTYPE_PROMOTE,
		    DB_ARGS(DB_TEXT(t->name), DB_INT(t->version), DB_INT(t->available)), err);
	else if (rc == RC_OK)
		rc = db_exec(db, SQL_JOBTYPE_INSERT,
		    DB_ARGS(DB_TEXT(t->name), DB_INT(t->version), DB_INT(t->available),
			DB_TEXTN(definition.data, definition.len), DB_INT(clock_wall_ms())),
		    err);
out:
	buf_release(&definition);
	arena_release(&a);
	return rc;
}

static bool is_bad(const struct jobtypes *types, const char *file)
{
	for (size_t i = 0; i < types->bad_count; i++)
		if (strcmp(types->bad[i].file, file) == 0)
			return true;
	return false;
}

/* Whether the definition in force of this name comes from a file that has an error now. One of the
 * same name in another directory must not take its place. */
static bool holds(const struct jobtypes *before, const struct jobtypes *types, const char *name)
{
	const struct jobtype *t = jobtype_find(before, name);

	return t && is_bad(types, t->file);
}

enum rc jobtype_publish(struct db *db, struct jobtypes *types, struct err *err)
{
	struct jobtypes before;
	bool changed = false;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = jobtype_load_db(db, &a, &before, err);
	for (size_t i = 0; rc == RC_OK && i < before.n; i++) {
		const struct jobtype *t = &before.list[i];

		if (jobtype_find(types, t->name) || is_bad(types, t->file))
			continue;
		changed = true;
		rc = db_exec(db, SQL_JOBTYPE_RETIRE, DB_ARGS(DB_TEXT(t->name)), err);
	}
	for (size_t i = 0; rc == RC_OK && i < types->n; i++)
		if (!holds(&before, types, types->list[i].name))
			rc = publish_one(db, &types->list[i], &changed, err);
	if (rc == RC_OK && changed)
		rc = db_exec(db, SQL_JOBTYPE_STAMP_BUMP, DB_NO_ARGS, err);
	/* Jobs that wait say why. */
	if (rc == RC_OK && changed)
		rc = db_exec(db, SQL_PROJECT_BUMP_ALL, DB_NO_ARGS, err);
	arena_release(&a);
	return rc;
}

/* ---- load
 * --------------------------------------------------------------------------------------------- */

enum rc jobtype_load_db(struct db *db, struct arena *a, struct jobtypes *out, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = db_query(db, &cur, SQL_JOBTYPE_CURRENT, DB_NO_ARGS, err);

	*out = (struct jobtypes){0};
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		const char *text;
		size_t len;

		if (out->n == room) {
			struct jobtype *list = arena_alloc(a, (2 * room + 8) * sizeof *list);

			if (room)
				memcpy(list, out->list, room * sizeof *list);
			out->list = list;
			room = 2 * room + 8;
		}
		text = db_text(&cur, 2, &len);
		rc = jobtype_from_json(text, len, a, &out->list[out->n], err);
		if (rc != RC_OK)
			break;
		out->list[out->n].version = db_int(&cur, 0);
		out->list[out->n].paused = db_int(&cur, 3);
		out->list[out->n++].available = db_int(&cur, 1);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc jobtype_load_version(struct db *db, const char *name, int64_t version, struct arena *a,
    struct jobtype *out, struct err *err)
{
	struct db_cursor cur;
	const char *text;
	size_t len;
	enum rc rc =
	    db_one(db, &cur, SQL_JOBTYPE_VERSION, DB_ARGS(DB_TEXT(name), DB_INT(version)), err);

	if (rc != RC_OK)
		return rc;
	text = db_text(&cur, 0, &len);
	rc = jobtype_from_json(text, len, a, out, err);
	out->version = version;
	db_finish(&cur);
	return rc;
}

enum rc jobtype_stamp(struct db *db, int64_t *stamp, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_JOBTYPE_STAMP, DB_NO_ARGS, err);

	*stamp = 0;
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	*stamp = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

/* ---- pause
 * -------------------------------------------------------------------------------------------- */

static enum rc set_paused(
    struct db *db, const char *name, const char *actor, bool paused, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_JOBTYPE_LATEST, DB_ARGS(DB_TEXT(name)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such job type: \"%.63s\"", name);
	if (rc != RC_OK)
		return rc;
	db_finish(&cur);
	if (paused)
		rc = db_exec(db, SQL_JOBTYPE_PAUSE,
		    DB_ARGS(DB_TEXT(name), DB_TEXT(actor), DB_INT(clock_wall_ms())), err);
	else
		rc = db_exec(db, SQL_JOBTYPE_RESUME, DB_ARGS(DB_TEXT(name)), err);
	if (rc != RC_OK || db_changes(db) == 0)
		return rc;
	rc = db_exec(db, SQL_JOBTYPE_STAMP_BUMP, DB_NO_ARGS, err);
	return rc == RC_OK ? db_exec(db, SQL_PROJECT_BUMP_ALL, DB_NO_ARGS, err) : rc;
}

enum rc jobtype_pause(
    struct db *db, const struct scope *by, const char *name, bool paused, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = set_paused(db, name, by->user_name, paused, err);
	return audit_commit(db, by, 0, paused ? "type.pause" : "type.resume", name, NULL, rc, err);
}
