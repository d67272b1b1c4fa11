/*
 * Lists for programs: GET /api/jobs and GET /api/project/{project}/jobs; and the state of one job
 * in the words of a poller, GET /api/jobs/{job}/status.
 */
#include <string.h>

#include "core/job_file.h"
#include "core/url.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

/* RFC 8288: the neighbours once more, for clients that follow headers. */
static void put_links(struct request *r, struct response *resp, const struct view *v)
{
	const char *next = view_text(view_get(v, "next")),
		   *previous = view_text(view_get(v, "previous"));

	if (next || previous)
		response_header(resp, "Link", "%s",
		    arena_join(r->arena, next ? "<" : "", next ? next : "",
			next ? ">; rel=\"next\"" : "", next && previous ? ", " : "",
			previous ? "<" : "", previous ? previous : "",
			previous ? ">; rel=\"prev\"" : "", NULL));
}

static enum rc answer_list(
    struct app *app, struct request *r, struct response *resp, struct list *l, struct err *err)
{
	struct view *v;
	enum rc rc;

	tag_make(
	    app, r, l->version, arena_join(r->arena, "api ", l->path, " ", l->name, NULL), l->tag);
	if (tag_unchanged(r, resp, l->tag))
		return RC_OK;
	rc = list_view(app, r, l, false, &v, err);
	if (rc != RC_OK)
		return rc;
	put_links(r, resp, v);
	response_json(resp, v);
	return RC_OK;
}

enum rc api_jobs_list(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct list l;
	enum rc rc = list_open(app, r, &l, resp, err);

	return rc == RC_OK ? answer_list(app, r, resp, &l, err) : rc;
}

enum rc api_job_status(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *outputs = view_list(r->arena);
	struct file *files;
	struct job job;
	size_t n;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = job_files_shown(app->db, &r->scope, job.id, r->arena, &files, &n, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n; i++) {
		struct view *f = view_obj(r->arena);

		if (files[i].kind != FILE_OUTPUT)
			continue;
		view_ref(f, "filename", files[i].name);
		view_ref(f, "file_type", files[i].content_type);
		view_int(f, "size", files[i].size_bytes);
		view_ref(f, "download_url",
		    arena_join(r->arena, "/jobs/", job.uuid, "/files/out/",
			url_escape_path(r->arena, files[i].name), NULL));
		view_push(outputs, f);
	}
	view_int(v, "job_id", job.id);
	view_ref(v, "status", job_status_name(job.status));
	view_int(v, "progress", job.progress);
	view_ref(v, "current_step", job.current_step);
	view_put(v, "outputs", outputs);
	view_ref(v, "error_message", job.error);
	view_ref(v, "result", job.result);
	response_json(resp, v);
	return RC_OK;
}
