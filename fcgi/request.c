/*
 * Reading a request: parameters, method, path, query, cookies. The body is left to fcgi/body.c.
 */
#include "fcgi/request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "fcgi/route.h"

static const struct {
	const char *name;
	size_t len;
} params[PARAM_MAX] = {
#define P(id, text) [id] = {text, sizeof text - 1}
    P(PARAM_METHOD, "REQUEST_METHOD"),
    P(PARAM_URI, "REQUEST_URI"),
    P(PARAM_PATH_INFO, "PATH_INFO"),
    P(PARAM_QUERY, "QUERY_STRING"),
    P(PARAM_SCHEME, "REQUEST_SCHEME"),
    P(PARAM_CONTENT_TYPE, "CONTENT_TYPE"),
    P(PARAM_CONTENT_LENGTH, "CONTENT_LENGTH"),
    P(PARAM_BODY_FILE, "REQUEST_BODY_FILE"),
    P(PARAM_REQUEST_ID, "DROPMILL_REQUEST_ID"),
    P(PARAM_ADMIT, "DROPMILL_ADMIT"),
    P(PARAM_DECLARED, "DROPMILL_DECLARED"),
    P(PARAM_HOST, "HTTP_HOST"),
    P(PARAM_ORIGIN, "HTTP_ORIGIN"),
    P(PARAM_FETCH_SITE, "HTTP_SEC_FETCH_SITE"),
    P(PARAM_REFERER, "HTTP_REFERER"),
    P(PARAM_ACCEPT, "HTTP_ACCEPT"),
    P(PARAM_COOKIE, "HTTP_COOKIE"),
    P(PARAM_AUTHORIZATION, "HTTP_AUTHORIZATION"),
    P(PARAM_AGENT, "HTTP_USER_AGENT"),
    P(PARAM_ADDRESS, "REMOTE_ADDR"),
    P(PARAM_USER, "DROPMILL_USER"),
    P(PARAM_IF_NONE_MATCH, "HTTP_IF_NONE_MATCH"),
    P(PARAM_IDEMPOTENCY_KEY, "HTTP_IDEMPOTENCY_KEY"),
    P(PARAM_HX_REQUEST, "HTTP_HX_REQUEST"),
    P(PARAM_HX_TYPE, "HTTP_HX_REQUEST_TYPE"),
    P(PARAM_HX_HISTORY, "HTTP_HX_HISTORY_RESTORE_REQUEST"),
    P(PARAM_HX_PTAG, "HTTP_HX_PTAG"),
    P(PARAM_CURRENT_URL, "HTTP_HX_CURRENT_URL"),
#undef P
};

static const struct {
	const char *name;
	enum method method;
} methods[] = {
    {"GET", METHOD_GET},
    {"HEAD", METHOD_HEAD},
    {"POST", METHOD_POST},
    {"PUT", METHOD_PUT},
    {"DELETE", METHOD_DELETE},
    {"PATCH", METHOD_PATCH},
    {"OPTIONS", METHOD_OPTIONS},
};

/* The later of two equal names only counts as a duplicate if it differs: nothing can then depend on
 * which one was read. */
static enum rc read_params(struct request *r, char *const *env, struct err *err)
{
	enum rc rc = RC_OK;

	for (; *env; env++) {
		const char *equals = strchr(*env, '=');
		size_t len = equals ? (size_t)(equals - *env) : 0;

		for (int i = 0; len && i < PARAM_MAX; i++) {
			if (params[i].len != len || memcmp(params[i].name, *env, len) != 0)
				continue;
			if (!r->param[i])
				r->param[i] = arena_strdup(r->arena, equals + 1);
			else if (strcmp(r->param[i], equals + 1) != 0)
				rc = err_set(err, RC_INVALID, "the header %s came twice",
				    params[i].name +
					(strncmp(params[i].name, "HTTP_", 5) == 0 ? 5 : 0));
			break;
		}
	}
	return rc;
}

const char *request_param(const struct request *r, enum request_param p)
{
	return r->param[p] ? r->param[p] : "";
}

static void read_id(struct request *r)
{
	const char *s = request_param(r, PARAM_REQUEST_ID);
	size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	if (n && n <= REQUEST_ID_MAX && !s[n])
		memcpy(r->id, s, n + 1);
	else
		token_new(r->id);
}

