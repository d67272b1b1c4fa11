/*
 * Who is asking.
 */
#include "fcgi/identify.h"

#include <string.h>
#include <strings.h>

#include "core/job.h"
#include "core/project.h"
#include "core/session.h"
#include "core/token.h"
#include "fcgi/route.h"

#define SECURE_COOKIE "__Host-dropmill"
#define PLAIN_COOKIE "dropmill"

static bool by_tls(const struct app *app, const struct request *r)
{
	const char *base = app->cfg->base_url;

	return strncasecmp(*base ? base : request_param(r, PARAM_SCHEME), "https", 5) == 0;
}

const char *session_cookie(const struct app *app, const struct request *r)
{
	const struct pair *p =
	    pairs_find(&r->cookies, by_tls(app, r) ? SECURE_COOKIE : PLAIN_COOKIE, NULL);

	return p ? p->value : NULL;
}

static void set_cookie(const struct app *app, const struct request *r, struct response *resp,
    const char *value, int64_t seconds)
{
	bool tls = by_tls(app, r);

	response_header(resp, "Set-Cookie", "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
	    tls ? SECURE_COOKIE : PLAIN_COOKIE, value, (long long)seconds, tls ? "; Secure" : "");
}

void session_cookie_set(
    const struct app *app, const struct request *r, struct response *resp, const char *value)
{
	set_cookie(app, r, resp, value, app->cfg->session_max_ms / 1000);
}

void session_cookie_clear(const struct app *app, const struct request *r, struct response *resp)
{
	set_cookie(app, r, resp, "", 0);
}

static enum rc refuse_token(struct response *resp, struct err *err, const char *why)
{
	response_header(resp, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
	return response_fail(resp, 401, NULL, err, "%s", why);
}

static enum rc by_token(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *token = request_param(r, PARAM_AUTHORIZATION);
	enum rc rc;

	if (strncasecmp(token, "Bearer ", 7) != 0)
		return refuse_token(resp, err, "Authorization must be of the form: Bearer TOKEN");
	token += 7 + strspn(token + 7, " ");
	rc = token_find(app->db, token, r->arena, &r->who, err);
	if (rc == RC_NOTFOUND)
		return refuse_token(resp, err,
		    "this token is not valid: it was revoked, has expired, or its user is "
		    "disabled");
	r->by = BY_TOKEN;
	return rc;
}

static enum rc by_cookie(struct app *app, struct request *r, struct err *err)
{
	const char *cookie = session_cookie(app, r);
	enum rc rc;

	if (!cookie || !*cookie)
		return RC_OK;
	rc = session_find(app->db, app->cfg, cookie, r->arena, &r->who, err);
	if (rc == RC_OK)
		r->by = BY_COOKIE;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* nginx hands the name over only if the proxy is one of those in the configuration. */
static enum rc by_proxy(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *name = request_param(r, PARAM_USER);
	enum rc rc;

	if (!*name)
		return RC_OK;
	rc = identity_of_user(app->db, name, r->arena, &r->who, err);
	if (rc == RC_NOTFOUND)
		return response_fail(resp, 403, NULL, err,
		    "you are signed in, but there is no such user here, or the user is disabled; "
		    "an operator makes one by: dropmill user create");
	r->who.scope.via = "proxy";
	r->by = BY_PROXY;
	return rc;
}

/* What a browser shows to a proxy in front of us, which passes it on, is not meant for us. */
static bool has_token(const struct request *r)
{
	const char *s = request_param(r, PARAM_AUTHORIZATION);

	return *s && strncasecmp(s, "Basic ", 6) != 0 && strncasecmp(s, "Digest ", 7) != 0;
}

enum rc identify(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = RC_OK;

	if (has_token(r)) {
		rc = by_token(app, r, resp, err);
	} else if (app->cfg->auth == AUTH_NONE) {
		r->who = (struct identity){.scope = scope_local, .scopes = SCOPE_ALL};
		r->by = BY_NONE;
	} else if (app->cfg->auth == AUTH_PROXY) {
		rc = by_proxy(app, r, resp, err);
	} else {
		rc = by_cookie(app, r, err);
	}
	r->scope = r->who.scope;
	r->scope.address = request_param(r, PARAM_ADDRESS);
	r->scope.request = r->id;
	if (rc == RC_OK)
		identity_seen(app->db, &r->who);
	return rc;
}

enum rc request_job(struct app *app, struct request *r, struct job *out, struct err *err)
{
	enum rc rc = job_find(app->db, &r->scope, request_capture(r, "job"), r->arena, out, err);

	if (rc == RC_OK)
		r->scope.project_id = out->project_id;
	return rc;
}

/* A project in the path that is not there is 404; one among the inputs is a wrong input. */
enum rc request_project(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	bool in_path = strstr(r->route->pattern, "{project}") != NULL;
	const char *key = in_path ? request_capture(r, "project") : request_text(r, "project");
	struct project p;
	enum rc rc;

	if (!key && !r->scope.project_id)
		return response_fail(resp, 403, NULL, err,
		    "you see no project yet; an admin of your organisation can show you one");
	if (!key)
		return RC_OK;
	rc = project_find(app->db, &r->scope, key, r->arena, &p, err);
	if (rc == RC_NOTFOUND && !in_path)
		return response_fail(
		    resp, 422, "project", err, "%s", arena_strdup(r->arena, err->text));
	if (rc == RC_OK)
		r->scope.project_id = p.id;
	return rc;
}
