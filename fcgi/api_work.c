/*
 * Programs elsewhere that process jobs: POST /api/work/claim and what follows.
 *
 * They do what a processor of ours does (core/claim.h), for types with runner = external and for
 * the org of their token alone: claim, renew, report, end, each write fenced by the lease token
 * that the claim gave out. A lease that is not renewed runs out, and the job is claimed again.
 */
#include <string.h>
#include <unistd.h>

#include "core/audit.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/secret.h"
#include "core/str.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/outputs.h"
#include "fcgi/pages.h"

#define LEASE_DEFAULT_S 60

static int64_t lease_ms(const struct request *r)
{
	return request_int(r, "lease_seconds", LEASE_DEFAULT_S) * 1000;
}

/* Who works, for the history: the user, and what the program calls itself. */
static const char *actor(const struct request *r)
{
	const char *worker = request_text(r, "worker");

	return worker ? arena_join(r->arena, r->scope.user_name, " (", worker, ")", NULL)
		      : r->scope.user_name;
}

/* ---- claim ---- */

/* Whether `name` stands in a list with commas; no list holds every name. */
static bool named(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!list)
		return true;
	for (const char *s = list; *s; s += strcspn(s, ","), s += *s == ',') {
		s += strspn(s, " ");
		if (strncmp(s, name, len) == 0 && strchr(", ", s[len]))
			return true;
	}
	return false;
}

static enum rc check_types(
    struct request *r, const struct jobtypes *types, struct response *resp, struct err *err)
{
	const char *list = request_text(r, "types");

	for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',') {
		const struct jobtype *t;
		const char *name;

		s += strspn(s, " ");
		name = arena_strndup(r->arena, s, strcspn(s, ", "));
		t = jobtype_find(types, name);
		if (!t)
			return response_fail(
			    resp, 422, "types", err, "no such job type: \"%.63s\"", name);
		if (!t->external)
			return response_fail(resp, 422, "types", err,
			    "jobs of type \"%s\" are run here; only types with runner = external "
			    "are given away",
			    name);
	}
	return RC_OK;
}

static void make_ask(struct request *r, const struct jobtypes *types, struct claim_ask *ask)
{
	*ask = (struct claim_ask){.org_id = r->scope.org_id,
	    .actor = actor(r),
	    .slots = arena_alloc(r->arena, (types->n + 1) * sizeof *ask->slots),
	    .want = (size_t)request_int(r, "want", 1),
	    .lease_ms = lease_ms(r)};
	for (size_t i = 0; i < types->n; i++)
		if (types->list[i].external && named(request_text(r, "types"), types->list[i].name))
			ask->slots[ask->slot_count++] =
			    (struct claim_slot){.job_type = types->list[i].name};
}

/* Secrets in the open: whoever runs the job needs them, and they go to nobody else. */
static enum rc put_secrets(
    struct app *app, struct request *r, const struct job *job, struct view *v, struct err *err)
{
	struct view *secrets = view_obj(r->arena);
	const char *sealed, **values;
	struct jobtype type;
	enum rc rc = secret_load(app->db, job->org_id, job->id, r->arena, &sealed, err);

	view_put(v, "secrets", secrets);
	if (rc != RC_OK || !sealed)
		return rc;
	rc = jobtype_load_version(app->db, job->job_type, job->type_version, r->arena, &type, err);
	if (rc == RC_OK)
		rc = params_from_json(&type.params, job->params, r->arena, &values, err);
	if (rc == RC_OK)
		rc = secret_open(app->cfg, &type.params, sealed, r->arena, values, err);
	for (size_t i = 0; rc == RC_OK && i < type.params.n; i++)
		if (type.params.list[i].kind == PARAM_KIND_SECRET && values[i])
			view_str(secrets, type.params.list[i].name, values[i]);
	return rc;
}

