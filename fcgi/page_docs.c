/*
 * /api/openapi.json, and /docs: the reference with try-it, and the same as a plain list for those
 * without JavaScript.
 */
#include <string.h>

#include "core/token.h"
#include "fcgi/list.h"
#include "fcgi/openapi.h"
#include "fcgi/pages.h"
#include "fcgi/route.h"

enum rc api_openapi(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	/* It does not change while the process lives. */
	static struct buf text;
	struct view *doc;
	char tag[TAG_SIZE];
	enum rc rc;

	tag_make(app, &(struct request){0}, 0, "openapi", tag);
	if (tag_unchanged(r, resp, tag))
		return RC_OK;
	if (!text.len) {
		rc = openapi_view(app->cfg, r->arena, &doc, err);
		if (rc != RC_OK)
			return rc == RC_INVALID ? err_set(err, RC_SYS, "no API document") : rc;
		view_json(doc, &text);
		buf_addc(&text, '\n');
	}
	resp->type = "application/json";
	resp->ref = text.data;
	resp->ref_len = text.len;
	return RC_OK;
}

static struct view *inputs_view(struct arena *a, const struct input *inputs)
{
	struct view *list = view_list(a);

	for (; inputs && inputs->name; inputs++) {
		struct view *v = view_obj(a);

		view_ref(v, "name", inputs->name);
		view_ref(v, "doc", inputs->doc);
		view_push(list, v);
	}
	return list;
}

static struct view *operation_view(struct arena *a, const struct route *route)
{
	static const char *const takes[] = {[BODY_NONE] = NULL,
	    [BODY_FORM] = "a form",
	    [BODY_JSON] = "JSON",
	    [BODY_FILE] = "a file",
	    [BODY_ANY] = "JSON, or files"};
	struct view *v = view_obj(a);

	view_ref(v, "method", route_methods(route->methods, a));
	view_ref(v, "path", route->pattern);
	view_ref(v, "doc", route->doc);
	view_ref(v, "role", role_name(route->access));
	view_ref(v, "scope", scopes_text(route->scope, a));
	view_ref(v, "takes", route->methods & METHOD_PUT ? "the file itself" : takes[route->body]);
	view_put(v, "inputs", inputs_view(a, route->inputs));
	view_bool(v, "has_inputs", route->inputs != NULL);
	return v;
}

enum rc page_docs(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *list = view_list(r->arena);

	for (size_t i = 0; i < routes_count; i++)
		if (openapi_covers(&routes[i]))
			view_push(list, operation_view(r->arena, &routes[i]));
	view_put(v, "operations", list);
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	page_view(app, r, v, "API", 0);
	return response_html(app, resp, PAGE_DOCS, v, err);
}
