/*
 * Requests to the server of --server: the one place that knows HTTP. TLS is verified, redirects are
 * not followed, answers are bounded, and nothing waits for ever.
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/rc.h"
#include "core/view.h"

/* A field of multipart/form-data: a text, or a file that is open for reading. */
struct http_part {
	const char *name, *value; /* value NULL: a file */
	const char *filename;
	int fd;
	int64_t size;
};

/* What is asked. Zero values mean: no body, no key. Texts are borrowed. */
struct http_request {
	const char *method, *path;    /* the path begins with "/" and is escaped, with its query */
	const char *body, *type;      /* a text as the body, and what it is */
	const struct http_part *file; /* the body is this file as it is */
	const struct http_part *parts;
	size_t part_count;
	const char *key;                        /* Idempotency-Key: it may be sent again */
	const char *etag;                       /* what is known already: If-None-Match */
	void (*sent)(void *ctx, int64_t bytes); /* told now and then while a body goes out */
	void *ctx;
};

struct http_answer {
	int status;              /* 2xx or 304 */
	const struct view *json; /* an empty object if there is none */
	const char *etag;        /* NULL: none */
};

/* Ask, and read the answer into the arena. A request with a key is sent again, up to three times,
 * when the connection is lost or the server is busy. Else err has the server's own sentence, and
 * RC_DENIED (401, 403), RC_NOTFOUND, RC_CONFLICT, RC_BUSY (429, 503: when to try again is in the
 * sentence), RC_LIMIT (413, 507), RC_INVALID (400, 415, 422), or RC_DB: it cannot be reached, or is
 * no server of ours. */
enum rc http_ask(
    const struct http_request *r, struct arena *a, struct http_answer *out, struct err *err);

/* Ends the program with 64 unless the URL of --server is one, and with 66 if the token cannot be
 * read. */
void http_check(void);

#endif
