/*
 * GET /jobs/table: what every open page asks for every two seconds. Unchanged, it costs one look at
 * the project's version; changed, one rendering per process and change.
 */
#include "fcgi/list.h"
#include "fcgi/pages.h"

static enum rc answer_json(
    struct app *app, struct request *r, struct response *resp, struct list *l, struct err *err)
{
	struct view *v;
	enum rc rc = list_view(app, r, l, false, &v, err);

	if (rc == RC_OK)
		response_json(resp, v);
	return rc;
}

static enum rc answer_html(
    struct app *app, struct request *r, struct response *resp, struct list *l, struct err *err)
{
	const struct buf *kept = fragments_get(&app->fragments, l->name, l->version);
	struct view *v;
	enum rc rc;

	if (kept) {
		resp->type = "text/html; charset=utf-8";
		resp->ref = kept->data;
		resp->ref_len = kept->len;
		return RC_OK;
	}
	rc = list_view(app, r, l, true, &v, err);
	if (rc == RC_OK)
		rc = response_html(app, resp, FRAGMENT_TABLE, v, err);
	if (rc == RC_OK)
		fragments_put(&app->fragments, l->name, l->version, &resp->body);
	return rc;
}

enum rc page_jobs_table(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	bool json = request_want(r) == WANT_JSON;
	struct list l;
	enum rc rc = list_open(app, r, &l, resp, err);

	if (rc != RC_OK)
		return rc;
	/* Two forms of one state are two things to a cache. */
	if (json)
		tag_make(app, r, l.version, arena_printf(r->arena, "json %s", l.name), l.tag);
	if (tag_unchanged(r, resp, l.tag))
		return RC_OK;
	return json ? answer_json(app, r, resp, &l, err) : answer_html(app, r, resp, &l, err);
}
