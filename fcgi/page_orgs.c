/*
 * /admin/orgs: organisations, what each may have and has. For operators.
 */
#include <string.h>

#include "core/doorbell.h"
#include "core/quota.h"
#include "core/str.h"
#include "fcgi/admin.h"
#include "fcgi/once.h"
#include "fcgi/org.h"
#include "fcgi/pages.h"

/* ---- what is shown ---- */

/* A size as core/str.h reads it again, or "" for no limit. */
static const char *size_text(struct arena *a, int64_t bytes)
{
	static const char units[] = "KMGT";
	int i = -1;

	if (bytes < 0)
		return "";
	while (bytes && bytes % 1024 == 0 && i < 3) {
		bytes /= 1024;
		i++;
	}
	return i < 0 ? arena_printf(a, "%lld", (long long)bytes)
		     : arena_printf(a, "%lld%c", (long long)bytes, units[i]);
}

static const char *number_text(struct arena *a, int64_t n)
{
	return n < 0 ? "" : arena_printf(a, "%lld", (long long)n);
}

static void put_bytes(struct view *v, const char *key, int64_t bytes)
{
	char text[16];

	view_str(v, key, bytes < 0 ? NULL : str_bytes(bytes, text));
}

/* What pages add: figures as people read them. */
static void put_texts(struct arena *a, struct view *v, const struct org *org, const struct quota *q,
    const struct quota_use *use)
{
	bool full = q->bytes > 0;

	put_bytes(v, "stored_text", use->bytes);
	put_bytes(v, "bytes_text", q->bytes);
	put_bytes(v, "file_text", q->file);
	view_bool(v, "has_share", full);
	if (full)
		view_int(v, "share",
		    use->bytes >= q->bytes
			? 100
			: (int64_t)(100.0 * (double)use->bytes / (double)q->bytes));
	view_ref(v, "url", arena_printf(a, "/admin/orgs/%lld", (long long)org->id));
}

static enum rc full_view(struct app *app, const struct request *r, const struct org *org,
    bool texts, struct view **out, struct err *err)
{
	struct quota_use use;
	struct quota q;
	enum rc rc = quota_get(app->db, org->id, &q, &use, err);

	if (rc != RC_OK)
		return rc;
	*out = org_view(r->arena, org);
	view_int(*out, "id", org->id);
	quota_view(r->arena, *out, &q, &use);
	if (texts)
		put_texts(r->arena, *out, org, &q, &use);
	return RC_OK;
}

enum rc org_full_view(struct app *app, const struct request *r, const struct org *org,
    struct view **out, struct err *err)
{
	return full_view(app, r, org, request_want(r) != WANT_JSON, out, err);
}

enum rc orgs_put(struct app *app, const struct request *r, struct view *v, struct err *err)
{
	struct view *list = view_list(r->arena), *one;
	struct org *all;
	size_t n = 0;
	enum rc rc = admin_orgs(app, r, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = org_full_view(app, r, &all[i], &one, err);
		if (rc == RC_OK)
			view_push(list, one);
	}
	view_put(v, "orgs", list);
	return rc;
}

static enum rc list_page(struct app *app, struct request *r, struct response *resp,
    const struct fault *fault, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum rc rc = orgs_put(app, r, v, err);

	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	if (r->method != METHOD_POST)
		done_put(r, v);
	fault_put(r, resp, v, fault);
	admin_page(app, r, v, "Organisations");
	return response_html(app, resp, PAGE_ORGS, v, err);
}

enum rc page_orgs_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return list_page(app, r, resp, NULL, err);
}

/* The limits as the form's fields hold them: as they were sent, or as they are. */
static struct view *limits_view(
    struct arena *a, const struct request *r, const struct org *org, const struct view *full)
{
	const struct view *q = view_get(full, "quota");
	struct view *v = view_obj(a);
	static const char *const names[] = {"bytes", "file", "pending", "rate"};

	for (size_t i = 0; i < 4; i++) {
		const struct view *n = view_get(q, names[i]);
		int64_t limit = view_type(n) == VIEW_NULL ? -1 : view_number(n);

		view_ref(v, names[i], i < 2 ? size_text(a, limit) : number_text(a, limit));
	}
	view_ref(v, "cap", number_text(a, org->cap));
	for (size_t i = 0; r->method == METHOD_POST && r->route->inputs[i].name; i++)
		view_ref(v, r->route->inputs[i].name, r->value[i].given ? r->value[i].text : "");
	return v;
}

