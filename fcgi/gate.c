/*
 * The gate and admission, which is its first half.
 */
#include "fcgi/gate.h"

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/quota.h"
#include "core/str.h"
#include "core/token.h"
#include "fcgi/body.h"
#include "fcgi/identify.h"
#include "fcgi/route.h"

/* Length of the name in "name:port" or "[v6]:port". */
static size_t host_length(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

	return end ? (size_t)(end + 1 - host) : strcspn(host, ":");
}

/* Against DNS rebinding: a page of another name that resolves to us is not ours. */
static enum rc check_host(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *host = request_param(r, PARAM_HOST), *base = strstr(app->cfg->base_url, "://");
	size_t len = host_length(host);

	if (!*host)
		return response_fail(resp, 400, NULL, err, "the request has no Host header");
	if (str_listed(app->cfg->hosts, host, len) || str_listed(app->cfg->hosts, "*", 1))
		return RC_OK;
	if (base && host_length(base + 3) >= len && strncasecmp(base + 3, host, len) == 0 &&
	    strcspn(base + 3, ":/") <= len)
		return RC_OK;
	return response_fail(resp, 421, NULL, err,
	    "this site does not answer to that name; its names are in hosts of dropmill.conf");
}

static enum rc find_route(struct request *r, struct response *resp, struct err *err)
{
	unsigned allowed;

	r->route = route_find(r, &allowed);
	if (r->route)
		return RC_OK;
	if (!allowed)
		return response_fail(resp, 404, NULL, err, "there is nothing at this address");
	response_header(resp, "Allow", "%s", route_methods(allowed, r->arena));
	return response_fail(
	    resp, 405, NULL, err, "this address takes %s", route_methods(allowed, r->arena));
}

/* Who asks, and whether they may. */
static enum rc check_role(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = identify(app, r, resp, err);

	if (rc != RC_OK || r->route->access == ROLE_NOBODY)
		return rc;
	if (r->by == BY_NOTHING && app->cfg->auth == AUTH_PROXY)
		return response_fail(resp, 401, NULL, err,
		    "the proxy in front of this site has not said who you are; sign in there");
	if (r->by == BY_NOTHING) {
		response_header(resp, "WWW-Authenticate", "Bearer");
		return response_fail(resp, 401, NULL, err, "sign in first");
	}
	if (!(r->who.scopes & r->route->scope))
		return response_fail(resp, 403, NULL, err, "this token lacks the scope \"%s\"",
		    scopes_text(r->route->scope, r->arena));
	if (r->scope.role < r->route->access)
		return response_fail(resp, 403, NULL, err,
		    "your role does not allow this: it takes %s", role_name(r->route->access));
	return RC_OK;
}

/* Whoever changes something must come from our own pages, or not from a browser at all. A token is
 * nothing that a browser sends by itself; what it does send by itself (a cookie, what the proxy
 * makes of it) must come with the word of the browser. */
static enum rc check_origin(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *site = r->param[PARAM_FETCH_SITE], *origin = r->param[PARAM_ORIGIN];
	bool own;

	if ((r->method & METHOD_SAFE) || r->by == BY_TOKEN)
		return RC_OK;
	if (site)
		own = strcmp(site, "same-origin") == 0;
	else if (origin)
		own = strcasecmp(origin, request_origin(r, app->cfg->base_url)) == 0;
	else
		own = r->by != BY_COOKIE && r->by != BY_PROXY;
	if (own)
		return RC_OK;
	return response_fail(resp, 403, NULL, err,
	    site || origin ? "requests from other sites are not accepted"
			   : "requests with a cookie must say where they come from (Origin); "
			     "programs use a token");
}

/* What the org may have. Of a form the size is known, but not that of each file in it. */
static enum rc check_quota(
    struct app *app, struct request *r, int64_t size, struct response *resp, struct err *err)
{
	bool one = r->method != METHOD_POST;
	const struct quota_need need = {
	    .bytes = size > 0 ? size : 0, .largest = one && size > 0 ? size : 0, .jobs = 1};
	enum quota_kind kind;
	int64_t wait_s;
	enum rc rc = quota_check(app->db, &r->scope, &need, &kind, &wait_s, err);

	return rc == RC_LIMIT ? response_quota(resp, kind, wait_s, err) : rc;
}

/* Bounds of an upload of `size` bytes; -1: not known. */
static enum rc check_upload(
    struct app *app, struct request *r, int64_t size, struct response *resp, struct err *err)
{
	char most[16];
	int64_t free_bytes;
	enum rc rc;