/* Split into decoded segments. One empty segment at the end is a trailing slash and allowed. */
static enum rc read_path(struct request *r, const char *s, size_t len, struct err *err)
{
	const char *end = s + len;

	if (!len || *s != '/')
		return err_set(err, RC_INVALID, "the path must begin with a slash");
	r->path = arena_strndup(r->arena, s, len);
	for (s++; s < end;) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		size_t n = (size_t)((slash ? slash : end) - s);
		char *text = arena_alloc(r->arena, n + 1);
		ptrdiff_t got = percent_decode(s, n, false, text);

		if (got < 0)
			return err_set(err, RC_INVALID, "bad percent-encoding in the path");
		if (!got || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
			return err_set(
			    err, RC_INVALID, "the path must not have empty, '.' or '..' parts");
		if (memchr(text, '\0', (size_t)got))
			return err_set(err, RC_INVALID, "the path must not hold NUL");
		if (r->segments == SEGMENTS_MAX)
			return err_set(err, RC_INVALID, "the path has too many parts");
		r->segment[r->segments] = text;
		r->segment_len[r->segments++] = (size_t)got;
		s += n + 1;
	}
	return RC_OK;
}

/* REQUEST_URI as it was sent, which may be absolute; a plain CGI server may give PATH_INFO and
 * QUERY_STRING alone. */
static enum rc read_uri(struct request *r, struct err *err)
{
	const char *uri = request_param(r, PARAM_URI), *query = request_param(r, PARAM_QUERY),
		   *mark;
	enum rc rc;

	if (strncasecmp(uri, "http://", 7) == 0 || strncasecmp(uri, "https://", 8) == 0) {
		uri = strchr(strstr(uri, "//") + 2, '/');
		if (!uri)
			uri = "/";
	}
	if (!*uri)
		uri = r->param[PARAM_PATH_INFO] && *r->param[PARAM_PATH_INFO]
			  ? r->param[PARAM_PATH_INFO]
			  : "/";
	mark = strchr(uri, '?');
	rc = read_path(r, uri, mark ? (size_t)(mark - uri) : strlen(uri), err);
	if (rc != RC_OK)
		return rc;
	if (mark)
		query = mark + 1;
	return query_parse(&r->query, query, strlen(query), r->arena, err);
}

static enum rc read_length(struct request *r, struct err *err)
{
	const char *s = request_param(r, PARAM_CONTENT_LENGTH);

	r->content_length = -1;
	if (*s && !str_int(s, 0, INT64_MAX, &r->content_length))
		return err_set(err, RC_INVALID, "bad Content-Length");
	return RC_OK;
}

void request_init(struct request *r, struct arena *a, struct body_source body)
{
	*r = (struct request){.arena = a, .content_length = -1, .path = "/", .body = body};
}

enum rc request_read(struct request *r, char *const *env, struct err *err)
{
	const char *cookie;
	enum rc rc, uri;

	rc = read_params(r, env, err);
	read_id(r);
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(request_param(r, PARAM_METHOD), methods[i].name) == 0)
			r->method = methods[i].method;
	uri = read_uri(r, rc == RC_OK ? err : NULL);
	if (rc == RC_OK)
		rc = uri;
	if (rc == RC_OK)
		rc = read_length(r, err);
	cookie = request_param(r, PARAM_COOKIE);
	if (rc == RC_OK && *cookie)
		rc = cookie_parse(&r->cookies, cookie, strlen(cookie), r->arena, err);
	return rc == RC_OK ? RC_OK : RC_INVALID;
}

/* How much the client likes a media type, in thousandths: 0 if Accept does not name it. */
static int accept_quality(const char *accept, const char *type)
{
	size_t len = strlen(type);

	for (const char *s = accept; *s;) {
		size_t n = strcspn(s, ","), name;
		const char *q;

		while (n && (*s == ' ' || *s == '\t')) {
			s++;
			n--;
		}
		name = strcspn(s, ",; \t");
		if (name == len && strncasecmp(s, type, len) == 0) {
			q = memmem(s, n, "q=", 2);
			if (!q)
				return 1000;
			q += 2;
			if (*q == '1')
				return 1000;
			if (q[0] == '0' && q[1] == '.' && isdigit((unsigned char)q[2]))
				return 100 * (q[2] - '0') +
				       (isdigit((unsigned char)q[3]) ? 10 * (q[3] - '0') : 0);
			return 0;
		}
		s += n;
		s += *s == ',';
	}
	return 0;
}

