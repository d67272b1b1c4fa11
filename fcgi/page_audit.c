/*
 * /admin/audit: the log, newest first, by pages that go back in time. Admins see what is about
 * their organisation, operators all of it.
 */
#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/url.h"
#include "fcgi/admin.h"
#include "fcgi/pages.h"

#define LIMIT_DEFAULT 50
#define DAY_MS INT64_C(86400000)

/* A time, or a day as date fields send it: its beginning, or for the end of a span its end. Days
 * are those of UTC. */
static enum rc read_time(const struct request *r, const char *name, bool end, int64_t *out,
    struct response *resp, struct err *err)
{
	const char *text = request_text(r, name);

	*out = 0;
	if (!text || clock_read(text, clock_wall_ms(), out))
		return RC_OK;
	if (!clock_read(arena_join(r->arena, text, "T00:00Z", NULL), clock_wall_ms(), out))
		return response_fail(resp, 422, name, err,
		    "%s must be a day such as 2026-11-22 or a time in UTC such as "
		    "2026-11-22T09:30Z",
		    name);
	*out += end ? DAY_MS : 0;
	return RC_OK;
}

static enum rc read_filter(struct app *app, struct request *r, struct audit_filter *f,
    struct response *resp, struct err *err)
{
	const char *key = request_text(r, "org");
	struct org org;
	enum rc rc = read_time(r, "since", false, &f->since, resp, err);

	if (rc == RC_OK)
		rc = read_time(r, "until", true, &f->until, resp, err);
	f->org_id = admin_reach(r);
	if (rc == RC_OK && key) {
		rc = admin_org(app, r, key, &org, err);
		if (rc == RC_OK)
			f->org_id = org.id;
	}
	f->actor = request_text(r, "actor");
	f->action = request_text(r, "action");
	f->limit = (int)request_int(r, "limit", LIMIT_DEFAULT);
	f->before = request_int(r, "before", 0);
	return rc;
}

/* The same question about what is older. */
static const char *older_path(const struct request *r, int64_t before)
{
	const char *out = "/admin/audit?";

	for (size_t i = 0; r->route->inputs[i].name; i++) {
		const char *name = r->route->inputs[i].name;

		if (r->value[i].given && strcmp(name, "before") != 0)
			out = arena_join(r->arena, out, name, "=",
			    url_escape(r->arena, r->value[i].text), "&", NULL);
	}
	return arena_printf(r->arena, "%sbefore=%lld", out, (long long)before);
}

/* "role=admin, from=member" for people. */
static const char *detail_text(struct arena *a, const struct view *detail)
{
	const char *out = "", *name;

	for (size_t i = 0; (name = view_name(detail, i)); i++) {
		const struct view *v = view_get(detail, name);
		const char *text = view_type(v) == VIEW_NULL ? "none" : view_text(v);
		struct buf json;

		buf_init(&json);
		if (!text)
			view_json(v, &json);
		out =
		    arena_join(a, out, *out ? ", " : "", name, " ", text ? text : json.data, NULL);
		buf_release(&json);
	}
	return out;
}

static const char *org_name(const struct org *orgs, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (orgs[i].id == id)
			return orgs[i].name;
	return NULL;
}

static enum rc answer_page(
    struct app *app, struct request *r, struct response *resp, struct view *v, struct err *err)
{
	const struct view *list = view_get(v, "rows");
	struct view *filter = view_obj(r->arena);
	struct org *orgs;
	size_t n;
	enum rc rc = admin_orgs(app, r, &orgs, &n, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < view_len(list); i++) {
		struct view *row = (struct view *)view_at(list, i);

		view_ref(row, "detail_text", detail_text(r->arena, view_get(row, "detail")));
		view_ref(row, "org_name",
		    n > 1 ? org_name(orgs, n, view_number(view_get(row, "org_id"))) : NULL);
	}
	for (size_t i = 0; r->route->inputs[i].name; i++)
		if (r->value[i].given)
			view_ref(filter, r->route->inputs[i].name, r->value[i].text);
	view_put(v, "filter", filter);
	view_bool(v, "is_filtered", view_len(filter) > 0);
	view_bool(v, "is_empty", view_len(list) == 0);
	view_bool(v, "has_orgs", n > 1);
	view_put(v, "orgs",
	    admin_org_choices(r, orgs, n, request_text(r, "org") ? request_text(r, "org") : ""));
	admin_page(app, r, v, "Audit log");
	return response_html(app, resp, PAGE_AUDIT, v, err);
}

enum rc page_audit_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *list = view_list(r->arena);
	struct audit_filter f = {0};
	struct audit_row *rows;
	int64_t next = 0;
	size_t n = 0;
	enum rc rc = read_filter(app, r, &f, resp, err);

	if (rc == RC_OK)
		rc = audit_list(app->db, &f, r->arena, &rows, &n, &next, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n; i++)
		view_push(list, audit_view(r->arena, &rows[i]));
	view_put(v, "rows", list);
	view_ref(v, "next", next ? older_path(r, next) : NULL);
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) != WANT_JSON)
		return answer_page(app, r, resp, v, err);
	response_json(resp, v);
	return RC_OK;
}
