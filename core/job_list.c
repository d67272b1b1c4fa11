/*
 * The list of jobs: keyset pages, counts per state, and the view of one job.
 *
 * A page is read by id in either direction with one row more than asked for, which tells whether
 * the list goes on. Each combination of filters has its own statement and index; a search goes
 * through the trigram index, looks at its newest 5,000 matches, and at the newest names themselves
 * (core/job_search.h).
 */
#include "core/job.h"

#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_file.h"
#include "core/job_record.h"
#include "core/job_search.h"
#include "core/str.h"

#define LIMIT_DEFAULT 25
#define LIMIT_MAX 100
#define Q_MAX 200

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

struct question {
	int64_t project_id, org_id, from;
	int rows;
	bool up; /* by rising id */
	const char *status, *type, *part;
};

static enum rc ask_page(
    struct db *db, struct db_cursor *cur, const struct question *q, struct err *err)
{
	static const enum sql_id pages[2][2][2] = {
	    /* status, type, up */
	    {{SQL_JOB_PAGE_DOWN, SQL_JOB_PAGE_UP}, {SQL_JOB_PAGE_TYPE_DOWN, SQL_JOB_PAGE_TYPE_UP}},
	    {{SQL_JOB_PAGE_STATUS_DOWN, SQL_JOB_PAGE_STATUS_UP},
		{SQL_JOB_PAGE_BOTH_DOWN, SQL_JOB_PAGE_BOTH_UP}},
	};
	struct db_arg args[6] = {
	    DB_INT(q->project_id), DB_INT(q->org_id), DB_INT(q->from), DB_INT(q->rows)};
	size_t n = 4;

	if (q->status)
		args[n++] = DB_TEXT(q->status);
	if (q->type)
		args[n++] = DB_TEXT(q->type);
	return db_query(db, cur, pages[q->status != NULL][q->type != NULL][q->up], args, n, err);
}

static enum rc ask_index(struct db *db, struct db_cursor *cur, const struct question *q,
    struct arena *a, struct err *err)
{
	return db_query(db, cur, q->up ? SQL_JOB_SEARCH_UP : SQL_JOB_SEARCH_DOWN,
	    DB_ARGS(DB_INT(q->project_id), DB_INT(q->org_id), DB_INT(q->from), DB_INT(q->rows),
		DB_TEXT(job_search_question(a, q->project_id, q->part)),
		DB_TEXT(q->status ? q->status : ""), DB_TEXT(q->type ? q->type : "")),
	    err);
}

static enum rc ask_recent(
    struct db *db, struct db_cursor *cur, const struct question *q, struct err *err)
{
	return db_query(db, cur, q->up ? SQL_JOB_RECENT_UP : SQL_JOB_RECENT_DOWN,
	    DB_ARGS(DB_INT(q->project_id), DB_INT(q->org_id), DB_INT(q->from),
		DB_TEXT(q->status ? q->status : ""), DB_TEXT(q->type ? q->type : "")),
	    err);
}

/* The rows of a query whose names hold `part` (NULL: all), as many as are wanted. */
static enum rc read_rows(struct db_cursor *cur, const struct question *q, const char *part,
    struct arena *a, struct job_page *out, struct err *err)
{
	enum rc rc = RC_OK;

