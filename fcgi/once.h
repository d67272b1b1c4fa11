/*
 * A request that makes something, and makes it once: one with the Idempotency-Key of another is
 * given what that was answered, for a day.
 *
 * What is told to programs is kept in the transaction that makes the thing, so that of two at once
 * one waits and is answered by the other's. A key is its user's: another of the organisation may
 * not see what it made. What was refused is not kept: mended, it may come under the same key. A
 * secret that is shown once is kept nowhere; who asks again is told what was made (409).
 */
#ifndef FCGI_ONCE_H
#define FCGI_ONCE_H

#include "fcgi/app.h"

struct once {
	const char *key; /* as it is stored; NULL: the request carries none */
	char hash[65];   /* of the request */
	struct view *answer;
};

/* The key of the request: RC_OK, and NULL if it has none. Fails with 422. */
enum rc once_key(const struct request *r, struct response *resp, const char **key, struct err *err);

/* The answer (JSON, arena) of a request with that key before; RC_NOTFOUND: there was none, or it
 * has no key. Fails with 422 if it was another request. */
enum rc once_lookup(struct app *app, const struct request *r, const struct once *o,
    struct response *resp, const char **json, struct err *err);

/* Of a form: begin the transaction that makes what it asks for, with an empty answer. RC_DONE: that
 * was done before, the answer is that of then, and nothing has begun. Fails with 422. */
enum rc once_begin(struct app *app, const struct request *r, struct response *resp, struct once *o,
    struct err *err);
/* End it: with rc RC_OK keep the answer under the key and commit; else roll back. Returns what came
 * of it. Secrets are put into the answer after this. */
enum rc once_end(
    struct app *app, const struct request *r, struct once *o, enum rc rc, struct err *err);

/* What was made, now or before: back to a path that says so (done_answer), or 201 for programs. */
void once_answer(const struct request *r, struct response *resp, const struct once *o,
    const char *path, const char *word);

/* Refuse what was done before and told a secret: 409 with the sentence, and what programs are told
 * of it besides as `made`. */
enum rc once_told(struct response *resp, const struct once *o, struct err *err, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

#endif
