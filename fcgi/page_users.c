/*
 * /admin/users: who may come in, of the caller's organisation, or of all for an operator; and how
 * somebody new does: by a link that is shown once, to whoever made the user. One user is
 * page_user.c.
 */
#include "fcgi/user.h"

#include <string.h>

#include "core/session.h"
#include "core/url.h"
#include "fcgi/once.h"
#include "fcgi/pages.h"

/* `users` of the organisation that is asked for, which *org_id tells (0: all). */
static enum rc users_view(
    struct app *app, const struct request *r, const char *org_key, struct view *v, struct err *err)
{
	struct view *list = view_list(r->arena);
	int64_t org_id = admin_reach(r);
	struct user *all;
	struct org org;
	size_t n = 0;
	enum rc rc = org_key ? admin_org(app, r, org_key, &org, err) : RC_OK;

	if (rc == RC_OK && org_key)
		org_id = org.id;
	if (rc == RC_OK)
		rc = user_list(app->db, org_id, r->arena, &all, &n, err);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		view_push(list, user_view(r->arena, &all[i]));
	view_put(v, "users", list);
	return rc;
}

const char *user_path(struct arena *a, const char *name)
{
	return arena_join(a, "/admin/users/", url_escape(a, name), NULL);
}

/* `org_key`: whose users are listed, NULL for all that the caller manages. */
static enum rc answer_page(struct app *app, struct request *r, struct response *resp,
    struct view *v, const char *org_key, const struct fault *fault, struct err *err)
{
	const char *role = fault ? request_text(r, "role") : NULL,
		   *org = fault ? request_text(r, "org") : org_key;
	const struct view *list = view_get(v, "users");
	struct org *orgs;
	size_t n;
	enum rc rc = admin_orgs(app, r, &orgs, &n, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < view_len(list); i++) {
		struct view *u = (struct view *)view_at(list, i);

		view_ref(u, "url", user_path(r->arena, view_text(view_get(u, "name"))));
	}
	view_bool(v, "has_orgs", n > 1);
	view_put(v, "orgs", admin_org_choices(r, orgs, n, org));
	view_ref(v, "org", org_key);
	view_put(v, "roles", admin_roles(r, role ? role : "member"));
	fault_put(r, resp, v, fault);
	admin_page(app, r, v, "Users");
	return response_html(app, resp, PAGE_USERS, v, err);
}

enum rc page_users_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *org_key = request_text(r, "org");
	struct view *v = view_obj(r->arena);
	enum rc rc = users_view(app, r, org_key, v, err);

	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	done_put(r, v);
	return answer_page(app, r, resp, v, org_key, NULL, err);
}

/* ---- a new one ---- */

enum rc user_role_read(const struct request *r, enum role *out, struct err *err)
{
	const char *text = request_text(r, "role");

	*out = text ? role_parse(text) : ROLE_MAX;
	if (*out == ROLE_MAX)
		return err_set(
		    err, RC_INVALID, "role must be one of: viewer, member, admin, operator");
	if (*out > r->scope.role)
		return err_set(err, RC_INVALID, "nobody gives a role above their own");
	return RC_OK;
}

enum rc user_link_view(struct app *app, const struct request *r, const struct user *u,
    struct view **out, struct err *err)
{
	struct view *v = view_obj(r->arena);
	char secret[SECRET_SIZE];
	enum rc rc;

	*out = NULL;
	if (app->cfg->auth != AUTH_PASSWORD)
		return RC_OK;
	rc = link_create(app->db, &r->scope, u, secret, err);
	if (rc != RC_OK)
		return rc;
	view_ref(v, "name", u->name);
	view_ref(v, "link",
	    arena_join(r->arena, request_origin(r, app->cfg->base_url), "/login/", secret, NULL));
	view_int(v, "minutes", LINK_MS / 60000);
	*out = v;
	return RC_OK;
}

static enum rc create(
    struct app *app, struct request *r, struct user *out, const char **field, struct err *err)
{
	const char *name = request_text(r, "name"), *key = request_text(r, "org");
	struct org org = {.id = r->scope.org_id};
	enum role role;
	int64_t id;
	enum rc rc = user_role_read(r, &role, err);

	*field = "role";
	if (rc != RC_OK)
		return rc;
	*field = "org";
	rc = key ? admin_org(app, r, key, &org, err) : RC_OK;
	if (rc != RC_OK)
		return rc;
	*field = "name";
	rc = user_create(app->db, &r->scope, org.id, name ? name : "", role, &id, err);
	return rc == RC_OK ? user_find(app->db, org.id, name, r->arena, out, err) : rc;
}

/* The user, and a link in the same transaction. */
static enum rc create_with_link(struct app *app, struct request *r, struct view *answer,
    struct view **fresh, const char **field, struct err *err)
{
	struct user u;
	enum rc rc = create(app, r, &u, field, err);

	if (rc == RC_OK)
		rc = user_link_view(app, r, &u, fresh, err);
	if (rc != RC_OK)
		return rc;
	view_put(answer, "user", user_view(r->arena, &u));
	view_null(answer, "link");
	return RC_OK;
}

/* The user is there, and with it a link that was shown; where there are no links, all is told
 * again. */
static enum rc answer_again(struct app *app, const struct request *r, struct response *resp,
    const struct once *o, struct err *err)
{
	if (app->cfg->auth == AUTH_PASSWORD)
		return once_told(resp, o, err, "the user %.100s with a link",
		    view_text(view_get(view_get(o->answer, "user"), "name")));
	once_answer(r, resp, o, "/admin/users", "user");
	return RC_OK;
}

enum rc page_user_create(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *fresh = NULL;
	struct fault fault = {0};
	const char *field = NULL;
	struct once once;
	enum rc rc = once_begin(app, r, resp, &once, err);
	bool wrong;

	if (rc == RC_DONE)
		return answer_again(app, r, resp, &once, err);
	if (rc == RC_OK) {
		rc = create_with_link(app, r, once.answer, &fresh, &field, err);
		rc = once_end(app, r, &once, rc, err);
	}
	wrong = fault_take(r, resp, field, &rc, err, &fault);
	if (rc != RC_OK && !wrong)
		return rc;
	if (!wrong)
		resp->status = 201;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		view_ref(once.answer, "link", fresh ? view_text(view_get(fresh, "link")) : NULL);
		response_json(resp, once.answer);
		return RC_OK;
	}
	if (!wrong && !fresh) {
		done_answer(r, resp, "/admin/users", "user");
		return RC_OK;
	}
	view_put(v, "fresh", fresh);
	rc = users_view(app, r, NULL, v, err);
	return rc == RC_OK ? answer_page(app, r, resp, v, NULL, wrong ? &fault : NULL, err) : rc;
}
