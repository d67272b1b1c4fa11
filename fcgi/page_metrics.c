/*
 * GET /metrics: figures of the whole site as Prometheus reads them, for the addresses of
 * metrics_allow and for admin tokens of operators. Nothing in them is an org's own but its number.
 */
#include <string.h>

#include "core/claim.h"
#include "core/org.h"
#include "core/quota.h"
#include "core/str.h"
#include "core/version.h"
#include "fcgi/identify.h"
#include "fcgi/pages.h"

/* An address that is listed; nobody's is this host's own, by plain CGI. */
static bool may_read(const struct app *app, const char *address)
{
	return !*address || str_listed(app->cfg->metrics_allow, address, strlen(address));
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP dropmill_%s %s\n# TYPE dropmill_%s %s\n", name, help, name, type);
}

static enum rc put_jobs(struct db *db, struct buf *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_COUNTER_SITE, DB_NO_ARGS, err);

	if (rc != RC_OK)
		return rc;
	head(out, "jobs", "gauge", "Jobs that are there, by state and type.");
	while ((rc = db_next(&cur, err)) == RC_OK)
		buf_printf(out, "dropmill_jobs{status=\"%s\",type=\"%s\"} %lld\n",
		    db_text(&cur, 0, NULL), db_text(&cur, 1, NULL), (long long)db_int(&cur, 2));
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

static enum rc put_orgs(struct db *db, struct arena *a, struct buf *out, struct err *err)
{
	struct org *orgs;
	size_t n;
	enum rc rc = org_list(db, a, &orgs, &n, err);

	if (rc != RC_OK)
		return rc;
	head(out, "org_running", "gauge", "Jobs that run, by organisation.");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "dropmill_org_running{org=\"%lld\"} %lld\n", (long long)orgs[i].id,
		    (long long)orgs[i].running);
	head(out, "org_waiting", "gauge", "Jobs that could begin now, by organisation.");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "dropmill_org_waiting{org=\"%lld\"} %lld\n", (long long)orgs[i].id,
		    (long long)orgs[i].pending);
	head(out, "org_stored_bytes", "gauge", "Bytes of all files, by organisation.");
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		struct quota_use use;
		struct quota q;

		rc = quota_get(db, orgs[i].id, &q, &use, err);
		if (rc == RC_OK)
			buf_printf(out, "dropmill_org_stored_bytes{org=\"%lld\"} %lld\n",
			    (long long)orgs[i].id, (long long)use.bytes);
	}
	return rc;
}

static enum rc put_workers(struct db *db, struct arena *a, struct buf *out, struct err *err)
{
	struct worker *workers;
	int64_t heard = 0;
	size_t n;
	enum rc rc = worker_list(db, a, &workers, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		heard += worker_heard(&workers[i]);
	head(out, "processors", "gauge", "Processors that were heard of in the last minute.");
	buf_printf(out, "dropmill_processors %lld\n", (long long)heard);
	return rc;
}

static enum rc put_disk(struct app *app, struct buf *out, struct err *err)
{
	int64_t bytes;
	enum rc rc = store_free(&app->store, &bytes, err);

	head(out, "disk_free_bytes", "gauge", "Bytes that are free where files are stored.");
	buf_printf(out, "dropmill_disk_free_bytes %lld\n", (long long)bytes);
	return rc;
}

enum rc page_metrics(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct buf *out = &resp->body;
	enum rc rc;

	if (!(r->by == BY_TOKEN && r->scope.role == ROLE_OPERATOR &&
		(r->who.scopes & SCOPE_ADMIN)) &&
	    !may_read(app, request_param(r, PARAM_ADDRESS)))
		return response_fail(resp, 403, NULL, err,
		    "the metrics are for the addresses of metrics_allow, and for tokens of "
		    "operators with the scope admin");
	resp->type = "text/plain; version=0.0.4; charset=utf-8";
	buf_clear(out);
	head(out, "info", "gauge", "The version that runs.");
	buf_printf(out, "dropmill_info{version=\"%s\"} 1\n", dropmill_version);
	rc = put_jobs(app->db, out, err);
	if (rc == RC_OK)
		rc = put_orgs(app->db, r->arena, out, err);
	if (rc == RC_OK)
		rc = put_workers(app->db, r->arena, out, err);
	return rc == RC_OK ? put_disk(app, out, err) : rc;
}