	while (out->n < (size_t)q->rows && (rc = db_next(cur, err)) == RC_OK) {
		job_read(cur, a, &out->jobs[out->n]);
		out->n += !part || job_search_holds(out->jobs[out->n].name, part);
	}
	db_finish(cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* The newest names are in front of those of the index, or behind them. */
static enum rc search(
    struct db *db, const struct question *q, struct arena *a, struct job_page *out, struct err *err)
{
	enum rc rc = RC_OK;

	for (int turn = 0; turn < 2 && rc == RC_OK; turn++) {
		bool recent = (turn == 0) != q->up;
		struct db_cursor cur;

		rc = recent ? ask_recent(db, &cur, q, err) : ask_index(db, &cur, q, a, err);
		if (rc == RC_OK)
			rc = read_rows(&cur, q, recent ? q->part : NULL, a, out, err);
	}
	return rc;
}

static enum rc read_page(
    struct db *db, const struct question *q, struct arena *a, struct job_page *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	if (q->part)
		return search(db, q, a, out, err);
	rc = ask_page(db, &cur, q, err);
	return rc == RC_OK ? read_rows(&cur, q, NULL, a, out, err) : rc;
}

static void reverse(struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct job swap = jobs[i];

		jobs[i] = jobs[n - 1 - i];
		jobs[n - 1 - i] = swap;
	}
}

static enum rc check(const struct job_filter *f, struct err *err)
{
	if (f->limit < 0 || f->limit > LIMIT_MAX)
		return err_set(err, RC_INVALID, "limit must be 1 to %d", LIMIT_MAX);
	if (f->after && f->before)
		return err_set(err, RC_INVALID, "after and before cannot be used together");
	if (f->q && *f->q && (characters(f->q) < 3 || strlen(f->q) > Q_MAX))
		return err_set(err, RC_INVALID,
		    "q must have 3 characters or more, and at most %d bytes", Q_MAX);
	return RC_OK;
}

/* The id behind which the page begins. */
static int64_t start(const struct job_filter *f, bool up)
{
	int64_t from = f->before ? f->before : f->after ? f->after : up ? 0 : INT64_MAX;

	if (up && f->from_id && from < f->from_id - 1)
		return f->from_id - 1;
	return !up && f->to_id && from > f->to_id ? f->to_id : from;
}

/* Cut off the rows on the far side of the bounds. */
static void bound(const struct job_filter *f, struct job_page *out)
{
	while (out->n && ((f->from_id && out->jobs[out->n - 1].id < f->from_id) ||
			     (f->to_id && out->jobs[out->n - 1].id >= f->to_id)))
		out->n--;
}

enum rc job_list(struct db *db, const struct scope *sc, const struct job_filter *f, struct arena *a,
    struct job_page *out, struct err *err)
{
	int limit = f->limit ? f->limit : LIMIT_DEFAULT;
	bool backwards = f->before != 0, up = f->oldest_first != backwards;
	struct question q = {
	    .project_id = sc->project_id,
	    .org_id = sc->org_id,
	    .from = start(f, up),
	    .rows = limit + 1,
	    .up = up,
	    .status = f->by_status ? job_status_name(f->status) : NULL,
	    .type = f->job_type && *f->job_type ? f->job_type : NULL,
	    .part = f->q && *f->q ? f->q : NULL,
	};
	enum rc rc = check(f, err);

	if (rc != RC_OK)
		return rc;
	*out = (struct job_page){.jobs = arena_alloc(a, sizeof *out->jobs * (size_t)(limit + 1))};
	rc = read_page(db, &q, a, out, err);
	if (rc != RC_OK)
		return rc;

	bool more;

	bound(f, out);
	more = out->n > (size_t)limit;
	out->n -= more;
	if (backwards)
		reverse(out->jobs, out->n);
	out->more_before = backwards ? more : f->after != 0;
	out->more_after = backwards ? true : more;
	return RC_OK;
}

enum rc job_id_at(struct db *db, int64_t wall_ms, int64_t *id, struct err *err)
{
	int64_t low = 1, high;
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_JOB_LAST_ID, DB_NO_ARGS, err);

	*id = INT64_MAX;
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	high = db_int(&cur, 0) + 1;
	db_finish(&cur);
	/* All ids below low are of before, those from high on are not. Ids have gaps: what is
	 * looked at is the next one that exists. */
	while (low < high) {
		int64_t mid = low + (high - low) / 2, found = high, at = INT64_MAX;

		rc = db_one(db, &cur, SQL_JOB_NEXT_ID, DB_ARGS(DB_INT(mid)), err);
		if (rc == RC_OK) {
			found = db_int(&cur, 0);
			at = db_int(&cur, 1);
			db_finish(&cur);
		} else if (rc != RC_NOTFOUND) {
			return rc;
		}
		if (at < wall_ms)
			low = found + 1;
		else
			high = mid;
	}
	*id = low;
	return RC_OK;
}

enum rc job_counts(
    struct db *db, const struct scope *sc, int64_t counts[static JOB_STATUS_MAX], struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	memset(counts, 0, sizeof *counts * JOB_STATUS_MAX);
	rc = db_query(db, &cur, SQL_COUNTER_STATUS, DB_ARGS(DB_INT(sc->project_id)), err);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		enum job_status s = job_status_parse(db_text(&cur, 0, NULL));

		if (s != JOB_STATUS_MAX)
			counts[s] = db_int(&cur, 1);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc project_version(struct db *db, const struct scope *sc, int64_t *version, struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	rc = db_one(db, &cur, SQL_PROJECT_VERSION,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->project_id)), err);
	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such project");
	if (rc != RC_OK)
		return rc;
	*version = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

