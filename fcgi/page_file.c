/*
 * Downloads: inputs and outputs of a job. nginx sends the bytes; the job was looked up in
 * the caller's scope before.
 */
#include <stdio.h>
#include <string.h>

#include "core/job_file.h"
#include "fcgi/app.h"
#include "fcgi/pages.h"

/* A strong tag, since the same address may one day give the output of another run. A file of the
 * store never changes, so its name there is as good as a digest that is not known yet. */
static bool file_unchanged(const struct request *r, struct response *resp, const struct file *f)
{
	char etag[72];

	snprintf(etag, sizeof etag, "\"%.64s\"", f->sha256 ? f->sha256 : f->uuid);
	response_header(resp, "ETag", "%s", etag);
	if (!strstr(request_param(r, PARAM_IF_NONE_MATCH), etag))
		return false;
	resp->status = 304;
	return true;
}

static enum rc send_file(struct app *app, struct request *r, struct response *resp,
    enum file_kind kind, const char *name, struct err *err)
{
	struct file file;
	struct job job;
	const char *slash;
	char uri[64];
	enum rc rc = job_find(app->db, &r->scope, request_capture(r, "job"), r->arena, &job, err);

	if (rc == RC_OK && job.status == JOB_REMOVED)
		return err_set(err, RC_NOTFOUND, "the files of this job have been removed");
	if (rc == RC_OK)
		rc = job_file_find(app->db, &r->scope, job.id, kind, name, r->arena, &file, err);
	if (rc != RC_OK || file_unchanged(r, resp, &file))
		return rc;
	slash = strrchr(file.name, '/');
	response_file(
	    resp, store_uri(file.uuid, uri), slash ? slash + 1 : file.name, file.content_type);
	return RC_OK;
}

enum rc page_file_input(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return send_file(app, r, resp, FILE_INPUT, request_capture(r, "name"), err);
}

enum rc page_file_output(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return send_file(app, r, resp, FILE_OUTPUT, request_capture(r, "path"), err);
}
