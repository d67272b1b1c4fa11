/*
 * Probes: /healthz says that this process answers, /readyz that an upload would be accepted and
 * processed.
 */
#include <string.h>
#include <unistd.h>

#include "core/claim.h"
#include "fcgi/app.h"
#include "fcgi/pages.h"

enum rc page_health_live(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena);

	(void)app;
	(void)err;
	view_ref(v, "status", "ok");
	response_json(resp, v);
	return RC_OK;
}

static const char *check_store(struct app *app, struct err *err)
{
	int fd;

	if (store_temp(&app->store, &fd, err) != RC_OK)
		return "failed";
	close(fd);
	return "ok";
}

static const char *check_database(struct app *app, struct err *err)
{
	int64_t stamp;

	return jobtype_stamp(app->db, &stamp, err) == RC_OK ? "ok" : "failed";
}

static const char *check_processor(struct app *app, struct arena *a, struct err *err)
{
	struct worker *workers;
	size_t n;

	if (worker_list(app->db, a, &workers, &n, err) != RC_OK)
		return "failed";
	for (size_t i = 0; i < n; i++)
		if (worker_heard(&workers[i]))
			return "ok";
	return "missing";
}

enum rc page_health_ready(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *database = check_database(app, err), *store = check_store(app, err);
	const char *processor = check_processor(app, r->arena, err);
	bool ready =
	    strcmp(database, "ok") == 0 && strcmp(store, "ok") == 0 && strcmp(processor, "ok") == 0;
	struct view *v = view_obj(r->arena);

	view_ref(v, "status", ready ? "ready" : "not ready");
	view_ref(v, "database", database);
	view_ref(v, "store", store);
	view_ref(v, "processor", processor);
	response_json(resp, v);
	resp->status = ready ? 200 : 503;
	return RC_OK;
}
