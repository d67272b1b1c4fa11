/*
 * The gate: what is checked before any handler runs, in this order: Host, path (404), method (405
 * with Allow), who (401), role (403), origin (403), body policy (413, 415, 507), body parsed, typed
 * inputs (422).
 */
#ifndef FCGI_GATE_H
#define FCGI_GATE_H

#include "fcgi/app.h"

/* Everything. RC_OK: r has route, scope and inputs, and the handler may run. */
enum rc gate_pass(struct app *app, struct request *r, struct response *resp, struct err *err);

/* Whether an upload of that size (-1: not known) would be admitted now. */
enum rc gate_upload(
    struct app *app, struct request *r, int64_t size, struct response *resp, struct err *err);

/* Admission, for nginx, before a body is received: what needs no body. The answer is always
 * complete: 204, or 403 with X-Deny (the status to give), X-Why (the sentence) and perhaps X-Retry
 * (seconds). rc and err say what was wrong with the request before it came here. */
void gate_admit(
    struct app *app, struct request *r, struct response *resp, enum rc rc, struct err *err);

#endif
