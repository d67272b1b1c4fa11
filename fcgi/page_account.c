/*
 * /account: one's own password and sessions.
 */
#include "fcgi/account.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/login.h"
#include "core/password.h"
#include "core/session.h"
#include "core/str.h"
#include "core/user.h"
#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/pages.h"

/* After a sign-in by link one may set a password without knowing the old one, for so long. */
#define LINK_TRUST_MS INT64_C(900000)

enum rc account_check(struct app *app, struct response *resp, struct err *err)
{
	if (app->cfg->auth == AUTH_NONE)
		return response_fail(resp, 404, NULL, err,
		    "nobody signs in here, so there are no accounts (auth in dropmill.conf)");
	return RC_OK;
}

/* ---- what is shown ---- */

const char *agent_words(const char *agent)
{
	/* The first that fits: each also names those it is like. */
	static const struct {
		const char *mark, *name;
	} browsers[] = {{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"},
	    {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}},
	  systems[] = {{"Android", " on Android"}, {"iPhone", " on iPhone"}, {"iPad", " on iPad"},
	      {"Windows", " on Windows"}, {"Mac OS", " on macOS"}, {"Linux", " on Linux"}};
	static char out[64];
	const char *browser = "A browser", *system = "";

	for (size_t i = sizeof browsers / sizeof *browsers; i--;)
		if (strstr(agent, browsers[i].mark))
			browser = browsers[i].name;
	for (size_t i = sizeof systems / sizeof *systems; i--;)
		if (strstr(agent, systems[i].mark))
			system = systems[i].name;
	snprintf(out, sizeof out, "%s%s", browser, system);
	return out;
}

static struct view *session_view(const struct request *r, const struct session_info *s)
{
	struct view *v = view_obj(r->arena);
	char iso[CLOCK_ISO_SIZE];

	view_int(v, "id", s->id);
	view_str(v, "created_at", clock_iso(s->created_at, iso));
	view_str(v, "seen_at", clock_iso(s->seen_at, iso));
	view_str(v, "expires_at", clock_iso(s->expires_at, iso));
	view_ref(v, "address", s->address);
	view_ref(v, "agent", s->agent);
	view_bool(v, "is_current", s->id == r->who.session_id);
	return v;
}

/* `sessions`; *begun is when the caller's own did, 0 if it is none. */
static enum rc put_sessions(
    struct app *app, const struct request *r, struct view *v, int64_t *begun, struct err *err)
{
	struct view *list = view_list(r->arena);
	struct session_info *all;
	size_t n;
	enum rc rc = session_list(app->db, &r->scope, app->cfg, r->arena, &all, &n, err);

	*begun = 0;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct view *s = session_view(r, &all[i]);

		if (all[i].id == r->who.session_id)
			*begun = all[i].created_at;
		if (request_want(r) != WANT_JSON)
			view_str(s, "agent_text", agent_words(all[i].agent));
		view_push(list, s);
	}
	view_put(v, "sessions", list);
	return rc;
}

static bool needs_current(const struct request *r, int64_t begun)
{
	return r->who.has_password && !(r->who.by_link && clock_wall_ms() - begun < LINK_TRUST_MS);
}

/* What only the page says. */
static void put_page_members(struct app *app, struct request *r, struct view *v, int64_t begun)
{
	bool by_password = app->cfg->auth == AUTH_PASSWORD && r->by == BY_COOKIE;

	view_bool(v, "can_set_password", by_password);
	view_bool(v, "needs_current", needs_current(r, begun));
	view_bool(v, "has_sessions", by_password);
	view_bool(v, "has_others", view_len(view_get(v, "sessions")) > 1);
	view_bool(v, "can_admin", r->scope.role >= ROLE_ADMIN);
	view_int(v, "password_min", PASSWORD_MIN);
	view_ref(v, "tokens_url", "/account/tokens");
	page_view(app, r, v, "Account", 0);
}

static enum rc account_view(
    struct app *app, const struct request *r, struct view *v, int64_t *begun, struct err *err)
{
	struct user user;
	enum rc rc = user_find(app->db, r->scope.org_id, r->scope.user_name, r->arena, &user, err);

	if (rc != RC_OK)
		return rc;
	view_put(v, "user", user_view(r->arena, &user));
	rc = put_sessions(app, r, v, begun, err);
	return rc == RC_OK ? tokens_put(app, r->arena, r->scope.org_id, r->scope.user_id, v, err)
			   : rc;
}