static void put_time(struct view *v, const char *key, int64_t ms)
{
	char text[CLOCK_ISO_SIZE];

	if (ms)
		view_strn(v, key, clock_iso(ms, text), CLOCK_ISO_SIZE - 1);
	else
		view_null(v, key);
}

static void put_known(struct view *v, const char *key, int64_t n)
{
	if (n < 0)
		view_null(v, key);
	else
		view_int(v, key, n);
}

int64_t job_expires_at(const struct job *job)
{
	bool kept = job_status_final(job->status) && job->status != JOB_REMOVED;

	return kept && job->keep_ms && job->completed_at ? job->completed_at + job->keep_ms : 0;
}

static struct view *action_list(struct arena *a, enum job_status status)
{
	struct view *list = view_list(a);

	for (size_t i = 0; i < JOB_ASKED_MAX; i++)
		if (job_next(status, job_asked[i]) != JOB_STATUS_MAX)
			view_push_str(list, job_action_name(job_asked[i]));
	return list;
}

/* As they are stored: secrets are hidden in there already. Most jobs have none. */
static struct view *params(struct arena *a, const struct job *job)
{
	struct view *v;

	if (!job->params || strcmp(job->params, "{}") == 0 ||
	    view_parse(a, job->params, strlen(job->params), &v, NULL) != RC_OK ||
	    view_type(v) != VIEW_OBJ)
		return view_obj(a);
	return v;
}

struct view *job_moves_view(struct arena *a, const struct job *job)
{
	struct view *list = view_list(a);

	for (enum job_status s = 0; job->manual && s < JOB_STATUS_MAX; s++)
		if (job_move_action(job, s) != JOB_ACTION_MAX)
			view_push_str(list, job_status_name(s));
	return list;
}

void job_view_fill(
    struct arena *a, struct view *v, const struct job *job, const struct file *files, size_t n)
{
	struct view *inputs = view_list(a), *outputs = view_list(a);

	view_int(v, "id", job->id);
	view_ref(v, "uuid", job->uuid);
	view_ref(v, "name", job->name);
	view_int(v, "project_id", job->project_id);
	view_ref(v, "job_type", job->job_type);
	view_ref(v, "status", job_status_name(job->status));
	view_int(v, "progress", job->progress);
	put_known(v, "total_items", job->total_items);
	put_known(v, "processed_items", job->processed_items);
	put_known(v, "rejected_items", job->rejected_items);
	view_ref(v, "current_step", job->current_step);
	view_int(v, "priority", job->priority);
	view_int(v, "retry_count", job->retry_count);
	view_int(v, "max_retries", job->max_retries);
	view_int(v, "attempt", job->attempt);
	put_time(v, "run_at", job->run_at);
	view_ref(v, "created_by", job->created_by);
	put_time(v, "created_at", job->created_at);
	put_time(v, "updated_at", job->updated_at);
	put_time(v, "started_at", job->started_at);
	put_time(v, "completed_at", job->completed_at);
	put_time(v, "expires_at", job_expires_at(job));
	view_ref(v, "error", job->error);
	view_ref(v, "error_message", job->error);
	view_ref(v, "result", job->result);
	view_put(v, "params", params(a, job));
	view_int(v, "size", job->size_bytes);
	put_known(v, "cpu_ms", job->cpu_ms);
	put_known(v, "peak_bytes", job->peak_bytes);
	put_known(v, "io_read_bytes", job->read_bytes);
	put_known(v, "io_write_bytes", job->write_bytes);
	put_known(v, "log_bytes", job->log_bytes);
	for (size_t i = 0; i < n; i++)
		if (files[i].job_id == job->id && files[i].kind != FILE_ARCHIVE)
			view_push(files[i].kind == FILE_OUTPUT ? outputs : inputs,
			    file_view(a, job->uuid, &files[i]));
	view_put(v, "inputs", inputs);
	view_put(v, "outputs", outputs);
	view_int(v, "input_count", job->files_in);
	view_int(v, "output_count", job->files_out);
	view_put(v, "actions", action_list(a, job->status));
	view_bool(v, "manual", job->manual);
	view_put(v, "moves", job_moves_view(a, job));
}

struct view *job_view(struct arena *a, const struct job *job, const struct file *files, size_t n)
{
	struct view *v = view_obj(a);

	job_view_fill(a, v, job, files, n);
	return v;
}
