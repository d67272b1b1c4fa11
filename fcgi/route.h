/*
 * Routes: the one list of what the web answers to, and who may ask how.
 *
 * A pattern is a path of literal segments and captures in braces; a capture {path} at the end takes
 * the rest. To add a page: a handler in fcgi/page_NOUN.c, a line here, a row in t/30-routes.t.
 */
#ifndef FCGI_ROUTE_H
#define FCGI_ROUTE_H

#include "fcgi/input.h"
#include "fcgi/request.h"

struct app;
struct response;

/* BODY_NONE: must be empty. BODY_FORM: urlencoded, small, read into request.form. BODY_JSON: an
 * object, small, read into request.json, whose members are the inputs. BODY_FILE: in a file that
 * nginx spooled; the handler takes it. BODY_ANY: as BODY_JSON if it says that it is JSON or if
 * there is none, else as BODY_FILE. */
enum body_policy { BODY_NONE, BODY_FORM, BODY_JSON, BODY_FILE, BODY_ANY };

/* A handler fills the response and returns RC_OK, or returns a code and err, and the one place in
 * response.c makes the error answer of it. Nothing was sent before it returns. */
typedef enum rc route_handler(
    struct app *app, struct request *r, struct response *resp, struct err *err);

/* Beside the methods: it makes something, and once for each Idempotency-Key (fcgi/once.h). */
#define ROUTE_ONCE 0x100U

struct route {
	unsigned methods; /* bits of enum method, and ROUTE_ONCE; GET brings HEAD with it */
	const char *pattern;
	route_handler *handler;
	enum role access; /* ROLE_NOBODY: public */
	unsigned scope;   /* what a token must have (SCOPE_ bit); 0: public */
	enum body_policy body;
	const struct input *inputs; /* ends with a NULL name; may be NULL */
	const char *doc;
};

extern const struct route routes[];
extern const size_t routes_count;

/* The route of the request's path and method; notes the capture in the request. NULL: *allowed has
 * the methods that the path knows, 0 if nobody knows the path. */
const struct route *route_find(struct request *r, unsigned *allowed);

/* "GET, HEAD, POST" of method bits, in the arena. */
const char *route_methods(unsigned methods, struct arena *a);

#endif