static enum rc answer_claims(struct app *app, struct request *r, struct response *resp,
    const struct claim *claims, size_t n, struct err *err)
{
	struct view *v = view_obj(r->arena), *jobs = view_list(r->arena);

	for (size_t i = 0; i < n; i++) {
		const struct claim *c = &claims[i];
		struct view *job = job_view(r->arena, &c->job, c->inputs, c->input_count);
		enum rc rc = put_secrets(app, r, &c->job, job, err);

		if (rc != RC_OK)
			return rc;
		view_str(job, "lease_token", c->token);
		view_int(job, "lease_seconds", lease_ms(r) / 1000);
		view_push(jobs, job);
	}
	view_put(v, "jobs", jobs);
	response_json(resp, v);
	return RC_OK;
}

static enum rc take(struct app *app, struct request *r, const struct claim_ask *ask,
    struct claim **claims, size_t *n, struct err *err)
{
	bool ready;
	enum rc rc = claim_ready(app->db, ask, r->arena, &ready, err);

	*n = 0;
	if (rc != RC_OK || !ready)
		return rc;
	rc = db_begin(app->db, err);
	if (rc != RC_OK)
		return rc;
	rc = claim_take(app->db, ask, r->arena, claims, n, err);
	for (size_t i = 0; i < *n && rc == RC_OK; i++)
		rc = audit_add(app->db, &r->scope, "work.claim",
		    arena_printf(r->arena, "job %lld", (long long)(*claims)[i].job.id), NULL, err);
	return db_end(app->db, rc, err);
}

enum rc api_work_claim(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const struct jobtypes *types;
	struct claim *claims = NULL;
	struct claim_ask ask;
	size_t n;
	enum rc rc = app_types(app, &types, err);

	if (rc == RC_OK)
		rc = check_types(r, types, resp, err);
	if (rc != RC_OK)
		return rc;
	make_ask(r, types, &ask);
	rc = take(app, r, &ask, &claims, &n, err);
	return rc == RC_OK ? answer_claims(app, r, resp, claims, n, err) : rc;
}

/* ---- while it runs ---- */

/* The job is there, and the request says by which lease. */
static enum rc held_job(struct app *app, struct request *r, struct job *job, const char **token,
    struct response *resp, struct err *err)
{
	enum rc rc = request_job(app, r, job, err);

	*token = request_text(r, "lease_token");
	if (rc == RC_OK && !*token)
		return response_fail(
		    resp, 422, "lease_token", err, "lease_token is missing: the claim gave it");
	return rc;
}

/* The attempt is over, whatever it still has to say: another one has the job, or somebody took it
 * away. */
static enum rc lost(struct app *app, const struct job *job, const char *token,
    struct response *resp, struct err *err)
{
	enum job_status status;

	if (claim_state(app->db, job->id, token, &status, NULL) != RC_OK)
		return response_fail(resp, 409, "lease_token", err,
		    "this lease is over: the job ended, or its time ran out; stop working on it");
	return response_fail(resp, 409, "lease_token", err,
	    "the job is %s: stop working on it, and say so with fail", job_status_name(status));
}

static enum rc answer_state(struct app *app, struct request *r, struct response *resp,
    const struct job *job, const char *token, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum job_status status;
	enum rc rc = claim_state(app->db, job->id, token, &status, err);

	if (rc != RC_OK)
		return rc;
	view_int(v, "job_id", job->id);
	view_ref(v, "status", job_status_name(status));
	view_int(v, "lease_seconds", lease_ms(r) / 1000);
	response_json(resp, v);
	return RC_OK;
}

/* Renew the lease, with what there is to tell. */
static enum rc renew(struct app *app, struct request *r, struct response *resp,
    const struct claim_progress *news, struct err *err)
{
	const char *token;
	struct job job;
	enum rc rc = held_job(app, r, &job, &token, resp, err);

	if (rc == RC_OK)
		rc = db_begin(app->db, err);
	if (rc != RC_OK)
		return rc;
	rc = claim_renew(app->db, job.id, token, lease_ms(r), err);
	if (rc == RC_OK && news)
		rc = claim_progress(app->db, job.id, token, news, err);
	rc = db_end(app->db, rc, err);
	if (rc == RC_NOTFOUND)
		return lost(app, &job, token, resp, err);
	return rc == RC_OK ? answer_state(app, r, resp, &job, token, err) : rc;
}

