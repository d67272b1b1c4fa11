/*
 * Actions on a job: retry, cancel, pause, resume, delete.
 */
#include <string.h>

#include "core/doorbell.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

/* Where a form without JavaScript goes on: to the field `back`, else where it was posted from. A
 * page that an action made vanish is no place to return to. */
static const char *back_path(struct app *app, struct request *r, const char *gone)
{
	const char *asked[] = {request_text(r, "back"), request_param(r, PARAM_REFERER)};

	for (size_t i = 0; i < 2; i++) {
		const char *path = asked[i] && *asked[i]
				       ? request_local_path(r, app->cfg->base_url, asked[i])
				       : NULL;

		if (path && (!gone || strncmp(path, gone, strlen(gone)) != 0))
			return path;
	}
	return "/";
}

/* A refused action says what would be allowed. */
static void put_allowed(struct request *r, struct response *resp, enum job_status status)
{
	struct view *list = view_list(r->arena);

	for (size_t i = 0; i < JOB_ASKED_MAX; i++)
		if (job_next(status, job_asked[i]) != JOB_STATUS_MAX)
			view_push_str(list, job_action_name(job_asked[i]));
	resp->why.allowed = list;
}

enum rc job_answer(
    struct app *app, struct request *r, struct response *resp, const char *key, struct err *err)
{
	struct view *answer = view_obj(r->arena), *v;
	struct job job;
	enum rc rc;

	if (request_want(r) == WANT_PAGE) {
		response_redirect(resp, back_path(app, r, NULL));
		return RC_OK;
	}
	rc = job_find(app->db, &r->scope, key, r->arena, &job, err);
	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_FRAGMENT)
		return job_row_html(app, r, resp, &job, err);
	rc = job_full_view(app, r, &job, &v, err);
	if (rc != RC_OK)
		return rc;
	view_put(answer, "job", v);
	response_json(resp, answer);
	return RC_OK;
}

static enum rc act(struct app *app, struct request *r, struct response *resp,
    enum job_action action, struct err *err)
{
	const char *key = request_capture(r, "job");
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = job_act(app->db, &r->scope, job.id, action, NULL, err);
	if (rc == RC_CONFLICT && job_find(app->db, &r->scope, key, r->arena, &job, NULL) == RC_OK)
		put_allowed(r, resp, job.status);
	if (rc != RC_OK)
		return rc;
	doorbell_ring(app->cfg);
	return job_answer(app, r, resp, job.uuid, err);
}

enum rc page_job_retry(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return act(app, r, resp, JOB_RETRY, err);
}

enum rc page_job_cancel(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return act(app, r, resp, JOB_CANCEL, err);
}

enum rc page_job_pause(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return act(app, r, resp, JOB_PAUSE, err);
}

enum rc page_job_resume(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return act(app, r, resp, JOB_RESUME, err);
}

/* The doorbell tells the processor of a job that runs to stop it; the files go after that. */
enum rc page_job_delete(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct job_gone gone;
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = job_delete(app->db, &r->scope, job.id, r->arena, &gone, err);
	if (rc != RC_OK)
		return rc;
	job_unlink(&app->store, &gone);
	doorbell_ring(app->cfg);
	switch (request_want(r)) {
	case WANT_FRAGMENT:
		resp->type = "text/html; charset=utf-8";
		break;
	case WANT_PAGE:
		response_redirect(
		    resp, back_path(app, r, arena_printf(r->arena, "/jobs/%s", job.uuid)));
		break;
	case WANT_JSON:
		resp->status = 204;
		break;
	}
	return RC_OK;
}

/* DELETE /processing_file/{job}: the files of a job that has ended go, its record stays; any other
 * is cancelled. */
enum rc page_processing_delete(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct job_gone gone = {0};
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	if (rc != RC_OK)
		return rc;
	if (job_next(job.status, JOB_REMOVE) == JOB_STATUS_MAX)
		return act(app, r, resp, JOB_CANCEL, err);
	rc = job_remove(app->db, &r->scope, job.id, "by hand", r->arena, &gone, err);
	if (rc != RC_OK)
		return rc;
	job_unlink(&app->store, &gone);
	return job_answer(app, r, resp, job.uuid, err);
}
