/*
 * /admin/users/{name}: role, access, links, tokens and projects of one user. Nobody touches a user
 * above their own role, and of oneself only a link can be made: who manages must not lock
 * themselves out.
 */
#include "fcgi/user.h"

#include <string.h>

#include "core/project.h"
#include "core/str.h"
#include "core/url.h"
#include "fcgi/account.h"
#include "fcgi/once.h"
#include "fcgi/pages.h"

/* The user that the path names, of those whom the caller manages. */
static enum rc find(struct app *app, const struct request *r, struct user *out, struct err *err)
{
	return user_find(app->db, admin_reach(r), request_capture(r, "name"), r->arena, out, err);
}

static bool is_self(const struct request *r, const struct user *u)
{
	return u->id == r->scope.user_id;
}

enum rc user_find_below(struct app *app, const struct request *r, bool self, struct response *resp,
    struct user *out, struct err *err)
{
	enum rc rc = find(app, r, out, err);

	if (rc != RC_OK)
		return rc;
	if (out->role > r->scope.role)
		return response_fail(
		    resp, 403, NULL, err, "nobody changes a user above their own role");
	if (is_self(r, out) && !self)
		return response_fail(
		    resp, 409, NULL, err, "nobody does this to themselves: ask another admin");
	return RC_OK;
}

/* ---- what is shown ---- */

static bool holds(const int64_t *ids, size_t n, int64_t id)
{
	while (n--)
		if (ids[n] == id)
			return true;
	return false;
}

/* `projects` of the user's organisation, and which of them the user sees. */
static enum rc put_projects(
    struct app *app, const struct request *r, const struct user *u, struct view *v, struct err *err)
{
	struct scope theirs = {.org_id = u->org_id, .role = ROLE_ADMIN};
	struct view *list = view_list(r->arena);
	struct project *all;
	int64_t *seen;
	size_t n = 0, seen_count;
	enum rc rc = project_list(app->db, &theirs, r->arena, &all, &n, err);

	if (rc == RC_OK)
		rc = user_projects(app->db, u, r->arena, &seen, &seen_count, err);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct view *p = view_obj(r->arena);

		view_int(p, "id", all[i].id);
		view_ref(p, "name", all[i].name);
		view_bool(p, "is_seen", !u->limited || holds(seen, seen_count, all[i].id));
		view_push(list, p);
	}
	view_put(v, "projects", list);
	return rc;
}

static enum rc user_page(struct app *app, struct request *r, struct response *resp,
    const struct user *u, struct view *fresh, const struct fault *fault, struct err *err)
{
	struct view *v = view_obj(r->arena);
	bool below = u->role <= r->scope.role;
	enum rc rc = put_projects(app, r, u, v, err);

	if (rc == RC_OK && below)
		rc = tokens_put(app, r->arena, u->org_id, u->id, v, err);
	if (rc != RC_OK)
		return rc;
	view_put(v, "user", user_view(r->arena, u));
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	if (r->method != METHOD_POST)
		done_put(r, v);
	view_ref(v, "url", user_path(r->arena, u->name));
	view_ref(
	    v, "tokens_url", arena_join(r->arena, user_path(r->arena, u->name), "/tokens", NULL));
	view_ref(v, "audit_url",
	    arena_join(r->arena, "/admin/audit?actor=", url_escape(r->arena, u->name), NULL));
	view_put(v, "fresh", fresh);
	view_put(v, "roles", admin_roles(r, role_name(u->role)));
	view_bool(v, "can_change", below && !is_self(r, u));
	view_bool(v, "can_link", below && !u->disabled && app->cfg->auth == AUTH_PASSWORD);
	view_bool(v, "is_self", is_self(r, u));
	view_bool(v, "has_projects", view_len(view_get(v, "projects")) > 1 || u->limited);
	fault_put(r, resp, v, fault);
	admin_page(app, r, v, u->name);
	return response_html(app, resp, PAGE_USER, v, err);
}

enum rc page_user_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct user u;
	enum rc rc = find(app, r, &u, err);

	return rc == RC_OK ? user_page(app, r, resp, &u, NULL, NULL, err) : rc;
}

/* ---- what is changed ---- */

/* The end of a form: the page with the sentence, or the way back to it. */
static enum rc conclude(struct app *app, struct request *r, struct response *resp,
    const struct user *u, const char *field, const char *word, enum rc rc, struct err *err)
{
	struct fault fault = {0};

	if (fault_take(r, resp, field, &rc, err, &fault))
		return user_page(app, r, resp, u, NULL, &fault, err);
	if (rc == RC_OK)
		done_answer(r, resp, user_path(r->arena, u->name), word);
	return rc;
}

