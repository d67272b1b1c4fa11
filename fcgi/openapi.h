/*
 * The API document (OpenAPI 3.1): paths and parameters from the route table, schemas, answers and
 * examples from openapi.json beside the templates. What the table declares cannot be missing there.
 */
#ifndef FCGI_OPENAPI_H
#define FCGI_OPENAPI_H

#include "core/config.h"
#include "core/rc.h"
#include "core/view.h"

/* Whether a route is part of the API: below /api, /jobs and /processing_file. */
struct route;
bool openapi_covers(const struct route *route);

/* The whole document, in the arena. RC_INVALID: openapi.json cannot be read, lacks an operation of
 * the table, or has one that is not there. */
enum rc openapi_view(const struct config *cfg, struct arena *a, struct view **out, struct err *err);

#endif
