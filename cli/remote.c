/*
 * The source of jobs that is a server: the API, with the token's rights.
 */
#include "cli/remote.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/url.h"

const char *remote_project(struct arena *a, char mark)
{
	if (!cli.project)
		return "";
	return arena_printf(a, "%cproject=%s", mark, url_escape(a, cli.project));
}

enum rc remote_get(const char *path, struct arena *a, const struct view **out, struct err *err)
{
	struct http_answer answer;
	enum rc rc =
	    http_ask(&(struct http_request){.method = "GET", .path = path}, a, &answer, err);

	if (rc == RC_OK)
		*out = answer.json;
	return rc;
}

enum rc remote_post(
    const char *path, const char *form, struct arena *a, const struct view **out, struct err *err)
{
	struct http_answer answer;
	enum rc rc = http_ask(&(struct http_request){.method = "POST",
				  .path = path,
				  .body = form,
				  .type = "application/x-www-form-urlencoded"},
	    a, &answer, err);

	if (rc == RC_OK)
		*out = answer.json;
	return rc;
}

enum rc remote_types(const struct view **list, struct err *err)
{
	const struct view *v;
	enum rc rc = remote_get("/admin", &cli.arena, &v, err);

	if (rc == RC_OK)
		*list = view_get(v, "types");
	return rc;
}

/* ---- lists ---- */

static const char *filter_query(struct arena *a, const struct job_filter *f)
{
	const char *q = remote_project(a, '&');

	if (f->by_status)
		q = arena_join(a, q, "&status=", job_status_name(f->status), NULL);
	if (f->job_type && *f->job_type)
		q = arena_join(a, q, "&type=", url_escape(a, f->job_type), NULL);
	if (f->q && *f->q)
		q = arena_join(a, q, "&q=", url_escape(a, f->q), NULL);
	if (f->oldest_first)
		q = arena_join(a, q, "&order=oldest", NULL);
	return q;
}

static enum rc list(const struct job_filter *f, int64_t limit, struct arena *a, struct view *jobs,
    bool *more, struct err *err)
{
	const char *query = filter_query(a, f);
	int64_t n = 0, after = 0;

	do {
		const struct view *v, *page;
		const char *path = arena_printf(a, "/api/jobs?limit=%lld%s",
		    (long long)(limit - n > 100 ? 100 : limit - n), query);
		enum rc rc;

		if (after)
			path = arena_printf(a, "%s&after=%lld", path, (long long)after);
		rc = remote_get(path, a, &v, err);
		if (rc != RC_OK)
			return rc;
		page = view_get(v, "jobs");
		for (size_t i = 0; i < view_len(page); i++) {
			after = number_of(view_at(page, i), "id");
			view_push(jobs, (struct view *)view_at(page, i));
		}
		n += (int64_t)view_len(page);
		*more = view_len(page) && *text_of(v, "next");
	} while (*more && n < limit);
	return RC_OK;
}

/* The tag of the list changes with its version: a look that finds nothing new costs a line. */
static enum rc version(int64_t *out, struct err *err)
{
	static struct arena held, looked;
	static int64_t last = -1;
	static const char *etag;
	struct http_answer answer;
	enum rc rc;

	arena_clear(&looked);
	rc = http_ask(&(struct http_request){.method = "GET",
			  .path = arena_join(
			      &looked, "/api/jobs?limit=1", remote_project(&looked, '&'), NULL),
			  .etag = etag},
	    &looked, &answer, err);
	if (rc != RC_OK)
		return rc;
	if (answer.status != 304) {
		arena_clear(&held);
		last = number_of(answer.json, "version");
		etag = arena_strdup(&held, answer.etag);
	}
	*out = last;
	return RC_OK;
}

static enum rc table(int limit, struct arena *a, const struct view **out, struct err *err)
{
	return remote_get(
	    arena_printf(a, "/api/jobs?limit=%d%s", limit, remote_project(a, '&')), a, out, err);
}

/* ---- one job ---- */

static const char *job_path(struct arena *a, const char *start, const char *key, const char *end)
{
	return arena_join(a, start, url_escape(a, key), end, NULL);
}

/* The member `job` of an answer. */
static enum rc take_job(
    enum rc rc, const struct view *answer, const struct view **out, struct err *err)
{
	if (rc != RC_OK)
		return rc;
	*out = view_get(answer, "job");
	return *out ? RC_OK : err_set(err, RC_DB, "the server's answer has no job");
}

static enum rc find(const char *key, struct arena *a, const struct view **out, struct err *err)
{
	const struct view *answer = NULL;
	enum rc rc = remote_get(job_path(a, "/api/jobs/", key, ""), a, &answer, err);

	return take_job(rc, answer, out, err);
}

static enum rc delete_job(const char *key, const struct view **out, struct err *err)
{
	struct http_answer answer;
	enum rc rc = find(key, &cli.arena, out, err);

	return rc != RC_OK ? rc
			   : http_ask(&(struct http_request){.method = "DELETE",
					  .path = job_path(&cli.arena, "/api/jobs/", key, "")},
				 &cli.arena, &answer, err);
}

static enum rc act(
    const char *key, enum job_action action, const struct view **out, struct err *err)
{
	static const char *const ends[JOB_ACTION_MAX] = {
	    [JOB_CANCEL] = "/cancel",
	    [JOB_RETRY] = "/retry",
	    [JOB_PAUSE] = "/pause",
	    [JOB_RESUME] = "/resume",
	};
	const struct view *answer = NULL;
	enum rc rc;

	if (action == JOB_DELETE)
		return delete_job(key, out, err);
	if (!ends[action])
		return err_set(err, RC_INVALID,
		    "a server does not remove the files alone; rm deletes the job with them");
	rc = remote_post(
	    job_path(&cli.arena, "/jobs/", key, ends[action]), "", &cli.arena, &answer, err);
	return take_job(rc, answer, out, err);
}