enum rc account_page(struct app *app, struct request *r, struct response *resp,
    const struct fault *fault, struct view *fresh, struct err *err)
{
	struct view *v = view_obj(r->arena);
	int64_t begun;
	enum rc rc = account_view(app, r, v, &begun, err);

	if (rc != RC_OK)
		return rc;
	view_put(v, "fresh", fresh);
	fault_put(r, resp, v, fault);
	put_page_members(app, r, v, begun);
	return response_html(app, resp, PAGE_ACCOUNT, v, err);
}

enum rc page_account_show(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena);
	int64_t begun;
	enum rc rc = account_check(app, resp, err);

	if (rc == RC_OK)
		rc = account_view(app, r, v, &begun, err);
	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	done_put(r, v);
	fault_put(r, resp, v, NULL);
	put_page_members(app, r, v, begun);
	return response_html(app, resp, PAGE_ACCOUNT, v, err);
}

/* ---- the password ---- */

/* What a password may be changed with: the old one, or a link that was used just now. */
static enum rc check_current(
    struct app *app, struct request *r, const char **field, struct fault *fault, struct err *err)
{
	const char *current = request_text(r, "current");
	struct view *v = view_obj(r->arena);
	struct identity who;
	int64_t begun, wait_ms = 0;
	enum rc rc = put_sessions(app, r, v, &begun, err);

	*field = "current";
	if (rc != RC_OK || !needs_current(r, begun))
		return rc;
	if (!current)
		return err_set(err, RC_INVALID, "fill in the password that you have now");
	rc = login_check(app->db, app->cfg, &r->scope, r->scope.user_name, current, r->arena, &who,
	    &wait_ms, err);
	fault->wait_s = (wait_ms + 999) / 1000;
	return rc == RC_DENIED ? err_set(err, rc, "this is not your password") : rc;
}

static enum rc set_password(
    struct app *app, struct request *r, const char **field, struct fault *fault, struct err *err)
{
	const char *password = request_text(r, "password");
	char hash[PASSWORD_HASH_SIZE];
	struct user user;
	enum rc rc = check_current(app, r, field, fault, err);

	if (rc != RC_OK)
		return rc;
	*field = "password";
	rc = password_check(password ? password : "", r->scope.user_name, err);
	if (rc == RC_OK)
		rc = password_hash(app->cfg, password, hash, err);
	if (rc == RC_OK)
		rc = user_find(app->db, r->scope.org_id, r->scope.user_name, r->arena, &user, err);
	if (rc == RC_OK)
		rc = user_set_password(app->db, &r->scope, &user, hash, r->who.session_id, err);
	return rc;
}

/* All other sessions have ended, and this one goes on under another cookie: whoever may have had
 * the old one is out. */
enum rc page_account_password(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	char cookie[SECRET_SIZE];
	const char *field;
	enum rc rc;

	if (app->cfg->auth != AUTH_PASSWORD || r->by != BY_COOKIE)
		return response_fail(resp, 409, NULL, err,
		    "a password is set by somebody who has signed in, where people sign in by "
		    "password");
	rc = set_password(app, r, &field, &fault, err);
	if (fault_take(r, resp, field, &rc, err, &fault))
		return account_page(app, r, resp, &fault, NULL, err);
	if (rc == RC_OK)
		rc = session_begin(app->db, app->cfg, &r->scope, false,
		    request_param(r, PARAM_AGENT), r->who.session_id, cookie, err);
	if (rc != RC_OK)
		return rc;
	done_answer(r, resp, "/account", "password");
	session_cookie_set(app, r, resp, cookie);
	return RC_OK;
}

/* ---- sessions ---- */

enum rc page_session_end(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *key = request_capture(r, "id");
	enum rc rc = account_check(app, resp, err);
	int64_t id;

	if (rc == RC_OK && !str_int(key, 1, INT64_MAX, &id))
		rc = err_set(err, RC_NOTFOUND, "no such session: \"%.40s\"", key);
	if (rc == RC_OK)
		rc = session_end(app->db, &r->scope, id, 0, err);
	if (rc == RC_OK)
		done_answer(r, resp, "/account", "session");
	return rc;
}

enum rc page_sessions_end(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = account_check(app, resp, err);

	if (rc == RC_OK)
		rc = session_end(app->db, &r->scope, 0, r->who.session_id, err);
	if (rc == RC_OK)
		done_answer(r, resp, "/account", "sessions");
	return rc;
}
