/*
 * Opening what a web process needs, and the way of a request through gate and handler.
 */
#include "fcgi/app.h"

#include <string.h>

#include "core/log.h"
#include "fcgi/body.h"
#include "fcgi/gate.h"
#include "fcgi/route.h"

enum rc app_open(
    struct app *app, const struct config *cfg, const struct templates *t, struct err *err)
{
	enum rc rc;

	*app = (struct app){.cfg = cfg, .templates = t, .store.root = -1, .types_stamp = -1};
	app->fragments.most = (size_t)cfg->fragment_cache;
	arena_init(&app->request_arena);
	arena_init(&app->types_arena);
	app->sniff = sniff_open();
	rc = store_open(cfg, &app->store, err);
	if (rc == RC_OK)
		rc = db_open(cfg, &app->db, err);
	if (rc != RC_OK)
		app_close(app);
	return rc;
}

void app_close(struct app *app)
{
	db_close(app->db);
	app->db = NULL;
	store_close(&app->store);
	sniff_close(app->sniff);
	app->sniff = NULL;
	fragments_release(&app->fragments);
	arena_release(&app->request_arena);
	arena_release(&app->types_arena);
}

/* From the parameters to a filled response, or a failure. */
static enum rc answer(
    struct app *app, char *const *env, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = request_read(r, env, err);

	log_context("req=%s", r->id);
	if (rc != RC_OK)
		rc = response_fail(resp, 400, NULL, err, "%s", arena_strdup(r->arena, err->text));
	if (strcmp(request_param(r, PARAM_ADMIT), "1") == 0) {
		gate_admit(app, r, resp, rc, err);
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = gate_pass(app, r, resp, err);
	return rc == RC_OK ? r->route->handler(app, r, resp, err) : rc;
}

void app_answer(struct app *app, char *const *env, struct body_source body, struct request *r,
    struct response *resp)
{
	struct err err = {0};
	enum rc rc;

	arena_clear(&app->request_arena);
	response_clear(resp, &app->request_arena);
	request_init(r, &app->request_arena, body);
	rc = answer(app, env, r, resp, &err);
	if (rc != RC_OK)
		response_error(app, r, resp, rc, &err);
	body_unspool(r);
	log_context_clear();
}

bool app_spent(const struct app *app)
{
	return db_broken(app->db);
}

enum rc app_types(struct app *app, const struct jobtypes **out, struct err *err)
{
	int64_t stamp;
	enum rc rc = jobtype_stamp(app->db, &stamp, err);

	if (rc == RC_OK && stamp != app->types_stamp) {
		arena_clear(&app->types_arena);
		app->types_stamp = -1;
		rc = jobtype_load_db(app->db, &app->types_arena, &app->types, err);
		if (rc == RC_OK)
			app->types_stamp = stamp;
	}
	*out = &app->types;
	return rc;
}
