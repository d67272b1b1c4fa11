/*
 * GET /: the upload panel and the first page of the list.
 */
#include "core/project.h"
#include "core/str.h"
#include "fcgi/list.h"
#include "fcgi/options.h"
#include "fcgi/pages.h"

#define REFRESH_SECONDS 3

/* What the select offers; `chosen` is selected. */
static struct view *types_view(
    struct arena *a, const struct jobtypes *types, const struct jobtype *chosen)
{
	struct view *list = view_list(a);

	for (size_t i = 0; i < types->n; i++) {
		const struct jobtype *t = &types->list[i];
		struct view *v;

		if (!t->available)
			continue;
		v = view_obj(a);
		view_ref(v, "name", t->name);
		view_ref(v, "title", t->title ? t->title : t->name);
		view_ref(v, "description", t->description);
		view_ref(v, "accept", options_accept(a, t));
		view_bool(v, "is_default", t->by_default);
		view_bool(v, "is_paused", t->paused);
		view_bool(v, "is_chosen", t == chosen);
		view_push(list, v);
	}
	return list;
}

/* Where there are several projects the page says which one it shows, and leads to the others. */
static enum rc put_projects(
    struct app *app, const struct request *r, struct view *page, struct err *err)
{
	struct view *list = view_list(r->arena);
	struct project *all;
	size_t n;
	enum rc rc = project_list(app->db, &r->scope, r->arena, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct view *v = project_view(r->arena, &all[i]);
		bool here = all[i].id == r->scope.project_id;

		view_bool(v, "is_here", here);
		view_ref(v, "url", arena_printf(r->arena, "/?project=%lld", (long long)all[i].id));
		view_push(list, v);
		if (here && n > 1)
			view_ref(page, "project_name", all[i].name);
	}
	view_put(page, "projects", list);
	return rc;
}

static enum rc answer(struct app *app, struct request *r, struct list *l,
    const struct jobtype *type, const struct options *o, struct response *resp, struct err *err)
{
	const struct jobtypes *types;
	char nonce[TOKEN_SIZE], size[16];
	struct view *v;
	enum rc rc = list_view(app, r, l, true, &v, err);

	if (rc == RC_OK)
		rc = put_projects(app, r, v, err);
	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc != RC_OK)
		return rc;
	/* A form that is being filled in must not be loaded anew under somebody's hands. */
	page_view(app, r, v, "Jobs", l->busy && !type && !o->sentence ? REFRESH_SECONDS : 0);
	view_str(v, "nonce", token_new(nonce));
	view_put(v, "types", types_view(r->arena, types, type));
	view_put(v, "more", options_more_view(r->arena, o));
	view_put(v, "form", options_view(r->arena, type, o));
	view_int(v, "upload_max", app->cfg->upload_max_bytes);
	view_str(v, "upload_max_text", str_bytes(app->cfg->upload_max_bytes, size));
	return response_html(app, resp, PAGE_HOME, v, err);
}

enum rc page_home_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const struct jobtype *type;
	struct options o;
	struct list l;
	enum rc rc = list_open(app, r, &l, resp, err);

	if (rc == RC_OK)
		rc = options_type(app, r, &type, resp, err);
	if (rc != RC_OK)
		return rc;
	options_from_query(r, &o);
	return answer(app, r, &l, type, &o, resp, err);
}

enum rc page_home_again(struct app *app, struct request *r, const struct jobtype *type,
    const struct options *o, struct response *resp, struct err *err)
{
	struct list l;
	enum rc rc = list_first(app, r, &l, err);

	if (rc == RC_OK)
		rc = answer(app, r, &l, type, o, resp, err);
	resp->status = 422;
	return rc;
}