static enum rc move(
    const char *key, const struct job_move *m, const struct view **out, struct err *err)
{
	struct view *v = view_obj(&cli.arena);
	struct http_answer answer = {0};
	struct buf body;
	enum rc rc;

	if (m->by_status)
		view_ref(v, "status", job_status_name(m->status));
	if (m->progress >= 0)
		view_int(v, "progress", m->progress);
	if (m->step)
		view_ref(v, "current_step", m->step);
	if (m->result)
		view_ref(v, "result", m->result);
	if (m->error)
		view_ref(v, "error", m->error);
	if (m->reason)
		view_ref(v, "reason", m->reason);
	buf_init(&body);
	view_json(v, &body);
	rc = http_ask(&(struct http_request){.method = "PATCH",
			  .path = job_path(&cli.arena, "/api/jobs/", key, ""),
			  .body = body.data,
			  .type = "application/json"},
	    &cli.arena, &answer, err);
	buf_release(&body);
	return take_job(rc, answer.json, out, err);
}

/* ---- figures ---- */

/* How many jobs there are of a type and state. */
static enum rc count(const char *type, const char *state, int64_t *n, struct err *err)
{
	struct arena *a = &cli.arena;
	const struct view *v;
	enum rc rc = remote_get(arena_join(a, "/api/jobs?limit=1&type=", url_escape(a, type),
				    "&status=", state, remote_project(a, '&'), NULL),
	    a, &v, err);

	if (rc == RC_OK)
		*n = number_of(v, "count");
	return rc;
}

/* A type with its jobs per state, of the states in which the project has any. */
static enum rc put_type(
    struct view *list, const char *name, const struct view *states, struct err *err)
{
	struct view *v = view_obj(&cli.arena), *counts = view_obj(&cli.arena);
	enum rc rc = RC_OK;

	for (int s = 0; rc == RC_OK && s < JOB_STATUS_MAX; s++) {
		const char *state = job_status_name((enum job_status)s);
		int64_t n = 0;

		if (number_of(states, state))
			rc = count(name, state, &n, err);
		if (n)
			view_int(counts, state, n);
	}
	view_ref(v, "name", name);
	view_put(v, "counts", counts);
	if (view_len(counts))
		view_push(list, v);
	return rc;
}

static bool holds(const struct view *list, const char *name)
{
	for (size_t i = 0; i < view_len(list); i++)
		if (strcmp(view_text(view_at(list, i)), name) == 0)
			return true;
	return false;
}

/* Names of the types: all of them for an admin, else those of the newest jobs. */
static enum rc type_names(struct view *names, const struct view *admin, struct err *err)
{
	const struct view *list = admin ? view_get(admin, "types") : NULL, *v;
	const char *key = "name";
	enum rc rc;

	if (!list) {
		rc = table(100, &cli.arena, &v, err);
		if (rc != RC_OK)
			return rc;
		list = view_get(v, "jobs");
		key = "job_type";
	}
	for (size_t i = 0; i < view_len(list); i++)
		if (!holds(names, text_of(view_at(list, i), key)))
			view_push_str(names, text_of(view_at(list, i), key));
	return RC_OK;
}

/* `withheld`: which parts the server keeps from this caller, and why. */
static void put_withheld(struct view *v, const struct view *admin, const char *why)
{
	static const char *const parts[] = {"workers", "orgs"};
	struct view *withheld = view_obj(&cli.arena), *list = view_list(&cli.arena);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!view_get(admin, parts[i]))
			view_push_str(list, parts[i]);
	if (!view_len(list))
		return;
	view_put(withheld, "parts", list);
	view_ref(withheld, "why", why);
	view_put(v, "withheld", withheld);
}

static enum rc stats(struct view *v, struct err *err)
{
	const char *why = "they are told to operators";
	struct view *names = view_list(&cli.arena), *list = view_list(&cli.arena);
	const struct view *first, *admin = NULL;
	enum rc rc = table(1, &cli.arena, &first, err);

	if (rc == RC_OK && !view_get(first, "counts"))
		rc = err_set(err, RC_DB, "the server's answer has no counts");
	if (rc == RC_OK)
		rc = remote_get("/admin", &cli.arena, &admin, err);
	if (rc == RC_DENIED || rc == RC_NOTFOUND) {
		why = arena_strdup(&cli.arena, err->text);
		admin = NULL;
		rc = RC_OK;
	}
	if (rc == RC_OK)
		rc = type_names(names, admin, err);
	for (size_t i = 0; rc == RC_OK && i < view_len(names); i++)
		rc = put_type(list, view_text(view_at(names, i)), view_get(first, "counts"), err);
	if (rc != RC_OK)
		return rc;
	view_put(v, "counts", (struct view *)view_get(first, "counts"));
	view_put(v, "types", list);
	if (view_get(admin, "workers"))
		view_put(v, "workers", (struct view *)view_get(admin, "workers"));
	if (view_get(admin, "orgs"))
		view_put(v, "orgs", (struct view *)view_get(admin, "orgs"));
	put_withheld(v, admin, why);
	return RC_OK;
}

const struct source source_remote = {
    .list = list,
    .find = find,
    .show = find,
    .act = act,
    .move = move,
    .version = version,
    .table = table,
    .stats = stats,
    .poll_ms = 500,
};
