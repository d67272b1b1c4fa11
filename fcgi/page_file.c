/*
 * Downloads: inputs and outputs of a job. nginx sends the bytes; the job was looked up in
 * the caller's scope before.
 */
#include <string.h>

#include "core/job_file.h"
#include "fcgi/app.h"
#include "fcgi/file.h"
#include "fcgi/identify.h"
#include "fcgi/pages.h"

static enum rc send_file(struct app *app, struct request *r, struct response *resp,
    enum file_kind kind, const char *name, struct err *err)
{
	struct file file;
	struct job job;
	const char *slash;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK && job.status == JOB_REMOVED)
		return err_set(err, RC_NOTFOUND, "the files of this job have been removed");
	if (rc == RC_OK)
		rc = job_file_find(app->db, &r->scope, job.id, kind, name, r->arena, &file, err);
	if (rc != RC_OK)
		return rc;
	slash = strrchr(file.name, '/');
	file_send(r, resp, &file, slash ? slash + 1 : file.name);
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
