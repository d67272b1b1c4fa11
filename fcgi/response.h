/*
 * A response: status, headers and body, held back until the handler is done, so that the status can
 * still change and an error never follows half a page.
 */
#ifndef FCGI_RESPONSE_H
#define FCGI_RESPONSE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "core/buf.h"
#include "core/quota.h"
#include "core/rc.h"
#include "core/view.h"
#include "fcgi/request.h"
#include "fcgi/templates.h"

struct app;

struct response {
	struct arena *arena;
	int status;
	const char *type; /* Content-Type; NULL: no body */
	struct buf head;  /* further headers, as they are sent */
	struct buf body;
	const char *ref; /* instead of body: bytes that stay until the response is sent */
	size_t ref_len;
	/* Why it failed, if more is known than the code says: response_fail. */
	struct {
		int status;
		const char *field, *retry;
		const struct view *allowed, *made;
	} why;
};

void response_init(struct response *resp);
void response_release(struct response *resp);
/* Ready for the next request. */
void response_clear(struct response *resp, struct arena *a);

/* A further header. The value must be one line: anything else is a bug. */
void response_header(struct response *resp, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Fail with a status of our own choice: returns RC_INVALID for the handler to return. field (static
 * or arena) may be NULL. */
enum rc response_fail(struct response *resp, int status, const char *field, struct err *err,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The failure of a quota (core/quota.h), whose sentence stands in err. */
enum rc response_quota(
    struct response *resp, enum quota_kind kind, int64_t wait_s, struct err *err);

/* Render as HTML; the page shell's members are added to the view. */
enum rc response_html(struct app *app, struct response *resp, enum template_id id,
    struct view *view, struct err *err);
void response_json(struct response *resp, const struct view *view);
/* 303 to a local path, built by us or checked by request_local_path. */
void response_redirect(struct response *resp, const char *path);

/* Let nginx send a file of the store. The one place that does so: callers have checked that the
 * file is the caller's. An attachment under `name`, or shown if name is NULL. */
void response_file(struct response *resp, const char *uri, const char *name, const char *type);

/* Replace whatever there is by the answer for a failure, in the form the client wants. */
void response_error(struct app *app, const struct request *r, struct response *resp, enum rc rc,
    const struct err *err);

/* The answer as it is sent: status line with all headers, and the body, which is empty for HEAD and
 * where there is none. Both live until the response is cleared. */
void response_parts(struct response *resp, bool head_only, struct iovec parts[static 2]);

const char *status_text(int status);

#endif