	if (size > app->cfg->upload_max_bytes)
		return response_fail(resp, 413, NULL, err, "the upload is larger than %s",
		    str_bytes(app->cfg->upload_max_bytes, most));
	rc = store_free(&app->store, &free_bytes, err);
	if (rc != RC_OK)
		return rc;
	if (free_bytes - (size > 0 ? size : 0) < app->cfg->disk_low_bytes)
		return response_fail(
		    resp, 507, NULL, err, "the disk is almost full: uploads are not accepted now");
	return check_quota(app, r, size, resp, err);
}

/* Checks that need nothing but the head of the request. */
static enum rc check_head(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc = check_host(app, r, resp, err);

	if (rc == RC_OK)
		rc = find_route(r, resp, err);
	if (rc == RC_OK)
		rc = check_role(app, r, resp, err);
	if (rc == RC_OK)
		rc = check_origin(app, r, resp, err);
	return rc;
}

static enum rc check_body(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	enum rc rc;

	switch (r->route->body) {
	case BODY_NONE:
		if (r->content_length > 0)
			return response_fail(resp, 413, NULL, err, "this address takes no body");
		return RC_OK;
	case BODY_FORM:
		return body_form(r, resp, err);
	case BODY_JSON:
		return body_json(app, r, resp, err);
	case BODY_ANY:
		if (r->content_length <= 0)
			r->json = view_obj(r->arena);
		else if (strcmp(request_media_type(r), "application/json") == 0)
			return body_json(app, r, resp, err);
		if (r->json)
			return RC_OK;
		/* fall through */
	case BODY_FILE:
		rc = check_upload(app, r, r->content_length, resp, err);
		if (rc == RC_OK && app->spool_body && !*request_param(r, PARAM_BODY_FILE))
			rc = body_spool(app, r, resp, err);
		return rc;
	}
	bug("route '%s' has no body policy", r->route->pattern);
}

enum rc gate_pass(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *field = NULL;
	enum rc rc = check_head(app, r, resp, err);

	if (rc == RC_OK)
		rc = check_body(app, r, resp, err);
	if (rc != RC_OK)
		return rc;
	rc = input_check(r->route->inputs, &r->query, r->arena, r->value, &field, err);
	if (rc == RC_OK)
		rc = input_check(r->route->inputs, &r->form, r->arena, r->value, &field, err);
	if (rc == RC_OK && r->json)
		rc = input_check_json(r->route->inputs, r->json, r->arena, r->value, &field, err);
	if (rc == RC_INVALID)
		rc = response_fail(resp, 422, field, err, "%s", arena_strdup(r->arena, err->text));
	return rc;
}

/* A sentence as nginx can put it into JSON, HTML and a header alike. */
static const char *plain(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *p = out; *p; p++)
		if (*p < 0x20 || *p > 0x7e || strchr("\"'\\<>&$", *p))
			*p = '?';
	return out;
}

/* What of an upload can be checked before its body is there. */
static enum rc check_declared(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const char *declared = request_param(r, PARAM_DECLARED);
	int64_t size = -1;
	enum rc rc = check_head(app, r, resp, err);

	/* Without a body the request may as well be refused in full by its handler, with Allow. */
	if (rc != RC_OK && resp->why.status == 405 && (r->method & METHOD_SAFE) && !*declared)
		return RC_OK;
	if (rc == RC_OK && *declared && !str_int(declared, 0, INT64_MAX, &size))
		return response_fail(resp, 400, NULL, err, "bad Content-Length");
	if (rc == RC_OK && (r->route->body == BODY_FILE || r->route->body == BODY_ANY))
		rc = check_upload(app, r, size, resp, err);
	return rc;
}

enum rc gate_upload(
    struct app *app, struct request *r, int64_t size, struct response *resp, struct err *err)
{
	return check_upload(app, r, size, resp, err);
}

void gate_admit(
    struct app *app, struct request *r, struct response *resp, enum rc rc, struct err *err)
{
	int status = 500;
	const char *retry;

	if (rc == RC_OK)
		rc = check_declared(app, r, resp, err);
	retry = resp->why.retry;
	if (rc != RC_OK && resp->why.status)
		status = resp->why.status;
	else if (rc != RC_OK)
		log_error("admission failed: %s", err->text);
	response_clear(resp, r->arena);
	if (rc == RC_OK) {
		resp->status = 204;
		return;
	}
	resp->status = 403;
	response_header(resp, "X-Deny", "%d", status);
	if (retry)
		response_header(resp, "X-Retry", "%s", retry);
	response_header(resp, "X-Why", "%s",
	    status == 500 ? "something went wrong on the server" : plain(r->arena, err->text));
}
