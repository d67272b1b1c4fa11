/*
 * The menu costs a page one query, and operators another: the processors each say about themselves
 * how they run commands.
 */
#include "fcgi/menu.h"

#include <string.h>

#include "core/claim.h"
#include "core/org.h"
#include "fcgi/route.h"

static void put_warning(struct app *app, const struct request *r, struct view *page)
{
	struct worker *workers;
	struct err err;
	size_t n;

	if (r->scope.role != ROLE_OPERATOR || worker_list(app->db, r->arena, &workers, &n, &err))
		return;
	for (size_t i = 0; i < n; i++) {
		struct view *about = NULL;
		const char *text;

		if (!worker_heard(&workers[i]) ||
		    view_parse(r->arena, workers[i].about, strlen(workers[i].about), &about, &err))
			continue;
		text = view_text(view_get(about, "warning"));
		if (text && *text) {
			view_str(page, "warning", text);
			return;
		}
	}
}

/* A place to go to; the request is there if its route lies below it. */
static void put_place(
    const struct request *r, struct view *places, const char *label, const char *url)
{
	const char *here = r->route ? r->route->pattern : "";
	struct view *v = view_obj(r->arena);
	size_t len = strlen(url);

	view_ref(v, "label", label);
	view_ref(v, "url", url);
	view_bool(v, "is_here",
	    strncmp(here, url, len) == 0 && (!here[len] || (here[len] == '/' && len > 1)));
	view_push(places, v);
}

/* Nothing to choose from is no menu: whoever sees one project and manages nothing has only jobs. */
static struct view *places_view(const struct request *r, bool many_projects)
{
	struct view *places = view_list(r->arena);
	bool admin = r->scope.role >= ROLE_ADMIN;

	if (!admin && !many_projects)
		return places;
	put_place(r, places, "Jobs", "/");
	put_place(r, places, "Projects", "/projects");
	if (admin)
		put_place(r, places, "Admin", "/admin");
	return places;
}

void menu_put(struct app *app, const struct request *r, struct view *page)
{
	bool named = r->by == BY_COOKIE || r->by == BY_TOKEN || r->by == BY_PROXY;
	bool by_password = app->cfg->auth == AUTH_PASSWORD && r->by == BY_COOKIE;
	const char *org;
	struct view *me;
	bool many;
	struct err err;

	view_null(page, "me");
	if (r->by == BY_NOTHING || org_of(app->db, &r->scope, r->arena, &org, &many, &err) != RC_OK)
		return;
	me = view_obj(r->arena);
	view_ref(me, "user_name", named ? r->scope.user_name : NULL);
	view_ref(me, "org_name", named ? org : NULL);
	view_ref(me, "role", role_name(r->scope.role));
	view_put(me, "places", places_view(r, many));
	view_bool(me, "can_sign_out", r->by == BY_COOKIE);
	view_bool(me, "needs_password",
	    by_password && !r->who.has_password &&
		!(r->route && strncmp(r->route->pattern, "/account", 8) == 0));
	view_put(page, "me", me);
	put_warning(app, r, page);
}