enum rc api_work_heartbeat(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return renew(app, r, resp, NULL, err);
}

enum rc api_work_progress(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const struct claim_progress news = {
	    .percent = (int)request_int(r, "progress", -1),
	    .step = request_text(r, "current_step"),
	    .total = request_int(r, "total_items", -1),
	    .processed = request_int(r, "processed_items", -1),
	    .rejected = request_int(r, "rejected_items", -1),
	};

	return renew(app, r, resp, &news, err);
}

/* ---- the end ---- */

static enum rc end_in(struct app *app, struct request *r, const struct job *job, const char *token,
    const struct claim_end *end, struct err *err)
{
	struct scope sc = r->scope;
	enum rc rc = db_begin(app->db, err);

	if (rc != RC_OK)
		return rc;
	rc = claim_end(app->db, job->id, token, end, err);
	if (rc == RC_NOTFOUND) {
		/* A job that was cancelled has given its token back by this. */
		if (db_commit_durable(app->db, err) != RC_OK)
			return RC_DB;
		return RC_NOTFOUND;
	}
	if (rc == RC_OK)
		rc = audit_add(app->db, &sc,
		    end->action == JOB_COMPLETE ? "work.complete" : "work.fail",
		    arena_printf(r->arena, "job %lld", (long long)job->id), NULL, err);
	return db_end_durable(app->db, rc, err);
}

static enum rc end_job(struct app *app, struct request *r, struct response *resp, struct job *job,
    const char *token, struct claim_end *end, struct err *err)
{
	struct view *v = view_obj(r->arena), *whole;
	enum rc rc;

	end->actor = actor(r);
	end->cpu_ms = end->peak_bytes = end->log_bytes = end->read_bytes = end->write_bytes = -1;
	rc = end_in(app, r, job, token, end, err);
	if (rc == RC_NOTFOUND)
		return lost(app, job, token, resp, err);
	if (rc != RC_OK)
		return rc;
	doorbell_ring(app->cfg);
	rc = job_find(app->db, &r->scope, job->uuid, r->arena, job, err);
	if (rc == RC_OK)
		rc = job_full_view(app, r, job, &whole, err);
	if (rc != RC_OK)
		return rc;
	view_put(v, "job", whole);
	response_json(resp, v);
	return RC_OK;
}

enum rc api_work_complete(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct claim_end end = {.action = JOB_COMPLETE};
	struct outputs outputs;
	const char *token;
	struct job job;
	enum rc rc = outputs_take(app, r, &outputs, resp, err);

	if (rc == RC_OK)
		rc = held_job(app, r, &job, &token, resp, err);
	if (rc == RC_OK)
		rc = outputs_store(app, r, &outputs, &job, resp, err);
	if (rc == RC_OK) {
		end.result = request_text(r, "result");
		end.outputs = outputs.files;
		end.output_count = outputs.n;
		rc = end_job(app, r, resp, &job, token, &end, err);
	}
	outputs_close(app, &outputs, rc != RC_OK && !db_broken(app->db));
	return rc;
}

static const char default_error[] = "the program that processed it gave no reason";

enum rc api_work_fail(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *error = request_text(r, "error"), *again = request_text(r, "error_message");
	bool retry = request_int(r, "retry", 0) == 1;
	struct claim_end end = {
	    .action = retry ? JOB_RELEASE : JOB_FAIL,
	    .counts = true,
	    .error = error   ? error
		     : again ? again
			     : default_error,
	};
	enum job_status status;
	const char *token;
	struct job job;
	enum rc rc = held_job(app, r, &job, &token, resp, err);

	if (rc != RC_OK)
		return rc;
	/* Somebody took the job away meanwhile, and this is the word that nobody works on it. */
	if (claim_state(app->db, job.id, token, &status, err) == RC_OK &&
	    status != JOB_PROCESSING && status != JOB_PAUSED)
		end.action = JOB_CANCEL;
	else if (retry)
		end.run_at =
		    clock_wall_ms() + claim_backoff_ms(app->cfg->backoff_ms, job.retry_count + 1);
	return end_job(app, r, resp, &job, token, &end, err);
}