enum rc page_user_role(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum role role;
	struct user u;
	enum rc rc = user_find_below(app, r, false, resp, &u, err);

	if (rc == RC_OK)
		rc = user_role_read(r, &role, err);
	if (rc == RC_OK && role != u.role)
		rc = user_set_role(app->db, &r->scope, &u, role, err);
	return conclude(app, r, resp, &u, "role", "role", rc, err);
}

static enum rc set_disabled(
    struct app *app, struct request *r, struct response *resp, bool disabled, struct err *err)
{
	struct user u;
	enum rc rc = user_find_below(app, r, false, resp, &u, err);

	if (rc == RC_OK && u.disabled != disabled)
		rc = user_disable(app->db, &r->scope, &u, disabled, err);
	return conclude(app, r, resp, &u, "disabled", disabled ? "disabled" : "enabled", rc, err);
}

enum rc page_user_disable(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return set_disabled(app, r, resp, true, err);
}

enum rc page_user_enable(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return set_disabled(app, r, resp, false, err);
}

/* Who it is for, and for how long: all but the link itself. */
static void put_link(struct view *answer, const struct view *fresh)
{
	view_ref(answer, "name", view_text(view_get(fresh, "name")));
	view_null(answer, "link");
	view_int(answer, "minutes", view_number(view_get(fresh, "minutes")));
}

static enum rc make_link(struct app *app, struct request *r, struct response *resp,
    const struct user *u, struct once *o, struct view **fresh, struct err *err)
{
	enum rc rc = once_begin(app, r, resp, o, err);

	if (rc != RC_OK)
		return rc;
	rc = user_link_view(app, r, u, fresh, err);
	if (rc == RC_OK)
		put_link(o->answer, *fresh);
	return once_end(app, r, o, rc, err);
}

enum rc page_user_link(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	struct once once;
	struct view *fresh;
	struct user u;
	enum rc rc = user_find_below(app, r, true, resp, &u, err);

	if (rc == RC_OK && app->cfg->auth != AUTH_PASSWORD)
		return response_fail(
		    resp, 409, NULL, err, "nobody signs in here by a link (auth in dropmill.conf)");
	if (rc == RC_OK)
		rc = make_link(app, r, resp, &u, &once, &fresh, err);
	if (rc == RC_DONE)
		return once_told(resp, &once, err, "a link for %.100s", u.name);
	if (fault_take(r, resp, "link", &rc, err, &fault))
		return user_page(app, r, resp, &u, NULL, &fault, err);
	if (rc != RC_OK)
		return rc;
	resp->status = 201;
	if (request_want(r) != WANT_JSON)
		return user_page(app, r, resp, &u, fresh, NULL, err);
	response_json(resp, fresh);
	return RC_OK;
}

/* The ids in the fields `project[]`, each of a project of the user's organisation. */
static enum rc read_projects(struct app *app, const struct request *r, const struct user *u,
    int64_t **out, size_t *n, struct err *err)
{
	struct scope theirs = {.org_id = u->org_id, .role = ROLE_ADMIN};
	int64_t *ids = arena_alloc(r->arena, (r->form.n + 1) * sizeof *ids);
	struct project p;

	*n = 0;
	*out = ids;
	for (size_t i = 0; i < r->form.n; i++) {
		enum rc rc;

		if (strcmp(r->form.list[i].name, "project[]") != 0)
			continue;
		rc = project_find(app->db, &theirs, r->form.list[i].value, r->arena, &p, err);
		if (rc == RC_NOTFOUND)
			return err_set(err, RC_INVALID, "one of the projects is gone");
		if (rc != RC_OK)
			return rc;
		if (!holds(ids, *n, p.id))
			ids[(*n)++] = p.id;
	}
	return RC_OK;
}

enum rc page_user_limit(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	bool limited = request_int(r, "sees", 0) == 1;
	int64_t *ids = NULL;
	struct user u;
	size_t n = 0;
	enum rc rc = user_find_below(app, r, false, resp, &u, err);

	if (rc == RC_OK && limited)
		rc = read_projects(app, r, &u, &ids, &n, err);
	if (rc == RC_OK)
		rc = user_limit(app->db, &r->scope, &u, limited, ids, n, err);
	return conclude(app, r, resp, &u, "projects", "projects", rc, err);
}