static enum rc org_page(struct app *app, struct request *r, struct response *resp,
    const struct org *org, const struct fault *fault, struct err *err)
{
	struct view *v = view_obj(r->arena), *full;
	enum rc rc = org_full_view(app, r, org, &full, err);

	if (rc != RC_OK)
		return rc;
	view_put(v, "org", full);
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	if (r->method != METHOD_POST)
		done_put(r, v);
	view_put(v, "limits", limits_view(r->arena, r, org, full));
	fault_put(r, resp, v, fault);
	admin_page(app, r, v, org->name);
	return response_html(app, resp, PAGE_ORG, v, err);
}

enum rc page_org_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct org org;
	enum rc rc = admin_org(app, r, request_capture(r, "org"), &org, err);

	return rc == RC_OK ? org_page(app, r, resp, &org, NULL, err) : rc;
}

/* ---- what is changed ---- */

static enum rc create(
    struct app *app, const struct request *r, struct view *answer, struct err *err)
{
	const char *name = request_text(r, "name");
	struct view *made;
	struct org org;
	int64_t id;
	enum rc rc = org_create(app->db, &r->scope, name ? name : "", &id, err);

	if (rc == RC_OK)
		rc = org_find(app->db, name, r->arena, &org, err);
	if (rc == RC_OK)
		rc = full_view(app, r, &org, false, &made, err);
	if (rc == RC_OK)
		view_put(answer, "org", made);
	return rc;
}

enum rc page_org_create(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	struct once once;
	enum rc rc = once_begin(app, r, resp, &once, err);

	if (rc == RC_OK)
		rc = once_end(app, r, &once, create(app, r, once.answer, err), err);
	if (fault_take(r, resp, "name", &rc, err, &fault))
		return list_page(app, r, resp, &fault, err);
	if (rc != RC_OK && rc != RC_DONE)
		return rc;
	once_answer(r, resp, &once, "/admin/orgs", "org");
	return RC_OK;
}

/* A limit of the form, empty for none. RC_INVALID with a sentence. */
static enum rc read_limit(const struct request *r, const char *name, bool size, int64_t most,
    int64_t *out, struct err *err)
{
	const char *text = request_text(r, name);

	*out = -1;
	if (!text)
		return RC_OK;
	if (size && !str_size(text, out))
		return err_set(
		    err, RC_INVALID, "a size such as 500M or 10G, or nothing for no limit");
	if (!size && !str_int(text, 0, most, out))
		return err_set(err, RC_INVALID, "a number, or nothing for no limit");
	return RC_OK;
}

static enum rc read_limits(
    const struct request *r, struct quota *q, int64_t *cap, const char **field, struct err *err)
{
	const struct {
		const char *name;
		bool size;
		int64_t most, *out;
	} limits[] = {
	    {"bytes", true, INT64_MAX, &q->bytes},
	    {"file", true, INT64_MAX, &q->file},
	    {"pending", false, INT64_MAX, &q->pending},
	    {"rate", false, INT64_MAX, &q->rate},
	    {"cap", false, ORG_CAP_MAX, cap},
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof limits / sizeof *limits && rc == RC_OK; i++) {
		*field = limits[i].name;
		rc = read_limit(
		    r, limits[i].name, limits[i].size, limits[i].most, limits[i].out, err);
	}
	return rc;
}

/* All of it, or nothing. cap: what it is to be. */
static enum rc set_limits(struct app *app, const struct request *r, const struct org *org,
    const struct quota *q, int64_t cap, struct err *err)
{
	enum rc rc = db_begin_joint(app->db, err);

	if (rc != RC_OK)
		return rc;
	rc = quota_set(app->db, &r->scope, org->id, q, err);
	if (rc == RC_OK && cap != org->cap)
		rc = org_set_cap(app->db, &r->scope, org->name, cap, err);
	return db_end(app->db, rc, err);
}

enum rc page_org_limits(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	const char *field = NULL;
	struct quota q;
	struct org org;
	int64_t cap = -1;
	enum rc rc = admin_org(app, r, request_capture(r, "org"), &org, err);

	if (rc == RC_OK)
		rc = read_limits(r, &q, &cap, &field, err);
	if (rc == RC_OK)
		rc = set_limits(app, r, &org, &q, cap, err);
	if (rc == RC_OK && cap != org.cap)
		doorbell_ring(app->cfg);
	if (fault_take(r, resp, field, &rc, err, &fault))
		return org_page(app, r, resp, &org, &fault, err);
	if (rc == RC_OK)
		done_answer(r, resp, arena_printf(r->arena, "/admin/orgs/%lld", (long long)org.id),
		    "quota");
	return rc;
}
