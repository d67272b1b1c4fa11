/*
 * Downloads: inputs and outputs of a job. nginx sends the bytes; the job was looked up in
 * the caller's scope before.
 */
#include <string.h>

#include "fcgi/pages.h"
#include "fcgi/app.h"

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
