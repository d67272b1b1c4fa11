/*
 * GET /: the upload panel and the first page of the list.
 */
#include <string.h>

#include "core/str.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

#define REFRESH_SECONDS 3

/* Value for the accept attribute of a file field: "" for a type that takes anything. */
static const char *accept_text(struct arena *a, const struct jobtype *t)
{
	const char *out = "";

	for (size_t i = 0; t->accept && t->accept[i]; i++) {
		if (strcmp(t->accept[i], "*") == 0)
			return "";
		out = arena_printf(a, "%s%s%s", out, *out ? "," : "", t->accept[i]);
	}
	return out;
}

static struct view *types_view(struct arena *a, const struct jobtypes *types)
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
		view_ref(v, "accept", accept_text(a, t));
		view_push(list, v);
	}
	return list;
}

enum rc page_home_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const struct jobtypes *types;
	char nonce[TOKEN_SIZE], size[16];
	struct view *v;
	struct list l;
	enum rc rc = list_open(app, r, &l, resp, err);

	if (rc == RC_OK)
		rc = list_view(app, r, &l, true, &v, err);
	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc != RC_OK)
		return rc;
	page_view(r, v, "Jobs", l.busy ? REFRESH_SECONDS : 0);
	view_str(v, "nonce", token_new(nonce));
	view_put(v, "types", types_view(r->arena, types));
	view_int(v, "upload_max", app->cfg->upload_max_bytes);
	view_str(v, "upload_max_text", str_bytes(app->cfg->upload_max_bytes, size));
	return response_html(app, resp, PAGE_HOME, v, err);
}
