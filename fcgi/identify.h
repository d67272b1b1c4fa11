/*
 * Who is asking: by bearer token, by the session of a cookie, by the word of a trusted proxy, or,
 * under `auth = none`, whoever it is.
 */
#ifndef FCGI_IDENTIFY_H
#define FCGI_IDENTIFY_H

#include "fcgi/app.h"

/* Fill r->who, r->by and r->scope; nobody known is RC_OK with ROLE_NOBODY. Fails with 401 for a
 * token that is not one, 403 for a user of a proxy whom we do not know. */
enum rc identify(struct app *app, struct request *r, struct response *resp, struct err *err);

/* ---- the session's cookie: __Host-dropmill where the site is reached by TLS, else dropmill ----
 */

const char *session_cookie(const struct app *app, const struct request *r); /* NULL: none */
void session_cookie_set(
    const struct app *app, const struct request *r, struct response *resp, const char *value);
void session_cookie_clear(const struct app *app, const struct request *r, struct response *resp);

/* The job that the path names, if it exists for the caller; from then on the request is about its
 * project. RC_NOTFOUND. */
struct job;
enum rc request_job(struct app *app, struct request *r, struct job *out, struct err *err);

/* The project that the path or the input `project` names (id or name), or the caller's own;
 * likewise. RC_NOTFOUND for one in the path, else 422. */
enum rc request_project(struct app *app, struct request *r, struct response *resp, struct err *err);

#endif
