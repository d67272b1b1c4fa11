/*
 * Typed inputs: a route declares what it takes from query and form; what arrives is checked against
 * that before the handler runs. Unknown names are ignored, known ones with a wrong value are 422.
 */
#ifndef FCGI_INPUT_H
#define FCGI_INPUT_H

#include <stdint.h>

#include "core/arena.h"
#include "core/rc.h"
#include "core/view.h"
#include "fcgi/query.h"

struct value;

enum input_type {
	INPUT_TEXT,   /* valid UTF-8 without control characters; min..max bytes */
	INPUT_INT,    /* min..max */
	INPUT_WORD,   /* one of words; the number is its index */
	INPUT_TIME,   /* as clock_read has it, at most max ms from now; the number is wall ms */
	INPUT_STATUS, /* a job status or a synonym; the number is enum job_status */
	INPUT_NAMES,  /* one or several, separated by commas; in JSON a list of texts too */
	INPUT_OBJECT, /* in JSON only: an object, which the handler reads */
};

struct input {
	const char *name;
	enum input_type type;
	int64_t min, max;
	const char *const *words; /* ends with NULL */
	const char *doc;
};

/* Check `pairs` against `inputs` (may be NULL) into out[], parallel to inputs; values that are set
 * already count as given before. RC_INVALID with the sentence, *field naming the input (static). */
enum rc input_check(const struct input *inputs, const struct pairs *pairs, struct arena *a,
    struct value *out, const char **field, struct err *err);

/* The same for the members of a JSON object: numbers for INPUT_INT, texts for the others, null for
 * what is not given; an empty text is given. A member that nobody declared is refused too (*field
 * in the arena): who sends it expects something of it. */
enum rc input_check_json(const struct input *inputs, const struct view *object, struct arena *a,
    struct value *out, const char **field, struct err *err);

#endif
