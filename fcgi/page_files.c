/*
 * GET /jobs/{job}/files: the inputs or outputs of a job, all of them, by pages.
 */
#include "core/job_file.h"
#include "core/str.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

static const char *next_url(
    struct arena *a, const char *job_uuid, bool inputs, int limit, int64_t after)
{
	return arena_printf(a, "/jobs/%s/files?%slimit=%d&after=%lld", job_uuid,
	    inputs ? "kind=in&" : "", limit, (long long)after);
}

enum rc page_job_files(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *list = view_list(r->arena);
	bool inputs = request_int(r, "kind", 0) == 1;
	int limit = (int)request_int(r, "limit", JOB_FILES_SHOWN);
	int64_t after = request_int(r, "after", 0);
	const char *next = NULL;
	struct file *files;
	struct job job;
	size_t n;
	enum rc rc = request_job(app, r, &job, err);

	/* One more than is shown tells whether there are more. */
	if (rc == RC_OK)
		rc = job_files_part(app->db, &r->scope, job.id, inputs ? FILE_INPUT : FILE_OUTPUT,
		    after, limit + 1, r->arena, &files, &n, err);
	if (rc != RC_OK)
		return rc;
	if (n > (size_t)limit) {
		n = (size_t)limit;
		next = next_url(r->arena, job.uuid, inputs, limit, files[n - 1].id);
	}
	for (size_t i = 0; i < n; i++)
		view_push(list, file_view(r->arena, job.uuid, &files[i]));
	view_put(v, "files", list);
	view_int(v, "count", inputs ? job.files_in : job.files_out);
	view_ref(v, "next", next);
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	file_view_texts(r->arena, list);
	view_ref(v, "name", job.name);
	view_ref(v, "url", arena_printf(r->arena, "/jobs/%s", job.uuid));
	view_bool(v, "is_inputs", inputs);
	page_view(app, r, v, job.name, 0);
	return response_html(app, resp, PAGE_FILES, v, err);
}
