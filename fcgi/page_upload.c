/*
 * POST /jobs, PUT /jobs/upload/{filename} and their namesakes in the API: files, or a name alone,
 * become jobs.
 *
 * "201 Created" promises that file and job survive power loss, so the order is fixed
 * (core/accept.h). A request that carries a key and comes again is given the first answer; the key
 * is written in the transaction that makes the jobs. The nonce of a form is a key for that very
 * content: the same form may be sent again with other files.
 */
#include <string.h>
#include <unistd.h>

#include "core/accept.h"
#include "core/doorbell.h"
#include "core/idempotency.h"
#include "core/log.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/once.h"
#include "fcgi/options.h"
#include "fcgi/pages.h"
#include "fcgi/upload.h"

/* What programs are told: all jobs, or the first in the words of one of the interfaces. */
enum told { TOLD_JOBS, TOLD_JOB, TOLD_MESSAGE };

static enum rc read_once(struct app *app, struct request *r, const struct upload *up,
    struct once *o, struct response *resp, struct err *err)
{
	const char *nonce = request_text(r, "nonce");
	enum rc rc = once_key(r, resp, &o->key, err);

	if (rc != RC_OK || (!o->key && !nonce))
		return rc;
	rc = upload_hash(app, r, up, o->hash, err);
	if (rc == RC_OK && !o->key)
		o->key = arena_printf(
		    r->arena, "form %lld %s %s", (long long)r->scope.user_id, nonce, o->hash);
	return rc;
}

/* Whether only CSV is taken: the interface of /processing_file/. */
static bool csv_only(const struct request *r)
{
	return strcmp(r->route->pattern, "/processing_file") == 0;
}

/* The job type asked for, by either of its names; NULL: the file decides. */
static const char *asked_type(const struct request *r)
{
	const char *type = request_text(r, "type");

	if (csv_only(r))
		return "csv-profile";
	return type ? type : request_text(r, "job_type");
}

/* The answer as JSON text, which is also what is kept under the key: the jobs as they were made,
 * even if one runs by now. */
static const char *jobs_json(struct request *r, const struct accept *ac)
{
	struct view *v = view_obj(r->arena), *jobs = view_list(r->arena);
	const char *out;
	struct buf text;

	for (size_t i = 0; i < ac->n; i++) {
		struct job *job = arena_alloc(r->arena, sizeof *job);
		struct view *row;

		job_made(&r->scope, &ac->jobs[i], job);
		row = job_view(r->arena, job, ac->jobs[i].files, ac->jobs[i].file_count);
		job_view_hold(row, job, ac->types);
		view_push(jobs, row);
	}
	view_put(v, "jobs", jobs);
	buf_init(&text);
	view_json(v, &text);
	buf_addc(&text, '\n');
	out = arena_strndup(r->arena, text.data, text.len);
	buf_release(&text);
	return out;
}

/* `jobs` of what was stored, as the interface that was asked has it. */
static enum rc tell(
    struct request *r, struct response *resp, enum told told, const char *json, struct err *err)
{
	struct view *made, *v = view_obj(r->arena);
	const struct view *first;
	enum rc rc = view_parse(r->arena, json, strlen(json), &made, err);

	if (rc != RC_OK)
		return rc;
	first = view_at(view_get(made, "jobs"), 0);
	resp->status = 201;
	switch (told) {
	case TOLD_JOBS:
		v = made;
		break;
	case TOLD_JOB:
		view_put(v, "job", (struct view *)first);
		view_put(v, "jobs", (struct view *)view_get(made, "jobs"));
		break;
	case TOLD_MESSAGE:
		view_ref(v, "message", "Job created");
		view_int(v, "job_id", view_number(view_get(first, "id")));
		view_ref(v, "status", view_text(view_get(first, "status")));
		view_ref(v, "status_url",
		    arena_printf(r->arena, "/api/jobs/%lld/status/",
			(long long)view_number(view_get(first, "id"))));
		break;
	}
	if (view_len(view_get(made, "jobs")) == 1)
		response_header(resp, "Location", "%s/%s",
		    strcmp(r->segment[0], "api") == 0 ? "/api/jobs" : "/jobs",
		    view_text(view_get(first, "uuid")));
	response_json(resp, v);
	return RC_OK;
}

