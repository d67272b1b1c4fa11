/*
 * Tokens on the page of the account: what a program signs in with. Each is shown once, in the
 * answer to the form that made it. Who manages users sees theirs, and can revoke them.
 */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "core/token.h"
#include "fcgi/account.h"
#include "fcgi/once.h"
#include "fcgi/pages.h"
#include "fcgi/user.h"

#define DAY_MS INT64_C(86400000)

/* What is known of one from the beginning: all but the token itself. */
static struct view *made_view(struct arena *a, const struct token_info *t)
{
	struct view *v = view_obj(a);
	char iso[CLOCK_ISO_SIZE];

	view_int(v, "id", t->id);
	view_ref(v, "name", t->name);
	view_ref(v, "scopes", scopes_text(t->scopes, a));
	view_str(v, "expires_at", t->expires_at ? clock_iso(t->expires_at, iso) : NULL);
	return v;
}

static struct view *token_view(struct arena *a, const struct token_info *t)
{
	struct view *v = made_view(a, t);
	char iso[CLOCK_ISO_SIZE];

	view_str(v, "created_at", clock_iso(t->created_at, iso));
	view_str(v, "used_at", t->used_at ? clock_iso(t->used_at, iso) : NULL);
	view_bool(v, "is_expired", t->expires_at && t->expires_at <= clock_wall_ms());
	return v;
}

enum rc tokens_put(struct app *app, struct arena *a, int64_t org_id, int64_t user_id,
    struct view *v, struct err *err)
{
	struct view *list = view_list(a);
	struct token_info *all;
	size_t n;
	enum rc rc = token_list(app->db, org_id, user_id, a, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		view_push(list, token_view(a, &all[i]));
	view_put(v, "tokens", list);
	return rc;
}

/* In the order of the words of the input `expires`. */
static const int64_t days[] = {30, 90, 365, 0};

static enum rc create(struct app *app, struct request *r, struct token_info *t,
    char token[static SECRET_SIZE], const char **field, struct err *err)
{
	int64_t d = days[request_int(r, "expires", 1)];
	struct user user;
	enum rc rc;

	*t = (struct token_info){
	    .name = request_text(r, "name") ? request_text(r, "name") : "",
	    .scopes = (form_checked(r, "read") ? SCOPE_READ : 0) |
		      (form_checked(r, "write") ? SCOPE_WRITE : 0) |
		      (form_checked(r, "work") ? SCOPE_WORK : 0) |
		      (form_checked(r, "admin") ? SCOPE_ADMIN : 0),
	    .expires_at = d ? clock_wall_ms() + d * DAY_MS : 0,
	};
	*field = "scopes";
	if (!t->scopes)
		return err_set(err, RC_INVALID, "choose what the token may do");
	if ((t->scopes & SCOPE_ADMIN) && r->scope.role < ROLE_ADMIN)
		return err_set(err, RC_INVALID, "a token to manage with is for admins");
	*field = "name";
	rc = user_find(app->db, r->scope.org_id, r->scope.user_name, r->arena, &user, err);
	return rc == RC_OK ? token_create(app->db, &r->scope, &user, t, token, err) : rc;
}

static enum rc refuse_again(struct response *resp, const struct once *o, struct err *err)
{
	const struct view *t = view_get(o->answer, "token");

	return once_told(resp, o, err, "the token %lld (%.100s)",
	    (long long)view_number(view_get(t, "id")), view_text(view_get(t, "name")));
}

enum rc page_token_create(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *fresh = NULL;
	struct fault fault = {0};
	char token[SECRET_SIZE];
	struct token_info t = {0};
	const char *field = NULL;
	struct once once;
	enum rc rc = account_check(app, resp, err);

	if (rc == RC_OK)
		rc = once_begin(app, r, resp, &once, err);
	if (rc == RC_DONE)
		return refuse_again(resp, &once, err);
	if (rc == RC_OK) {
		rc = create(app, r, &t, token, &field, err);
		fresh = made_view(r->arena, &t);
		view_put(once.answer, "token", fresh);
		rc = once_end(app, r, &once, rc, err);
	}
	if (fault_take(r, resp, field, &rc, err, &fault))
		return account_page(app, r, resp, &fault, NULL, err);
	if (rc != RC_OK)
		return rc;
	view_str(fresh, "token", token);
	resp->status = 201;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) != WANT_JSON)
		return account_page(app, r, resp, NULL, fresh, err);
	response_json(resp, once.answer);
	return RC_OK;
}

/* The token that the path names, of a user; `by` acts within the user's organisation. */
static enum rc revoke(struct app *app, const struct request *r, const struct scope *by,
    int64_t user_id, struct err *err)
{
	const char *key = request_capture(r, "id");
	int64_t id;

	if (!str_int(key, 1, INT64_MAX, &id))
		return err_set(err, RC_NOTFOUND, "no such token: \"%.40s\"", key);
	return token_revoke(app->db, by, user_id, id, err);
}

enum rc page_token_revoke(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = account_check(app, resp, err);

	if (rc == RC_OK)
		rc = revoke(app, r, &r->scope, r->scope.user_id, err);
	if (rc == RC_OK)
		done_answer(r, resp, "/account", "token");
	return rc;
}

enum rc page_user_token_revoke(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct scope by = r->scope;
	struct user u;
	enum rc rc = user_find_below(app, r, true, resp, &u, err);

	if (rc == RC_OK) {
		by.org_id = u.org_id;
		rc = revoke(app, r, &by, u.id, err);
	}
	if (rc == RC_OK)
		done_answer(r, resp, user_path(r->arena, u.name), "token");
	return rc;
}
