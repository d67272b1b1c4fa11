/*
 * GET /jobs/{job}/log: what a job has written. Text for programs: the whole file, which nginx
 * sends, or a part from a position on for those who follow it.
 */
#include <inttypes.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/job_attempt.h"
#include "core/logfile.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

#define PART_BYTES 262144
/* A job that was cancelled has this long before its last words are said. */
#define LAST_WORDS_MS 3000

/* Whether the last attempt may still write. */
static bool is_live(const struct job *job)
{
	if (job->status == JOB_CANCELLED)
		return clock_wall_ms() - job->updated_at < LAST_WORDS_MS;
	return (job->status == JOB_PROCESSING || job->status == JOB_PAUSED) && job->started_at;
}

/* Bytes an attempt has written; -1 when no log of it is kept. */
static int64_t log_bytes(struct app *app, const struct job *job, int64_t attempt)
{
	struct logfile_shape shape = {.total = -1};
	struct err err;
	int fd;

	if (store_log_read(&app->store, job->uuid, attempt, &fd, &err) != RC_OK)
		return -1;
	if (logfile_shape(fd, &shape, &err) != RC_OK)
		shape.total = -1;
	close(fd);
	return shape.total;
}

static struct view *attempt_view(
    struct app *app, struct arena *a, const struct job *job, const struct job_attempt *at)
{
	int64_t bytes = log_bytes(app, job, at->number);
	struct view *v = view_obj(a);
	char text[CLOCK_ISO_SIZE];

	view_int(v, "number", at->number);
	view_ref(v, "status", job_status_name(at->status));
	view_ref(
	    v, "status_label", at->status == JOB_PENDING ? "Run again" : status_label(at->status));
	view_ref(v, "reason", at->reason);
	view_str(v, "started_at", clock_iso(at->started_at, text));
	view_null(v, "ended_at");
	if (at->ended_at)
		view_str(v, "ended_at", clock_iso(at->ended_at, text));
	view_null(v, "log_bytes");
	view_null(v, "log_url");
	if (bytes >= 0) {
		view_int(v, "log_bytes", bytes);
		view_ref(v, "log_url",
		    arena_printf(a, "/jobs/%s/log?attempt=%" PRId64, job->uuid, at->number));
	}
	return v;
}

struct view *job_attempts_view(struct app *app, struct arena *a, const struct job *job,
    const struct job_event *events, size_t n)
{
	struct view *list = view_list(a);
	size_t count;
	struct job_attempt *at = job_attempts(job, events, n, STORE_LOGS_MAX, a, &count);

	for (size_t i = 0; i < count; i++)
		view_push(list, attempt_view(app, a, job, &at[i]));
	return list;
}

/* Which attempt is meant, and whether its log is kept. */
static enum rc which(const struct request *r, struct response *resp, const struct job *job,
    int64_t *attempt, struct err *err)
{
	*attempt = request_int(r, "attempt", job->attempt);
	if (*attempt > job->attempt)
		return response_fail(resp, 404, "attempt", err,
		    "this job has had no attempt %" PRId64 " yet", *attempt);
	if (*attempt && *attempt <= job->attempt - STORE_LOGS_MAX)
		return response_fail(resp, 404, "attempt", err,
		    "the log of attempt %" PRId64 " is not kept any more", *attempt);
	return RC_OK;
}

/* A part from our own hands: for those who follow it. Nothing new is 204. */
static enum rc send_part(
    const struct request *r, struct response *resp, int fd, bool live, struct err *err)
{
	int64_t from = request_int(r, "from", 0);
	struct logfile_part part = {.from = from, .next = from};
	enum rc rc =
	    fd < 0 ? RC_OK : logfile_read(fd, live, from, PART_BYTES, &resp->body, &part, err);

	if (rc == RC_BUSY)
		part.total = -1;
	else if (rc != RC_OK)
		return rc;
	if (!resp->body.len) {
		resp->status = 204;
		resp->type = NULL;
	}
	response_header(resp, "X-Log-From", "%" PRId64, part.from);
	response_header(resp, "X-Log-Next", "%" PRId64, part.next);
	if (part.next == part.total && !live)
		response_header(resp, "X-Log-End", "1");
	return RC_OK;
}

/* *fd is -1 when the attempt has not said anything yet, or nothing of it is kept. */
static enum rc open_log(
    struct app *app, const struct job *job, int64_t attempt, int *fd, struct err *err)
{
	enum rc rc =
	    attempt ? store_log_read(&app->store, job->uuid, attempt, fd, err) : RC_NOTFOUND;

	if (rc != RC_NOTFOUND)
		return rc;
	*fd = -1;
	return RC_OK;
}

enum rc page_job_log(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	int64_t attempt = 0;
	struct job job;
	char uri[64];
	int fd = -1;
	enum rc rc = job_find(app->db, &r->scope, request_capture(r, "job"), r->arena, &job, err);

	if (rc == RC_OK)
		rc = which(r, resp, &job, &attempt, err);
	if (rc == RC_OK)
		rc = open_log(app, &job, attempt, &fd, err);
	if (rc != RC_OK)
		return rc;
	resp->type = "text/plain; charset=utf-8";
	if (request_int(r, "from", -1) >= 0)
		rc = send_part(r, resp, fd, attempt == job.attempt && is_live(&job), err);
	else if (fd >= 0)
		response_file(resp, store_log_uri(job.uuid, attempt, uri), NULL, resp->type);
	if (fd >= 0)
		close(fd);
	return rc;
}
