/*
 * GET /jobs/{job}: a row for htmx, a page in the browser, JSON for programs.
 */
#include <string.h>

#include "core/clock.h"
#include "core/job_file.h"
#include "core/url.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/logview.h"
#include "fcgi/pages.h"

#define REFRESH_SECONDS 2
/* Of the log, on the page. */
#define LAST_LINES 12

struct view *job_history_view(struct arena *a, const struct job_event *events, size_t n)
{
	struct view *list = view_list(a);

	for (size_t i = 0; i < n; i++) {
		struct view *e = view_obj(a);
		char at[CLOCK_ISO_SIZE];

		view_ref(e, "status", job_status_name(events[i].status));
		view_ref(e, "status_label", status_label(events[i].status));
		view_str(e, "at", clock_iso(events[i].at, at));
		view_ref(e, "actor", events[i].actor);
		view_ref(e, "reason", events[i].reason);
		view_push(list, e);
	}
	return list;
}

enum rc job_row_html(struct app *app, struct request *r, struct response *resp,
    const struct job *job, struct err *err)
{
	const struct jobtypes *types;
	struct file *files;
	struct view *v;
	size_t n;
	enum rc rc = job_files_shown(app->db, &r->scope, job->id, r->arena, &files, &n, err);

	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc != RC_OK)
		return rc;
	v = job_view(r->arena, job, files, n);
	job_view_page(r, v, job, types);
	view_ref(v, "page_url", "/");
	return response_html(app, resp, FRAGMENT_ROW, v, err);
}

enum rc job_full_view(
    struct app *app, struct request *r, const struct job *job, struct view **out, struct err *err)
{
	const struct jobtypes *types;
	struct job_event *events;
	struct file *files;
	size_t n, event_count;
	enum rc rc = job_files_shown(app->db, &r->scope, job->id, r->arena, &files, &n, err);

	if (rc == RC_OK)
		rc = job_history(app->db, &r->scope, job->id, r->arena, &events, &event_count, err);
	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc != RC_OK)
		return rc;
	*out = job_view(r->arena, job, files, n);
	job_view_hold(*out, job, types);
	view_put(*out, "history", job_history_view(r->arena, events, event_count));
	view_put(*out, "attempts", job_attempts_view(app, r->arena, job, events, event_count));
	return RC_OK;
}

/* What the job was told, with the labels of the type as it was; and the way to a new one that is
 * told the same, but for secrets and files. */
static enum rc put_parameters(
    struct app *app, struct request *r, const struct job *job, struct view *v, struct err *err)
{
	const char *again = arena_printf(r->arena, "/?new=%s", url_escape(r->arena, job->job_type));
	struct view *list = view_list(r->arena);
	const char **values;
	struct jobtype type;
	enum rc rc;

	if (list_path(r)[1])
		again = arena_join(r->arena, list_path(r), "&", again + 2, NULL);
	if (strcmp(job->params, "{}") == 0)
		return RC_OK;
	rc = jobtype_load_version(app->db, job->job_type, job->type_version, r->arena, &type, err);
	if (rc == RC_OK)
		rc = params_from_json(&type.params, job->params, r->arena, &values, err);
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	for (size_t i = 0; i < type.params.n; i++) {
		const struct param *p = &type.params.list[i];
		struct view *one = view_obj(r->arena);

		if (!values[i])
			continue;
		view_ref(one, "label", p->label);
		view_ref(one, "value", values[i]);
		view_push(list, one);
		if (p->kind != PARAM_KIND_SECRET && p->kind != PARAM_KIND_FILE)
			again = arena_printf(r->arena, "%s&params.%s=%s", again, p->name,
			    url_escape(r->arena, values[i]));
	}
	view_put(v, "parameters", list);
	view_bool(v, "has_parameters", true);
	view_ref(v, "again_url", r->scope.role >= ROLE_MEMBER ? again : NULL);
	return RC_OK;
}

