/*
 * The job list: what is asked for, and which of it stands in the tag.
 */
#include "fcgi/list.h"

#include <stdio.h>
#include <string.h>

#include "core/job_file.h"
#include "core/str.h"
#include "core/url.h"
#include "fcgi/identify.h"

#define LIMIT_DEFAULT 25

/* A cheap hash for the tag: only a change of the viewer's own view goes unnoticed if two collide.
 */
static uint64_t name_hash(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

void tag_make(const struct app *app, const struct request *r, int64_t version, const char *name,
    char out[static TAG_SIZE])
{
	snprintf(out, TAG_SIZE, "%s-%lld-%d-%lld-%016llx", app->templates->tag,
	    (long long)r->scope.project_id, (int)r->scope.role, (long long)version,
	    (unsigned long long)name_hash(name));
}

bool tag_unchanged(const struct request *r, struct response *resp, const char *tag)
{
	const char *held = request_param(r, PARAM_HX_PTAG),
		   *etags = request_param(r, PARAM_IF_NONE_MATCH);
	char etag[TAG_SIZE + 4];
	bool same = strcmp(held, tag) == 0;

	snprintf(etag, sizeof etag, "W/\"%s\"", tag);
	if (!same && *etags)
		same = strstr(etags, etag + 2) != NULL;
	response_header(resp, "ETag", "%s", etag);
	response_header(resp, "HX-PTag", "%s", tag);
	response_header(resp, "Vary", "HX-Request, Accept");
	if (same)
		resp->status = 304;
	return same;
}

/* "k=v" behind what there is. */
static const char *query_add(struct arena *a, const char *query, const char *key, const char *value)
{
	return arena_join(a, query, *query ? "&" : "", key, "=", url_escape(a, value), NULL);
}

static const char *query_number(struct arena *a, const char *query, const char *key, int64_t n)
{
	return arena_printf(a, "%s%s%s=%lld", query, *query ? "&" : "", key, (long long)n);
}

/* The canonical query of a filter without its position. */
static const char *filter_query(
    const struct request *r, const struct job_filter *f, bool with_status)
{
	struct arena *a = r->arena;
	const char *q = "";

	if (r->scope.project_id != r->scope.home_project)
		q = query_number(a, q, "project", r->scope.project_id);

	if (f->by_status && with_status)
		q = query_add(a, q, "status", job_status_name(f->status));
	if (f->job_type)
		q = query_add(a, q, "type", f->job_type);
	if (f->q)
		q = query_add(a, q, "q", f->q);
	if (f->oldest_first)
		q = query_add(a, q, "order", "oldest");
	if (f->limit != LIMIT_DEFAULT)
		q = query_number(a, q, "limit", f->limit);
	return q;
}

/* What follows from the filter. */
static enum rc complete(struct app *app, const struct request *r, struct list *l, struct err *err)
{
	struct arena *a = r->arena;
	const struct job_filter *f = &l->filter;
	enum rc rc;

	l->query = filter_query(r, f, true);
	if (f->after)
		l->query = query_number(a, l->query, "after", f->after);
	if (f->before)
		l->query = query_number(a, l->query, "before", f->before);
	rc = project_version(app->db, &r->scope, &l->version, err);
	if (rc != RC_OK)
		return rc;
	l->name = arena_printf(
	    a, "%lld/%d?%s", (long long)r->scope.project_id, (int)r->scope.role, l->query);
	tag_make(app, r, l->version, l->name, l->tag);
	return RC_OK;
}

enum rc list_first(struct app *app, const struct request *r, struct list *l, struct err *err)
{
	l->filter = (struct job_filter){.limit = LIMIT_DEFAULT};
	return complete(app, r, l, err);
}

enum rc list_open(
    struct app *app, struct request *r, struct list *l, struct response *resp, struct err *err)
{
	struct job_filter *f = &l->filter;
	int64_t status = request_int(r, "status", -1);
	enum rc rc;

	*f = (struct job_filter){
	    .by_status = status >= 0,
	    .status = status >= 0 ? (enum job_status)status : JOB_PENDING,
	    .job_type = request_text(r, "type"),
	    .q = request_text(r, "q"),
	    .oldest_first = request_int(r, "order", 0) == 1,
	    .limit = (int)request_int(r, "limit", LIMIT_DEFAULT),
	    .after = request_int(r, "after", 0),
	    .before = request_int(r, "before", 0),
	};
	if (f->after && f->before)
		return response_fail(
		    resp, 422, "before", err, "after and before cannot be used together");
	rc = request_project(app, r, resp, err);
	return rc == RC_OK ? complete(app, r, l, err) : rc;
}

static const char *with_query(struct arena *a, const char *path, const char *query)
{
	return *query ? arena_join(a, path, "?", query, NULL) : path;
}

const char *list_path(const struct request *r)
{
	bool home = r->scope.project_id == r->scope.home_project;

	return home ? "/"
		    : with_query(r->arena, "/",
			  query_number(r->arena, "", "project", r->scope.project_id));
}

static struct view *filter_view(struct arena *a, const struct job_filter *f)
{
	struct view *v = view_obj(a);

	view_ref(v, "status", f->by_status ? job_status_name(f->status) : NULL);
	view_ref(v, "type", f->job_type);
	view_ref(v, "q", f->q);
	view_ref(v, "order", f->oldest_first ? "oldest" : "newest");
	view_int(v, "limit", f->limit);
	return v;
}

static struct view *counts_view(
    struct arena *a, const int64_t counts[static JOB_STATUS_MAX], int64_t all)
{
	struct view *v = view_obj(a);

	view_int(v, "all", all);
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		view_int(v, job_status_name((enum job_status)s), counts[s]);
	return v;
}

static const char *const status_labels[JOB_STATUS_MAX] = {
    [JOB_PENDING] = "Pending",
    [JOB_PROCESSING] = "Processing",
    [JOB_PAUSED] = "Paused",
    [JOB_COMPLETED] = "Completed",
    [JOB_FAILED] = "Failed",
    [JOB_CANCELLED] = "Cancelled",
    [JOB_REMOVED] = "Removed",
};

const char *status_label(enum job_status s)
{
	return status_labels[s];
}

/* One tab; s is JOB_STATUS_MAX for all. */
static struct view *tab_view(
    const struct request *r, const struct job_filter *f, enum job_status s, int64_t n)
{
	struct arena *a = r->arena;
	const char *q = filter_query(r, f, false);
	struct view *v = view_obj(a);
	char text[32];

	if (s != JOB_STATUS_MAX)
		q = query_add(a, q, "status", job_status_name(s));
	view_ref(v, "name", s == JOB_STATUS_MAX ? "all" : job_status_name(s));
	view_ref(v, "label", s == JOB_STATUS_MAX ? "All" : status_labels[s]);
	view_int(v, "n", n);
	view_str(v, "n_text", str_count(n, text));
	view_bool(v, "has_n", n > 0);
	view_ref(v, "url", with_query(a, "/", q));
	view_ref(v, "table_url", with_query(a, "/jobs/table", q));
	view_bool(
	    v, "is_active", s == JOB_STATUS_MAX ? !f->by_status : f->by_status && f->status == s);
	return v;
}

static struct view *tabs_view(const struct request *r, const struct job_filter *f,
    const int64_t counts[static JOB_STATUS_MAX], int64_t all)
{
	struct view *tabs = view_list(r->arena);

	view_push(tabs, tab_view(r, f, JOB_STATUS_MAX, all));
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		if (counts[s] || (s != JOB_PAUSED && s != JOB_REMOVED) ||
		    (f->by_status && (int)f->status == s))
			view_push(tabs, tab_view(r, f, (enum job_status)s, counts[s]));
	return tabs;
}

static void put_neighbours(const struct request *r, struct view *v, const struct job_filter *f,
    const struct job_page *page, bool links)
{
	struct arena *a = r->arena;
	const char *base = filter_query(r, f, true);
	const char *next = NULL, *previous = NULL;

	if (page->more_after && page->n)
		next = query_number(a, base, "after", page->jobs[page->n - 1].id);
	if (page->more_before && page->n)
		previous = query_number(a, base, "before", page->jobs[0].id);
	view_ref(v, "next", next ? with_query(a, "/jobs/table", next) : NULL);
	view_ref(v, "previous", previous ? with_query(a, "/jobs/table", previous) : NULL);
	if (links) {
		view_ref(v, "next_page", next ? with_query(a, "/", next) : NULL);
		view_ref(v, "previous_page", previous ? with_query(a, "/", previous) : NULL);
	}
}

/* How many jobs match, exactly; -1 while searching by name, which nobody counts. */
static enum rc match_count(struct app *app, const struct request *r, const struct job_filter *f,
    const int64_t counts[static JOB_STATUS_MAX], int64_t all, int64_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	*n = f->q ? -1 : f->by_status ? counts[f->status] : all;
	if (f->q || !f->job_type)
		return RC_OK;
	rc = db_one(app->db, &cur, SQL_COUNTER_TYPE,
	    DB_ARGS(DB_INT(r->scope.project_id), DB_TEXT(f->job_type),
		DB_TEXT(f->by_status ? job_status_name(f->status) : "")),
	    err);
	if (rc != RC_OK)
		return rc;
	*n = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

struct rows {
	struct job_page page;
	struct file *files;
	size_t file_count;
	int64_t counts[JOB_STATUS_MAX], all, matching;
};

static enum rc read_rows(struct app *app, const struct request *r, const struct list *l,
    struct rows *rows, struct err *err)
{
	enum rc rc = job_list(app->db, &r->scope, &l->filter, r->arena, &rows->page, err);

	if (rc == RC_OK)
		rc = job_outputs(app->db, &r->scope, &rows->page, r->arena, &rows->files,
		    &rows->file_count, err);
	if (rc == RC_OK)
		rc = job_counts(app->db, &r->scope, rows->counts, err);
	rows->all = 0;
	for (int s = 0; rc == RC_OK && s < JOB_STATUS_MAX; s++)
		rows->all += rows->counts[s];
	if (rc == RC_OK)
		rc = match_count(app, r, &l->filter, rows->counts, rows->all, &rows->matching, err);
	return rc;
}

static void put_page_members(
    const struct request *r, const struct list *l, const struct rows *rows, struct view *v)
{
	struct arena *a = r->arena;
	const struct job_filter *f = &l->filter;

	view_ref(v, "page_url", with_query(a, "/", l->query));
	view_ref(v, "table_url", with_query(a, "/jobs/table", l->query));
	view_ref(v, "tag", l->tag);
	view_ref(v, "list_url", list_path(r));
	view_ref(v, "list_table_url", arena_join(a, "/jobs/table", list_path(r) + 1, NULL));
	if (r->scope.project_id == r->scope.home_project)
		view_null(v, "project");
	else
		view_int(v, "project", r->scope.project_id);
	view_bool(v, "can_upload", r->scope.role >= ROLE_MEMBER);
	view_put(v, "tabs", tabs_view(r, f, rows->counts, rows->all));
	view_bool(v, "is_empty", rows->page.n == 0);
	view_bool(v, "is_fresh", rows->all == 0);
	view_bool(v, "is_filtered", f->by_status || f->job_type || f->q);
	view_bool(v, "is_busy", l->busy);
}

/* With what pages add, if it is for one. Rows are made like the first. */
static struct view *rows_view(
    const struct request *r, const struct rows *rows, const struct jobtypes *types, bool page)
{
	struct arena *a = r->arena;
	struct view *jobs = view_list(a), *first = NULL;

	for (size_t i = 0; i < rows->page.n; i++) {
		struct view *job = first ? view_like(a, first) : view_obj(a);

		job_view_fill(a, job, &rows->page.jobs[i], rows->files, rows->file_count);
		if (page)
			job_view_page(r, job, &rows->page.jobs[i], types);
		else
			job_view_hold(job, &rows->page.jobs[i], types);
		view_push(jobs, job);
		if (!first)
			first = job;
	}
	return jobs;
}

enum rc list_view(struct app *app, const struct request *r, struct list *l, bool page,
    struct view **out, struct err *err)
{
	struct arena *a = r->arena;
	struct view *v = view_obj(a);
	const struct jobtypes *types;
	struct rows rows;
	enum rc rc = db_begin_read(app->db, err);

	if (rc == RC_OK)
		rc = read_rows(app, r, l, &rows, err);
	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	db_rollback(app->db);
	if (rc != RC_OK)
		return rc;
	l->busy = false;
	for (size_t i = 0; i < rows.page.n; i++)
		l->busy |= !job_status_final(rows.page.jobs[i].status);
	view_put(v, "jobs", rows_view(r, &rows, types, page));
	if (rows.matching < 0)
		view_null(v, "count");
	else
		view_int(v, "count", rows.matching);
	view_put(v, "counts", counts_view(a, rows.counts, rows.all));
	view_put(v, "filter", filter_view(a, &l->filter));
	put_neighbours(r, v, &l->filter, &rows.page, page);
	view_int(v, "version", l->version);
	if (page)
		put_page_members(r, l, &rows, v);
	*out = v;
	return RC_OK;
}