enum want request_want(const struct request *r)
{
	const char *accept = request_param(r, PARAM_ACCEPT);
	int html = accept_quality(accept, "text/html");

	if (r->segments && strcmp(r->segment[0], "api") == 0)
		return WANT_JSON;
	if (accept_quality(accept, "application/json") > html ||
	    accept_quality(accept, "application/problem+json") > html)
		return WANT_JSON;
	if (strcmp(request_param(r, PARAM_HX_REQUEST), "true") == 0 &&
	    strcmp(request_param(r, PARAM_HX_HISTORY), "true") != 0 &&
	    strcmp(request_param(r, PARAM_HX_TYPE), "full") != 0)
		return WANT_FRAGMENT;
	return html || (r->method & METHOD_SAFE) ? WANT_PAGE : WANT_JSON;
}

bool request_accepts_html(const struct request *r)
{
	return accept_quality(request_param(r, PARAM_ACCEPT), "text/html") > 0;
}

const char *request_media_type(const struct request *r)
{
	const char *s = request_param(r, PARAM_CONTENT_TYPE);
	size_t n;
	char *out;

	s += strspn(s, " \t");
	n = strcspn(s, "; \t");
	out = arena_strndup(r->arena, s, n);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	return out;
}

const char *request_origin(const struct request *r, const char *base_url)
{
	if (base_url && *base_url) {
		const char *host = strstr(base_url, "://");
		size_t n = host ? (size_t)(host + 3 - base_url) + strcspn(host + 3, "/")
				: strlen(base_url);

		return arena_strndup(r->arena, base_url, n);
	}
	return arena_printf(r->arena, "%s://%s",
	    r->param[PARAM_SCHEME] ? r->param[PARAM_SCHEME] : "http", request_param(r, PARAM_HOST));
}

const char *request_local_path(const struct request *r, const char *base_url, const char *s)
{
	const char *own = request_origin(r, base_url);
	size_t n = strlen(own);

	if (strncmp(s, own, n) == 0 && (s[n] == '/' || !s[n]))
		s = s[n] ? s + n : "/";
	/* "//host" and "/\host" lead elsewhere; controls could split a header. */
	if (s[0] != '/' || s[1] == '/' || s[1] == '\\' || strlen(s) > 2000)
		return NULL;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '\\')
			return NULL;
	return s;
}

static const struct value *input_value(const struct request *r, const char *name)
{
	for (size_t i = 0; r->route && r->route->inputs && r->route->inputs[i].name; i++)
		if (strcmp(r->route->inputs[i].name, name) == 0)
			return &r->value[i];
	bug("route '%s' declares no input '%s'", r->route ? r->route->pattern : "", name);
}

const char *request_text(const struct request *r, const char *name)
{
	const struct value *v = input_value(r, name);

	return v->given ? v->text : NULL;
}

int64_t request_int(const struct request *r, const char *name, int64_t otherwise)
{
	const struct value *v = input_value(r, name);

	return v->given ? v->number : otherwise;
}

/* Segments from `first` on, joined by "/". */
static const char *rest(const struct request *r, size_t first)
{
	size_t len = 0;
	char *out, *to;

	for (size_t i = first; i < r->segments; i++)
		len += r->segment_len[i] + 1;
	out = to = arena_alloc(r->arena, len + 1);
	for (size_t i = first; i < r->segments; i++) {
		if (i > first)
			*to++ = '/';
		memcpy(to, r->segment[i], r->segment_len[i]);
		to += r->segment_len[i];
	}
	*to = '\0';
	return out;
}

const char *request_capture(const struct request *r, const char *name)
{
	const char *s = r->route->pattern;
	size_t len = strlen(name);

	for (size_t i = 0; *s; i++) {
		size_t n;

		s++;
		n = strcspn(s, "/");
		if (*s == '{' && n == len + 2 && memcmp(s + 1, name, len) == 0)
			return strcmp(name, "path") == 0 ? rest(r, i) : r->segment[i];
		s += n;
	}
	bug("route '%s' has no capture '%s'", r->route->pattern, name);
}