/* All that is shown of one job. */
static enum rc detail_view(struct app *app, struct request *r, const struct log_source *log,
    struct view **out, struct err *err)
{
	struct view *lines = log_last_lines(r->arena, log, LAST_LINES);
	const struct jobtypes *types;
	enum rc rc = job_full_view(app, r, log->job, out, err);

	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc == RC_OK)
		rc = put_parameters(app, r, log->job, *out, err);
	if (rc != RC_OK)
		return rc;
	job_view_page(r, *out, log->job, types);
	if (lines)
		view_put(*out, "last_lines", lines);
	return RC_OK;
}

static enum rc answer_page(struct app *app, struct request *r, struct response *resp,
    const struct log_source *log, const char *tag, struct err *err)
{
	const struct job *job = log->job;
	struct view *page = view_obj(r->arena), *v;
	enum rc rc = detail_view(app, r, log, &v, err);

	if (rc != RC_OK)
		return rc;
	view_put(page, "job", v);
	view_str(page, "tag", tag);
	view_ref(page, "list_url", list_path(r));
	page_view(app, r, page, job->name, job_status_final(job->status) ? 0 : REFRESH_SECONDS);
	return response_html(app, resp, PAGE_JOB, page, err);
}

/* The version tells of everything but the log, which grows without it. */
static enum rc answer_job(struct app *app, struct request *r, struct response *resp,
    const struct log_source *log, int64_t version, struct err *err)
{
	struct view *answer = view_obj(r->arena), *v;
	enum want want = request_want(r);
	int64_t said = want == WANT_FRAGMENT ? 0 : log->total;
	char tag[TAG_SIZE];
	enum rc rc;

	/* A page names who looks at it, and a browser may come to be somebody else's. */
	tag_make(app, r, version,
	    arena_printf(r->arena, "job %s %d %lld %lld %d", log->job->uuid, (int)want,
		(long long)said, want == WANT_PAGE ? (long long)r->scope.user_id : 0,
		want == WANT_PAGE && r->who.has_password),
	    tag);
	if (tag_unchanged(r, resp, tag))
		return RC_OK;
	if (want == WANT_FRAGMENT)
		return job_row_html(app, r, resp, log->job, err);
	if (want == WANT_PAGE)
		return answer_page(app, r, resp, log, tag, err);
	rc = job_full_view(app, r, log->job, &v, err);
	if (rc != RC_OK)
		return rc;
	view_put(answer, "job", v);
	response_json(resp, answer);
	return RC_OK;
}

/* One job with everything, for a dialog; a whole page and JSON are those of the job itself. */
enum rc page_job_detail(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct log_source log;
	struct view *v;
	struct job job;
	enum rc rc;

	if (request_want(r) != WANT_FRAGMENT)
		return page_job_show(app, r, resp, err);
	rc = request_job(app, r, &job, err);
	if (rc == RC_OK)
		rc = log_source_open(app, &job, 0, &log, err);
	if (rc != RC_OK)
		return rc;
	rc = detail_view(app, r, &log, &v, err);
	if (rc == RC_OK)
		rc = response_html(app, resp, FRAGMENT_DETAIL, v, err);
	log_source_close(&log);
	return rc;
}

enum rc page_job_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *key = request_capture(r, "job");
	struct log_source log;
	struct job job;
	int64_t version;
	enum rc rc = request_job(app, r, &job, err);

	/* Its project is known now; the version comes before what it is to be the version of. */
	if (rc == RC_OK)
		rc = project_version(app->db, &r->scope, &version, err);
	if (rc == RC_OK)
		rc = job_find(app->db, &r->scope, key, r->arena, &job, err);
	if (rc == RC_OK)
		rc = log_source_open(app, &job, 0, &log, err);
	if (rc != RC_OK)
		return rc;
	rc = answer_job(app, r, resp, &log, version, err);
	log_source_close(&log);
	return rc;
}
