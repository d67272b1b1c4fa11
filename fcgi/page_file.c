/*
 * Downloads: inputs, outputs and the log of a job. nginx sends the bytes; the job was looked up in
 * the caller's scope before.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/pages.h"
#include "fcgi/app.h"

#define LOG_PART_BYTES 262144

static enum rc send_file(struct app *app, struct request *r, struct response *resp, bool output,
    const char *name, struct err *err)
{
	struct file *files;
	struct job job;
	char uri[64];
	size_t n;
	enum rc rc = job_find(app->db, &r->scope, request_capture(r, "job"), r->arena, &job, err);

	if (rc == RC_OK)
		rc = job_files(app->db, &r->scope, job.id, r->arena, &files, &n, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n; i++) {
		const char *slash = strrchr(files[i].name, '/');

		if (files[i].output != output || strcmp(files[i].name, name) != 0)
			continue;
		response_file(resp, store_uri(files[i].uuid, uri),
		    slash ? slash + 1 : files[i].name, files[i].content_type);
		return RC_OK;
	}
	return response_fail(resp, 404, NULL, err, "this job has no such file");
}

enum rc page_file_input(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return send_file(app, r, resp, false, request_capture(r, "name"), err);
}

enum rc page_file_output(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return send_file(app, r, resp, true, request_capture(r, "path"), err);
}

/* A part of the log from our own hands: for a page that follows it. */
static enum rc send_part(struct response *resp, int fd, int64_t from, struct err *err)
{
	ssize_t n =
	    pread(fd, buf_reserve(&resp->body, LOG_PART_BYTES), LOG_PART_BYTES, (off_t)from);

	if (n < 0)
		return err_sys(err, "cannot read a log");
	resp->body.len += (size_t)n;
	resp->type = "text/plain; charset=utf-8";
	response_header(resp, "X-Log-Next", "%lld", (long long)(from + n));
	return RC_OK;
}

enum rc page_job_log(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	int64_t from = request_int(r, "from", -1);
	struct job job;
	char uri[64];
	int fd;
	enum rc rc = job_find(app->db, &r->scope, request_capture(r, "job"), r->arena, &job, err);

	if (rc != RC_OK)
		return rc;
	rc = store_log_read(&app->store, job.uuid, &fd, err);
	if (rc == RC_NOTFOUND) { /* it has not said anything yet */
		resp->type = "text/plain; charset=utf-8";
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (from >= 0)
		rc = send_part(resp, fd, from, err);
	else
		response_file(
		    resp, store_log_uri(job.uuid, uri), NULL, "text/plain; charset=utf-8");
	close(fd);
	return rc;
}
