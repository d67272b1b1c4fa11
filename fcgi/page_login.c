/*
 * Signing in and out: by password, by a one-time link, and the end of a session.
 */
#include <string.h>

#include "core/login.h"
#include "core/session.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

/* Where somebody goes on to who has signed in: a path of our own, or the list. */
static const char *next_path(const struct app *app, const struct request *r)
{
	const char *next = request_text(r, "next");

	if (next)
		next = request_local_path(r, app->cfg->base_url, next);
	return next ? next : "/";
}

/* The session that a browser has, which a new one replaces. */
static int64_t session_before(const struct request *r)
{
	return r->by == BY_COOKIE ? r->who.session_id : 0;
}

static const char *agent(const struct request *r)
{
	return request_param(r, PARAM_AGENT);
}

static enum rc answer_form(struct app *app, struct request *r, struct response *resp,
    const char *sentence, struct err *err)
{
	struct view *v = view_obj(r->arena);

	page_view(app, r, v, "Sign in", 0);
	view_ref(v, "user", request_text(r, "user"));
	view_ref(v, "next", strcmp(next_path(app, r), "/") == 0 ? NULL : next_path(app, r));
	view_ref(v, "error", sentence);
	return response_html(app, resp, PAGE_LOGIN, v, err);
}

enum rc page_login_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	if (app->cfg->auth != AUTH_PASSWORD || r->by == BY_COOKIE) {
		response_redirect(resp, next_path(app, r));
		return RC_OK;
	}
	return answer_form(app, r, resp, NULL, err);
}

/* A form comes back with the sentence and the status, programs get the problem. */
static enum rc refuse(struct app *app, struct request *r, struct response *resp, enum rc rc,
    int64_t wait_ms, struct err *err)
{
	int status = rc == RC_LIMIT ? 429 : rc == RC_BUSY ? 503 : 401;
	const char *sentence = arena_strdup(r->arena, err->text);
	int64_t wait_s = rc == RC_BUSY ? 2 : (wait_ms + 999) / 1000;

	if (request_want(r) == WANT_JSON) {
		response_fail(resp, status, NULL, err, "%s", sentence);
		if (wait_s)
			resp->why.retry = arena_printf(r->arena, "%lld", (long long)wait_s);
		return RC_INVALID;
	}
	resp->status = status;
	if (wait_s)
		response_header(resp, "Retry-After", "%lld", (long long)wait_s);
	return answer_form(app, r, resp, sentence, err);
}

enum rc page_login(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *name = request_text(r, "user"), *password = request_text(r, "password");
	char cookie[SECRET_SIZE];
	struct identity who;
	int64_t wait_ms = 0;
	enum rc rc;

	if (app->cfg->auth != AUTH_PASSWORD)
		return response_fail(resp, 409, NULL, err,
		    "nobody signs in here by password (auth in dropmill.conf)");
	if (!name || !password)
		rc = err_set(err, RC_DENIED, "fill in user name and password");
	else
		rc = login_check(
		    app->db, app->cfg, &r->scope, name, password, r->arena, &who, &wait_ms, err);
	if (rc == RC_DENIED || rc == RC_LIMIT || rc == RC_BUSY)
		return refuse(app, r, resp, rc, wait_ms, err);
	if (rc == RC_OK)
		rc = session_begin(
		    app->db, app->cfg, &who.scope, false, agent(r), session_before(r), cookie, err);
	if (rc != RC_OK)
		return rc;
	response_redirect(resp, next_path(app, r));
	session_cookie_set(app, r, resp, cookie);
	return RC_OK;
}

/* ---- links ---- */

static enum rc no_link(struct response *resp, struct err *err)
{
	return response_fail(resp, 404, NULL, err,
	    "this link has been used, or is older than 15 minutes; ask for another "
	    "(dropmill user link NAME)");
}

static enum rc use_link(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	char cookie[SECRET_SIZE];
	enum rc rc = link_use(app->db, app->cfg, request_capture(r, "secret"), &r->scope, agent(r),
	    session_before(r), cookie, err);

	if (rc == RC_NOTFOUND)
		return no_link(resp, err);
	if (rc != RC_OK)
		return rc;
	response_redirect(resp, "/");
	session_cookie_set(app, r, resp, cookie);
	return RC_OK;
}

/* Typed, pasted or opened from a mail program: signed in at once. From a page of another site, or
 * by a HEAD, which programs that look at links send, there is a button first, lest somebody be
 * signed in as somebody else without knowing. */
enum rc page_link_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *site = r->param[PARAM_FETCH_SITE];
	struct view *v = view_obj(r->arena);
	struct identity who;
	enum rc rc;

	if (r->method == METHOD_GET && (!site || strcmp(site, "none") == 0))
		return use_link(app, r, resp, err);
	rc = link_peek(app->db, request_capture(r, "secret"), r->arena, &who, err);
	if (rc == RC_NOTFOUND)
		return no_link(resp, err);
	if (rc != RC_OK)
		return rc;
	page_view(app, r, v, "Sign in", 0);
	view_ref(v, "user", who.scope.user_name);
	view_ref(v, "link", arena_printf(r->arena, "/login/%s", request_capture(r, "secret")));
	return response_html(app, resp, PAGE_LOGIN, v, err);
}

enum rc page_link_use(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return use_link(app, r, resp, err);
}

/* ---- the end ---- */

enum rc page_logout(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = RC_OK;

	if (r->by == BY_COOKIE)
		rc = session_end(app->db, &r->scope, r->who.session_id, 0, err);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	response_redirect(resp, app->cfg->auth == AUTH_PASSWORD ? "/login" : "/");
	session_cookie_clear(app, r, resp);
	return RC_OK;
}
