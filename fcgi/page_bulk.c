/*
 * POST /jobs/bulk: one action on many jobs: those that are named, or all of the project that match
 * a filter. Each is done as if it were alone; what its state does not allow is skipped and counted.
 */
#include <string.h>

#include "core/doorbell.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

/* Of one request, so that it ends soon; the answer says whether there are more. */
#define BULK_MAX 500
#define PAGE 100

struct bulk {
	enum job_action action;
	int64_t done, skipped;
	bool more;
};

/* The action of that name; JOB_ACTION_MAX: nobody asks for such a one. */
static enum job_action action_named(const char *name)
{
	for (size_t i = 0; i < JOB_ASKED_MAX; i++)
		if (strcmp(job_action_name(job_asked[i]), name) == 0)
			return job_asked[i];
	return JOB_ACTION_MAX;
}

static enum rc act_on(
    struct app *app, struct request *r, struct bulk *b, const struct job *job, struct err *err)
{
	struct job_gone gone = {0};
	enum rc rc;

	if (b->action == JOB_DELETE) {
		rc = job_delete(app->db, &r->scope, job->id, r->arena, &gone, err);
		if (rc == RC_OK)
			job_unlink(&app->store, &gone);
	} else {
		rc = job_act(app->db, &r->scope, job->id, b->action, NULL, err);
	}
	b->done += rc == RC_OK;
	b->skipped += rc == RC_CONFLICT || rc == RC_NOTFOUND;
	return rc == RC_CONFLICT || rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc act_on_key(
    struct app *app, struct request *r, struct bulk *b, const char *key, struct err *err)
{
	struct job job;
	enum rc rc;

	if (b->done + b->skipped == BULK_MAX) {
		b->more = true;
		return RC_OK;
	}
	rc = job_find(app->db, &r->scope, key, r->arena, &job, err);
	if (rc == RC_NOTFOUND) {
		b->skipped++;
		return RC_OK;
	}
	return rc == RC_OK ? act_on(app, r, b, &job, err) : rc;
}

/* `ids`, separated by commas, and the fields `ids[]` of a form. */
static enum rc act_on_named(struct app *app, struct request *r, struct bulk *b, struct err *err)
{
	char *list = arena_strdup(r->arena, request_text(r, "ids")), *key;
	enum rc rc = RC_OK;

	while (rc == RC_OK && list && (key = strsep(&list, ", ")))
		if (*key)
			rc = act_on_key(app, r, b, key, err);
	for (size_t i = 0; i < r->form.n && rc == RC_OK; i++)
		if (strcmp(r->form.list[i].name, "ids[]") == 0)
			rc = act_on_key(app, r, b, r->form.list[i].value, err);
	return rc;
}

/* By falling id, so that what an action takes out of the filter moves nothing into it. */
static enum rc act_on_matching(
    struct app *app, struct request *r, struct bulk *b, struct job_filter *f, struct err *err)
{
	struct job_page page = {.more_after = true};
	enum rc rc = RC_OK;

	f->limit = PAGE;
	while (rc == RC_OK && page.more_after && b->done + b->skipped < BULK_MAX) {
		rc = job_list(app->db, &r->scope, f, r->arena, &page, err);
		for (size_t i = 0; i < page.n && rc == RC_OK; i++)
			rc = act_on(app, r, b, &page.jobs[i], err);
		if (rc != RC_OK || !page.n)
			break;
		f->after = page.jobs[page.n - 1].id;
	}
	b->more = page.more_after && page.n;
	return rc;
}

static enum rc answer(struct app *app, struct request *r, struct response *resp,
    const struct bulk *b, struct err *err)
{
	struct view *v = view_obj(r->arena);

	(void)err;
	doorbell_ring(app->cfg);
	if (request_want(r) == WANT_PAGE) {
		response_redirect(resp, "/");
		return RC_OK;
	}
	view_ref(v, "action", job_action_name(b->action));
	view_int(v, "count", b->done);
	view_int(v, "skipped", b->skipped);
	view_bool(v, "more", b->more);
	response_json(resp, v);
	return RC_OK;
}

enum rc page_jobs_bulk(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *action = request_text(r, "action");
	int64_t status = request_int(r, "status", -1);
	bool all = request_int(r, "all", 0) == 1,
	     named = request_text(r, "ids") != NULL || pairs_find(&r->form, "ids[]", NULL) != NULL;
	struct job_filter f = {
	    .by_status = status >= 0,
	    .status = status >= 0 ? (enum job_status)status : JOB_PENDING,
	    .job_type = request_text(r, "type"),
	    .q = request_text(r, "q"),
	};
	struct bulk b = {0};
	enum rc rc;

	if (!action)
		return response_fail(resp, 422, "action", err, "action is missing");
	if (all == named)
		return response_fail(resp, 422, "ids", err,
		    "name the jobs in ids, or say all=yes for those that match status, type and q");
	b.action = action_named(action);
	rc = request_project(app, r, resp, err);
	if (rc == RC_OK)
		rc = all ? act_on_matching(app, r, &b, &f, err) : act_on_named(app, r, &b, err);
	return rc == RC_OK ? answer(app, r, resp, &b, err) : rc;
}