static enum rc answer(struct app *app, struct request *r, struct response *resp, enum told told,
    const char *json, struct err *err)
{
	struct view *v;
	struct list l;
	enum rc rc;

	response_header(resp, "Vary", "HX-Request, Accept");
	switch (request_want(r)) {
	case WANT_PAGE:
		response_redirect(resp, list_path(r));
		return RC_OK;
	case WANT_JSON:
		return tell(r, resp, told, json, err);
	case WANT_FRAGMENT:
		break;
	}
	rc = list_first(app, r, &l, err);
	if (rc == RC_OK)
		rc = list_view(app, r, &l, true, &v, err);
	if (rc != RC_OK)
		return rc;
	resp->status = 201;
	response_header(resp, "HX-PTag", "%s", l.tag);
	return response_html(app, resp, FRAGMENT_TABLE, v, err);
}

/* RC_NOTFOUND: it was not answered before. */
static enum rc replay(struct app *app, struct request *r, struct response *resp, enum told told,
    const struct once *o, struct err *err)
{
	const char *json;
	enum rc rc = once_lookup(app, r, o, resp, &json, err);

	return rc == RC_OK ? answer(app, r, resp, told, json, err) : rc;
}

/* The files among the parameters, open and looked at. Pair with close_given. */
struct given {
	int *fds;
	const char **types;
};

static enum rc open_given(struct app *app, struct request *r, struct upload *up, struct given *g,
    struct accept *ac, struct err *err)
{
	enum rc rc = RC_OK;

	g->fds = arena_alloc(r->arena, up->given_count * sizeof *g->fds);
	g->types = arena_zalloc(r->arena, up->given_count * sizeof *g->types);
	for (size_t i = 0; i < up->given_count; i++)
		g->fds[i] = -1;
	for (size_t i = 0; i < up->given_count && rc == RC_OK; i++) {
		char seen[SNIFF_TYPE_SIZE];

		if (!up->given[i].is_file)
			continue;
		rc = upload_file_fd(app, up, &up->given_files[i], &g->fds[i], err);
		if (rc == RC_OK)
			g->types[i] =
			    arena_strdup(r->arena, sniff_type(app->sniff, g->fds[i], seen));
	}
	accept_params(ac, &(struct accept_params){.given = up->given,
			      .n = up->given_count,
			      .fds = g->fds,
			      .content_types = g->types,
			      .exposed = up->raw});
	return rc;
}

static void close_given(const struct upload *up, struct given *g)
{
	for (size_t i = 0; i < up->given_count; i++)
		if (g->fds[i] >= 0)
			close(g->fds[i]);
}

static enum rc store_file(struct app *app, struct request *r, struct upload *up, size_t i,
    struct accept *ac, struct response *resp, struct err *err)
{
	char seen[SNIFF_TYPE_SIZE];
	enum rc rc;
	int fd;

	rc = upload_file_fd(app, up, &up->files[i], &fd, err);
	if (rc != RC_OK)
		return rc;
	rc = accept_add(ac, fd,
	    &(struct accept_file){
		.name = up->files[i].name,
		.name_len = up->files[i].name_len,
		.content_type = sniff_type(app->sniff, fd, seen),
		.job_type = asked_type(r),
	    },
	    err);
	close(fd);
	if (rc == RC_INVALID && csv_only(r) && ac->type == NULL)
		return response_fail(resp, 415, "file", err, "only CSV files are taken here");
	if (rc == RC_INVALID)
		return response_fail(
		    resp, 422, ac->field, err, "%s", arena_strdup(ac->arena, err->text));
	if (rc == RC_BUSY)
		return response_fail(
		    resp, 503, NULL, err, "%s", arena_strdup(ac->arena, err->text));
	return rc;
}

/* A job without a file. */
static enum rc make_bare(
    struct request *r, struct accept *ac, struct response *resp, struct err *err)
{
	const char *name = request_text(r, "name");
	enum rc rc;

	/* /api/project/{project}/jobs names a type alone. */
	if (!name && strcmp(r->segment[r->segments - 2], "api") != 0)
		name = asked_type(r);
	if (!name)
		return response_fail(resp, 422, "name", err, "name is missing");
	rc = accept_bare(ac, asked_type(r), name, err);
	if (rc == RC_INVALID)
		return response_fail(
		    resp, 422, ac->field, err, "%s", arena_strdup(r->arena, err->text));
	if (rc == RC_BUSY)
		return response_fail(resp, 503, NULL, err, "%s", arena_strdup(r->arena, err->text));
	return rc;
}

static enum rc store_files(struct app *app, struct request *r, struct upload *up, struct accept *ac,
    struct response *resp, struct err *err)
{
	const char *name = request_text(r, "name");
	struct given given;
	enum rc rc = open_given(app, r, up, &given, ac, err);

