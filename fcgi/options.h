/*
 * The options form of the upload panel: a field for each parameter of the chosen job type.
 */
#ifndef FCGI_OPTIONS_H
#define FCGI_OPTIONS_H

#include "core/jobtype.h"
#include "fcgi/app.h"

/* What the form is filled with, and what was wrong with it. Zeroed: the defaults, and nothing. */
struct options {
	const struct param_given *given;
	size_t n;
	const char *field, *sentence;  /* field may be one that the form does not have */
	const char *priority, *run_at; /* of "More options", as they were written; NULL: not set */
};

/* The view of docs/VIEWS.md. type NULL: the file decides, so there are no fields. */
struct view *options_view(struct arena *a, const struct jobtype *type, const struct options *o);

/* The options that every type has. */
struct view *options_more_view(struct arena *a, const struct options *o);

/* Value for the accept attribute of a file field: "" for a type that takes anything. */
const char *options_accept(struct arena *a, const struct jobtype *type);

/* The values of "params.NAME=…" in the request's query; list and texts in its arena. */
void options_from_query(const struct request *r, struct options *out);

/* The type named by the input `new`; *type NULL when none is. Fails with 404. */
enum rc options_type(struct app *app, const struct request *r, const struct jobtype **type,
    struct response *resp, struct err *err);

/* GET / once more, with what was sent and what was wrong, as a 422. */
enum rc page_home_again(struct app *app, struct request *r, const struct jobtype *type,
    const struct options *o, struct response *resp, struct err *err);

#endif
