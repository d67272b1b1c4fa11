/*
 * What one web process holds open, and how it answers a request.
 */
#ifndef FCGI_APP_H
#define FCGI_APP_H

#include "core/config.h"
#include "core/db.h"
#include "core/jobtype.h"
#include "core/sniff.h"
#include "core/store.h"
#include "fcgi/fragments.h"
#include "fcgi/request.h"
#include "fcgi/response.h"
#include "fcgi/templates.h"

struct app {
	const struct config *cfg; /* borrowed, like the templates: made before the fork */
	const struct templates *templates;
	struct db *db;
	struct store store;
	struct sniff *sniff;
	struct fragments fragments;
	struct arena request_arena, types_arena;
	struct jobtypes types; /* as of types_stamp; app_types */
	int64_t types_stamp;
	bool spool_body; /* plain CGI: an upload comes on stdin, and we do nginx's part */
};

/* Open sniffer (first, so that it never sees a database handle), store and database. */
enum rc app_open(
    struct app *app, const struct config *cfg, const struct templates *t, struct err *err);
void app_close(struct app *app);

/* Answer one request; resp is ready to be sent when it returns, whatever happened. resp lives until
 * the next call. */
void app_answer(struct app *app, char *const *env, struct body_source body, struct request *r,
    struct response *resp);

/* Whether the process must end after this response. */
bool app_spent(const struct app *app);

/* The job types, read again when they have changed. */
enum rc app_types(struct app *app, const struct jobtypes **out, struct err *err);

#endif
