/*
 * /api/jobs/{job}: one job and its history for programs, and the moves of jobs that no processor
 * runs: PATCH for programs, a form on the job's page for people.
 */
#include "core/doorbell.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

static enum rc answer_json(struct app *app, struct request *r, struct response *resp,
    const struct job *job, struct err *err)
{
	struct view *answer = view_obj(r->arena), *v;
	enum rc rc = job_full_view(app, r, job, &v, err);

	if (rc != RC_OK)
		return rc;
	view_put(answer, "job", v);
	response_json(resp, answer);
	return RC_OK;
}

enum rc api_job_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	return rc == RC_OK ? answer_json(app, r, resp, &job, err) : rc;
}

enum rc api_job_statuses(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *answer = view_obj(r->arena);
	struct job_event *events;
	struct job job;
	size_t n;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = job_history(app->db, &r->scope, job.id, r->arena, &events, &n, err);
	if (rc != RC_OK)
		return rc;
	view_put(answer, "statuses", job_history_view(r->arena, events, n));
	response_json(resp, answer);
	return RC_OK;
}

/* The move that the inputs tell of. False: they tell nothing. */
static bool read_move(const struct request *r, struct job_move *m)
{
	const char *error = request_text(r, "error"), *again = request_text(r, "error_message");

	*m = (struct job_move){
	    .by_status = request_text(r, "status") != NULL,
	    .status = (enum job_status)request_int(r, "status", 0),
	    .progress = (int)request_int(r, "progress", -1),
	    .step = request_text(r, "current_step"),
	    .result = request_text(r, "result"),
	    .error = error ? error : again,
	    .reason = request_text(r, "reason"),
	};
	return m->by_status || m->progress >= 0 || m->step || m->result || m->error;
}

/* Do it; the job as it is then. */
static enum rc move(
    struct app *app, struct request *r, struct response *resp, struct job *job, struct err *err)
{
	const char *key = request_capture(r, "job");
	struct job_move m;
	enum rc rc = request_job(app, r, job, err);

	if (rc == RC_OK && !read_move(r, &m))
		return response_fail(resp, 422, NULL, err,
		    "nothing to change: name status, progress, current_step, result or error");
	if (rc == RC_OK)
		rc = job_move(app->db, &r->scope, job->id, &m, err);
	if (rc == RC_INVALID)
		return response_fail(
		    resp, 422, "error", err, "%s", arena_strdup(r->arena, err->text));
	if (rc == RC_CONFLICT && job_find(app->db, &r->scope, key, r->arena, job, NULL) == RC_OK)
		resp->why.allowed = job_moves_view(r->arena, job);
	if (rc != RC_OK)
		return rc;
	doorbell_ring(app->cfg);
	return job_find(app->db, &r->scope, key, r->arena, job, err);
}

enum rc api_job_move(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct job job;
	enum rc rc = move(app, r, resp, &job, err);

	return rc == RC_OK ? answer_json(app, r, resp, &job, err) : rc;
}

enum rc page_job_move(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct job job;
	enum rc rc = move(app, r, resp, &job, err);

	return rc == RC_OK ? job_answer(app, r, resp, job.uuid, err) : rc;
}
