/*
 * A request: everything the client said, copied into the request's arena and checked for form.
 *
 * Made from an array of "NAME=value", which is what FastCGI hands over and what a CGI environment
 * is; nothing else in fcgi/ knows where a request came from. Only the parameters named here exist.
 * One that comes twice is refused, since two readers could choose differently.
 */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/arena.h"
#include "core/job.h"
#include "core/rc.h"
#include "core/identity.h"
#include "core/view.h"
#include "fcgi/query.h"

/* The parameters we read, in the order of their names in request.c. */
enum request_param {
	PARAM_METHOD,
	PARAM_URI,
	PARAM_PATH_INFO,
	PARAM_QUERY,
	PARAM_SCHEME,
	PARAM_CONTENT_TYPE,
	PARAM_CONTENT_LENGTH,
	PARAM_BODY_FILE,
	PARAM_REQUEST_ID,
	PARAM_ADMIT,
	PARAM_DECLARED,
	PARAM_HOST,
	PARAM_ORIGIN,
	PARAM_FETCH_SITE,
	PARAM_REFERER,
	PARAM_ACCEPT,
	PARAM_COOKIE,
	PARAM_AUTHORIZATION,
	PARAM_AGENT,
	PARAM_ADDRESS,
	PARAM_USER,
	PARAM_IF_NONE_MATCH,
	PARAM_IDEMPOTENCY_KEY,
	PARAM_HX_REQUEST,
	PARAM_HX_TYPE,
	PARAM_HX_HISTORY,
	PARAM_HX_PTAG,
	PARAM_CURRENT_URL,
	PARAM_MAX
};

/* How we know who asks. */
enum identified { BY_NOTHING, BY_NONE /* auth = none */, BY_COOKIE, BY_TOKEN, BY_PROXY };

/* Bits, so that a route may name several. */
enum method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_PUT = 8,
	METHOD_DELETE = 16,
	METHOD_PATCH = 32,
	METHOD_OPTIONS = 64
};
#define METHOD_SAFE (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS)

/* What the client wants to be answered with. */
enum want { WANT_PAGE, WANT_FRAGMENT, WANT_JSON };

#define SEGMENTS_MAX 32
#define INPUTS_MAX 16
#define REQUEST_ID_MAX 64

/* A typed input after the check; `given` is false for absent and for empty ones. */
struct value {
	bool given;
	int64_t number;
	const char *text;
};

/* Where a body that was not spooled is read from: like read(2). */
struct body_source {
	ssize_t (*read)(void *ctx, void *to, size_t len);
	void *ctx;
};

struct route;

struct request {
	struct arena *arena;
	const char *param[PARAM_MAX]; /* NULL: absent */
	char id[REQUEST_ID_MAX + 1];
	enum method method;                /* 0: none that we know */
	const char *path;                  /* as it was sent, without query */
	const char *segment[SEGMENTS_MAX]; /* decoded, no ".", "..", NUL or empty one */
	size_t segment_len[SEGMENTS_MAX], segments;
	struct pairs query, form, cookies;
	struct view *json;      /* a body that the route takes as JSON; NULL: none */
	int64_t content_length; /* -1: not given */
	struct body_source body;
	const char *spooled; /* a body file that we made ourselves; NULL: nginx did */
	/* From here on filled by the gate. */
	const struct route *route;
	enum identified by;
	struct identity who;
	struct scope scope;             /* who.scope, and where the request came from */
	struct value value[INPUTS_MAX]; /* parallel to route->inputs */
};

void request_init(struct request *r, struct arena *a, struct body_source body);

/* Copy and check. RC_INVALID: malformed (400). On failure the request still answers request_want
 * and has an id, so that an error can be sent. */
enum rc request_read(struct request *r, char *const *env, struct err *err);

/* The parameter, or "" when it is absent. */
const char *request_param(const struct request *r, enum request_param p);

/* JSON if the client likes it best, a fragment for htmx, else a page; what changes something is a
 * page only for those who say that they take HTML: curl gets JSON. Below /api/ it is always JSON.
 */
enum want request_want(const struct request *r);

/* Whether the client says that it takes HTML; curl does not. */
bool request_accepts_html(const struct request *r);

/* The media type of Content-Type, lower case, without parameters, in the arena; "" if none. */
const char *request_media_type(const struct request *r);

/* Our own origin, "http://host:port": base_url's if that is set, else by scheme and Host. */
const char *request_origin(const struct request *r, const char *base_url);

/* A path on this site, safe to redirect to: `s` itself if it is one, or the path of an absolute URL
 * of our own origin; else NULL. */
const char *request_local_path(const struct request *r, const char *base_url, const char *s);

/* Typed inputs of the route by name; asking for one that the route does not declare is a bug. */
const char *request_text(const struct request *r, const char *name); /* NULL: not given */
int64_t request_int(const struct request *r, const char *name, int64_t otherwise);

/* What the capture {name} of the route's pattern matched; {path} is the rest of the path, joined by
 * "/". The length may count a NUL-free, but not necessarily UTF-8, text. */
const char *request_capture(const struct request *r, const char *name);

#endif
