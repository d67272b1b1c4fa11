/*
 * Responses: what handlers use to answer, and the one place where a result code becomes a status.
 */
#include "fcgi/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/assets.h"
#include "core/log.h"
#include "core/str.h"
#include "core/url.h"
#include "core/version.h"
#include "fcgi/app.h"
#include "fcgi/menu.h"
#include "fcgi/route.h"

static const struct {
	int status;
	const char *text;
} status_texts[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

const char *status_text(int status)
{
	for (size_t i = 0; i < sizeof status_texts / sizeof *status_texts; i++)
		if (status_texts[i].status == status)
			return status_texts[i].text;
	bug("status without a text: %d", status);
}

/* The only place that knows which failure is which status. */
static int rc_status(enum rc rc)
{
	switch (rc) {
	case RC_NOTFOUND:
		return 404;
	case RC_INVALID:
		return 422;
	case RC_CONFLICT:
		return 409;
	case RC_BUSY:
		return 503;
	case RC_LIMIT:
		return 507;
	case RC_DENIED:
		return 403;
	default:
		return 500;
	}
}

void response_init(struct response *resp)
{
	*resp = (struct response){0};
	buf_init(&resp->head);
	buf_init(&resp->body);
}

void response_release(struct response *resp)
{
	buf_release(&resp->head);
	buf_release(&resp->body);
}

void response_clear(struct response *resp, struct arena *a)
{
	resp->arena = a;
	resp->status = 200;
	resp->type = NULL;
	resp->ref = NULL;
	resp->ref_len = 0;
	memset(&resp->why, 0, sizeof resp->why);
	buf_clear(&resp->head);
	buf_clear(&resp->body);
}

void response_header(struct response *resp, const char *name, const char *fmt, ...)
{
	size_t from;
	va_list ap;

	buf_adds(&resp->head, name);
	buf_adds(&resp->head, ": ");
	from = resp->head.len;
	va_start(ap, fmt);
	buf_vprintf(&resp->head, fmt, ap);
	va_end(ap);
	for (size_t i = from; i < resp->head.len; i++)
		if ((unsigned char)resp->head.data[i] < 0x20)
			bug("header %s with a control character", name);
	buf_adds(&resp->head, "\r\n");
}

enum rc response_fail(
    struct response *resp, int status, const char *field, struct err *err, const char *fmt, ...)
{
	va_list ap;

	resp->why.status = status;
	resp->why.field = field;
	err->rc = RC_INVALID;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	str_mend(err->text);
	return RC_INVALID;
}

enum rc response_quota(struct response *resp, enum quota_kind kind, int64_t wait_s, struct err *err)
{
	static const int statuses[] = {
	    [QUOTA_FILE] = 413, [QUOTA_BYTES] = 507, [QUOTA_PENDING] = 429, [QUOTA_RATE] = 429};

	response_fail(resp, statuses[kind], NULL, err, "%s", arena_strdup(resp->arena, err->text));
	if (wait_s)
		resp->why.retry = arena_printf(resp->arena, "%lld", (long long)wait_s);
	return RC_INVALID;
}

enum rc response_html(
    struct app *app, struct response *resp, enum template_id id, struct view *view, struct err *err)
{
	static char asset_url[32];

	if (!*asset_url)
		snprintf(asset_url, sizeof asset_url, "/static/%s", asset_id);
	view_ref(view, "asset_url", asset_url);
	view_ref(view, "app_version", dropmill_version);
	resp->type = "text/html; charset=utf-8";
	buf_clear(&resp->body);
	return templates_render(app->templates, id, view, &resp->body, err);
}

void response_json(struct response *resp, const struct view *view)
{
	resp->type = "application/json";
	buf_clear(&resp->body);
	view_json(view, &resp->body);
	buf_addc(&resp->body, '\n');
}

void response_redirect(struct response *resp, const char *path)
{
	if (path[0] != '/' || path[1] == '/')
		bug("redirect to another site: '%s'", path);
	resp->status = 303;
	resp->type = NULL;
	response_header(resp, "Location", "%s", path);
}

/* RFC 6266: a plain name that every client can read, and the true one by RFC 5987. */
static void disposition(struct response *resp, const char *name)
{
	char *simple = arena_strdup(resp->arena, name), *to = simple;

	for (const char *p = name; *p; p++)
		if ((*p & 0xc0) != 0x80)
			*to++ = (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e || *p == '"' ||
					*p == '\\' || *p == '%'
				    ? '_'
				    : *p;
	*to = '\0';
	response_header(resp, "Content-Disposition",
	    "attachment; filename=\"%s\"; filename*=UTF-8''%s", simple,
	    url_escape(resp->arena, name));
}

void response_file(struct response *resp, const char *uri, const char *name, const char *type)
{
	if (strncmp(uri, "/_store/", 8) != 0 ||
	    strspn(uri, "/_abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(uri))
		bug("not a file of the store: '%s'", uri);
	resp->status = 200;
	resp->type = type;
	buf_clear(&resp->body);
	if (name)
		disposition(resp, name);
	response_header(resp, "X-Accel-Redirect", "%s", uri);
}

static struct view *problem(
    const struct request *r, const struct response *resp, int status, const char *detail)
{
	struct view *v = view_obj(r->arena);

	view_ref(v, "type", "about:blank");
	view_ref(v, "title", status_text(status));
	view_int(v, "status", status);
	view_str(v, "detail", detail);
	if (resp->why.field) {
		struct view *errors = view_list(r->arena), *one = view_obj(r->arena);

		view_ref(v, "field", resp->why.field);
		view_ref(one, "field", resp->why.field);
		view_str(one, "detail", detail);
		view_push(errors, one);
		view_put(v, "errors", errors);
	}
	if (resp->why.allowed)
		view_put(v, "allowed", (struct view *)resp->why.allowed);
	if (resp->why.made)
		view_put(v, "made", (struct view *)resp->why.made);
	view_ref(v, "request_id", r->id);
	return v;
}

/* What the client may know of a failure: of our own troubles only that there are some, unless a
 * handler chose the words. */
static const char *detail_text(int status, bool said, const struct err *err)
{
	if (status == 500)
		return "something went wrong on the server; the request id leads to it in the log";
	if (status == 503 && !said)
		return "the server is busy; try again in a moment";
	if (status == 507 && !said)
		return "the server's disk is full; nothing was kept of this request";
	return err->text[0] ? err->text : status_text(status);
}

/* What stands over the sentence on a page; the status in words is for programs. */
static const char *heading(int status)
{
	switch (status) {
	case 401:
	case 403:
		return "Not allowed";
	case 404:
		return "Not here";
	case 409:
		return "Not now";
	case 413:
		return "Too large";
	case 415:
	case 422:
		return "Not taken";
	case 429:
		return "Too often";
	case 503:
		return "Busy";
	case 507:
		return "No room";
	default:
		return status < 500 ? "Not possible" : "Something went wrong";
	}
}

/* Where somebody who must sign in comes back to: the page they are on. */
static const char *login_path(const struct app *app, const struct request *r, enum want want)
{
	const char *here = want == WANT_FRAGMENT     ? request_param(r, PARAM_CURRENT_URL)
			   : r->method & METHOD_SAFE ? request_param(r, PARAM_URI)
						     : request_param(r, PARAM_REFERER);

	here = request_local_path(r, app->cfg->base_url, here);
	if (!here || strcmp(here, "/") == 0 || strncmp(here, "/login", 6) == 0)
		return "/login";
	return arena_printf(r->arena, "/login?next=%s", url_escape(r->arena, here));
}

/* A person is led to the login page; false for programs, who are told 401: whoever wants JSON, or
 * came with a token. */
static bool lead_to_login(
    const struct app *app, const struct request *r, struct response *resp, enum want want)
{
	if (want == WANT_JSON || *request_param(r, PARAM_AUTHORIZATION))
		return false;
	buf_clear(&resp->head);
	buf_clear(&resp->body);
	if (want == WANT_PAGE) {
		response_redirect(resp, login_path(app, r, want));
	} else {
		resp->type = NULL;
		response_header(resp, "HX-Redirect", "%s", login_path(app, r, want));
	}
	response_header(resp, "Vary", "HX-Request, Accept");
	return true;
}

/* For the log: a link's address signs somebody in. */
static const char *shown_path(const struct request *r)
{
	return r->route && strstr(r->route->pattern, "{secret}") ? r->route->pattern : r->path;
}

void response_error(struct app *app, const struct request *r, struct response *resp, enum rc rc,
    const struct err *err)
{
	int status = resp->why.status ? resp->why.status : rc_status(rc);
	struct view *v = problem(r, resp, status, detail_text(status, resp->why.status != 0, err));
	enum want want = request_want(r);
	struct err failed = {0};
	char *kept = arena_strndup(r->arena, resp->head.data, resp->head.len);
	bool keep = strncmp(kept, "Allow: ", 7) == 0 || strncmp(kept, "WWW-", 4) == 0;

	if (status >= 500)
		log_error("%s: status=%d path=\"%.200s\"", err->text[0] ? err->text : rc_name(rc),
		    status, shown_path(r));
	resp->status = status;
	resp->ref = NULL;
	buf_clear(&resp->head);
	if (keep)
		buf_adds(&resp->head, kept);
	if (status == 503 || resp->why.retry)
		response_header(resp, "Retry-After", "%s", resp->why.retry ? resp->why.retry : "2");
	if (status == 401 && app->cfg->auth == AUTH_PASSWORD && lead_to_login(app, r, resp, want))
		return;
	if (want != WANT_JSON) {
		view_str(v, "home_url", "/");
		view_ref(v, "heading", heading(status));
		if (want == WANT_PAGE)
			menu_put(app, r, v);
		if (response_html(app, resp, want == WANT_FRAGMENT ? FRAGMENT_ERROR : PAGE_ERROR, v,
			&failed) != RC_OK) {
			log_error("cannot render the error page: %s", failed.text);
			want = WANT_JSON;
		} else if (want == WANT_FRAGMENT) {
			response_header(resp, "HX-Retarget", "#messages");
			response_header(resp, "HX-Reswap", "innerHTML");
		}
	}
	if (want == WANT_JSON) {
		response_json(resp, v);
		resp->type = "application/problem+json";
	}
	response_header(resp, "Vary", "HX-Request, Accept");
}

/* With the length nginx need not send it in chunks, nor a client guess. What nginx itself sends
 * instead (X-Accel-Redirect) has a length of its own. */
static const char *length_header(const struct response *resp, size_t body_len)
{
	if (!resp->type || memmem(resp->head.data, resp->head.len, "X-Accel-", 8))
		return "";
	return arena_printf(resp->arena, "Content-Length: %zu\r\n", body_len);
}

void response_parts(struct response *resp, bool head_only, struct iovec parts[static 2])
{
	const char *type = resp->type ? resp->type : "";
	const char *body = resp->ref ? resp->ref : resp->body.data;
	size_t len = !resp->type ? 0 : resp->ref ? resp->ref_len : resp->body.len;
	char *head;

	/* Nothing of ours may be kept by a cache that others share. */
	head = arena_printf(resp->arena,
	    "Status: %d %s\r\n%s%s%s%sCache-Control: private, no-cache\r\n%s\r\n", resp->status,
	    status_text(resp->status), *type ? "Content-Type: " : "", type, *type ? "\r\n" : "",
	    length_header(resp, len), resp->head.data);
	parts[0] = (struct iovec){head, strlen(head)};
	parts[1] = (struct iovec){(void *)body, head_only ? 0 : len};
}
