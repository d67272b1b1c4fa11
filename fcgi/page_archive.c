/*
 * GET /jobs/{job}/files.zip: all results in one file. A processor makes it (core/archive.h); until
 * then the answer is 202 and says when to ask again, so nobody waits in here.
 */
#include <string.h>

#include "core/archive.h"
#include "core/doorbell.h"
#include "fcgi/file.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

#define AGAIN_SECONDS 1

/* "orders 2026.csv" gives "orders 2026.zip". */
static const char *archive_name(struct arena *a, const char *job_name)
{
	const char *dot = strrchr(job_name, '.');
	size_t len = dot && dot != job_name ? (size_t)(dot - job_name) : strlen(job_name);

	return arena_printf(a, "%.*s.zip", (int)len, job_name);
}

/* Not ready: a page that looks again by itself, or JSON. */
static enum rc answer_wait(struct app *app, struct request *r, struct response *resp,
    const struct job *job, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum rc rc = RC_OK;

	if (request_want(r) == WANT_JSON) {
		view_ref(v, "status", "preparing");
		view_ref(
		    v, "download_url", arena_printf(r->arena, "/jobs/%s/files.zip", job->uuid));
		response_json(resp, v);
	} else {
		view_ref(v, "name", job->name);
		view_int(v, "output_count", job->files_out);
		view_ref(v, "url", arena_printf(r->arena, "/jobs/%s", job->uuid));
		page_view(app, r, v, "Packing results", 0);
		rc = response_html(app, resp, PAGE_WAIT, v, err);
		/* With JavaScript and without; the download leaves the page where it is. */
		response_header(resp, "Refresh", "%d", AGAIN_SECONDS);
	}
	response_header(resp, "Retry-After", "%d", AGAIN_SECONDS);
	response_header(resp, "Vary", "HX-Request, Accept");
	resp->status = 202;
	return rc;
}

enum rc page_job_archive(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct file archive;
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = archive_get(app->db, &r->scope, &job, r->arena, &archive, err);
	switch (rc) {
	case RC_OK:
		file_send(r, resp, &archive, archive_name(r->arena, job.name));
		return RC_OK;
	case RC_BUSY:
		doorbell_ring(app->cfg);
		return answer_wait(app, r, resp, &job, err);
	case RC_LIMIT:
		return response_fail(resp, 507, NULL, err, "%s", arena_strdup(r->arena, err->text));
	case RC_SYS:
		return response_fail(resp, 503, NULL, err, "%s", arena_strdup(r->arena, err->text));
	default:
		return rc;
	}
}