	if (rc == RC_OK && r->json)
		rc = make_bare(r, ac, resp, err);
	for (size_t i = 0; i < up->n && rc == RC_OK; i++)
		rc = store_file(app, r, up, i, ac, resp, err);
	close_given(up, &given);
	for (size_t i = 0; i < ac->n; i++) {
		ac->jobs[i].priority = request_int(r, "priority", 0);
		ac->jobs[i].run_at = request_int(r, "run_at", 0);
		if (name)
			ac->jobs[i].name = name;
	}
	return rc == RC_OK ? accept_sync(ac, err) : rc;
}

/* The transaction. *json is the answer; *kept tells that the change may have been written even if
 * it fails, so that the files must stay. */
static enum rc commit(struct app *app, struct request *r, struct accept *ac, const struct once *o,
    const char **json, bool *kept, struct err *err)
{
	enum rc rc = db_begin(app->db, err);

	*kept = false;
	if (rc != RC_OK)
		return rc;
	rc = accept_create(ac, app->db, &r->scope, err);
	if (rc == RC_OK && o->key) {
		*json = jobs_json(r, ac);
		rc = idempotency_store(app->db, &r->scope, o->key, o->hash, *json, err);
	}
	if (rc != RC_OK) {
		db_rollback(app->db);
		return rc;
	}
	rc = db_commit_durable(app->db, err);
	*kept = rc == RC_OK || db_broken(app->db);
	return rc;
}

static enum rc make_jobs(struct app *app, struct request *r, struct upload *up, enum told told,
    const struct once *o, struct response *resp, struct err *err)
{
	const struct jobtypes *types;
	const char *json = NULL;
	struct accept ac;
	bool kept = false;
	enum rc rc = app_types(app, &types, err);

	if (rc != RC_OK)
		return rc;
	accept_init(&ac, app->cfg, &app->store, types, r->arena);
	rc = store_files(app, r, up, &ac, resp, err);
	if (rc == RC_OK)
		rc = commit(app, r, &ac, o, &json, &kept, err);
	if (rc != RC_OK && !kept)
		accept_abandon(&ac);
	if (rc != RC_OK && ac.type)
		up->job_type = arena_strdup(r->arena, ac.type->name);
	if (rc == RC_LIMIT && ac.quota != QUOTA_NONE)
		return response_quota(resp, ac.quota, ac.wait_s, err);
	if (rc == RC_CONFLICT && o->key)
		return replay(app, r, resp, told, o, err);
	if (rc != RC_OK && kept)
		return response_fail(resp, 503, NULL, err,
		    "the upload could not be made durable; nothing is promised");
	if (rc != RC_OK)
		return rc;
	doorbell_ring(app->cfg);
	if (!json && request_want(r) == WANT_JSON)
		json = jobs_json(r, &ac);
	return answer(app, r, resp, told, json, err);
}

/* A form without JavaScript comes back filled in, with the sentence beside the field it is about.
 */
static enum rc form_again(struct app *app, struct request *r, const struct upload *up,
    struct response *resp, struct err *err)
{
	const char *name = up->job_type ? up->job_type : asked_type(r);
	struct options o = {.given = up->given,
	    .n = up->given_count,
	    .field = resp->why.field,
	    .sentence = arena_strdup(r->arena, err->text),
	    .priority = request_text(r, "priority"),
	    .run_at = request_text(r, "run_at")};
	const struct jobtypes *types;
	enum rc rc = app_types(app, &types, err);

	if (rc != RC_OK)
		return rc;
	return page_home_again(app, r, name ? jobtype_find(types, name) : NULL, &o, resp, err);
}

static enum rc create(
    struct app *app, struct request *r, struct response *resp, enum told told, struct err *err)
{
	struct upload up = {.fd = -1};
	struct once once = {0};
	enum rc rc =
	    r->json ? upload_params(r, &up, resp, err) : upload_open(app, r, &up, resp, err);

	if (rc == RC_OK)
		rc = request_project(app, r, resp, err);
	if (rc == RC_OK)
		rc = read_once(app, r, &up, &once, resp, err);
	if (rc == RC_OK) {
		rc = replay(app, r, resp, told, &once, err);
		if (rc == RC_NOTFOUND)
			rc = make_jobs(app, r, &up, told, &once, resp, err);
	}
	if (rc == RC_INVALID && resp->why.status == 422 && request_want(r) == WANT_PAGE)
		rc = form_again(app, r, &up, resp, err);
	upload_close(&up);
	return rc;
}

enum rc page_job_create(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return create(app, r, resp, TOLD_JOBS, err);
}

enum rc api_job_create(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return create(app, r, resp, TOLD_JOB, err);
}

enum rc api_project_job_create(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return create(app, r, resp, TOLD_MESSAGE, err);
}
