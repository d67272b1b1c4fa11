/*
 * Parameters of job types: what a type asks for beside the files, and whether what was given is
 * right.
 *
 * A declaration is the value of a key `param.NAME` in jobs.d (param_parse). Values are texts
 * everywhere, in one form per kind (a boolean is "yes" or "no", an integer has no leading zeros),
 * and lie in arrays parallel to the declarations, NULL for one that is not set. param_check is the
 * one place that says whether a value is right: page, API and command line all come here.
 */
#ifndef CORE_PARAM_H
#define CORE_PARAM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/rc.h"
#include "core/view.h"

enum param_kind {
	PARAM_KIND_TEXT,    /* one line of UTF-8 */
	PARAM_KIND_INTEGER, /* of 64 bits */
	PARAM_KIND_NUMBER,  /* decimal, as it was written */
	PARAM_KIND_CHOICE,
	PARAM_KIND_BOOLEAN, /* always set: no is its default */
	PARAM_KIND_DATE,    /* 2026-11-24 */
	PARAM_KIND_SECRET,  /* text that is never shown, and never in an argv */
	PARAM_KIND_FILE,    /* a further input; the value is its name, in a run its path */
	PARAM_KIND_MAX
};

/* Names of the kinds as declarations have them; NULL behind the last. */
extern const char *const param_kind_names[];

/* One declaration. Texts in the arena it was read into. */
struct param {
	const char *name;
	enum param_kind kind;
	const char *label;   /* what people read; the name if none was given */
	const char *help;    /* one sentence more, "" for none */
	const char *def;     /* NULL: none */
	const char *pattern; /* POSIX extended, the whole value must match; NULL: none */
	const char *min,
	    *max;         /* of the number or date, or of the length in characters; NULL: none */
	const char *flag; /* argument in front of the value; of a boolean: the argument of yes */
	const char **choices; /* NULL-terminated; of a choice at least two */
	bool required;
};

struct params {
	struct param *list; /* in the order of the file */
	size_t n;
};

#define PARAMS_MAX 64

/* Read a declaration such as `choice a b default a label "Which"`. The name is checked too.
 * RC_INVALID with the sentence. */
enum rc param_parse(
    const char *name, const char *text, struct arena *a, struct param *out, struct err *err);

/* NULL: there is none of that name. */
const struct param *param_find(const struct params *p, const char *name, size_t len);

/* As part of a published definition, and back (a definition that is not ours gives RC_INVALID). */
struct view *params_view(const struct params *p, struct arena *a);
enum rc params_from_view(
    const struct view *list, struct arena *a, struct params *out, struct err *err);

/* What somebody gave for a parameter: any bytes. For a file, its name. */
struct param_given {
	const char *name, *value;
	size_t name_len, value_len;
	bool is_file;
};

/* Check what was given against the declarations; empty values count as not given, and defaults are
 * filled in. *values (in the arena) is parallel to p->list, NULL for what is not set. RC_INVALID
 * with the sentence; *field (in the arena) is then "params.NAME". */
enum rc param_check(const struct params *p, const struct param_given *given, size_t n,
    struct arena *a, const char ***values, const char **field, struct err *err);

/* Whether one value is right, and its canonical form: what a default has to pass too. RC_INVALID
 * with a sentence that begins with the label. Not for files. */
enum rc param_value(const struct param *p, const char *value, size_t len, struct arena *a,
    const char **canonical, struct err *err);

/* What is shown in place of a secret. */
#define PARAM_HIDDEN "\u2022\u2022\u2022"

/* Values as the JSON object a job keeps, secrets hidden; and back into an array parallel to
 * p->list, where what p does not know is left out. */
const char *params_json(const struct params *p, const char *const *values, struct arena *a);
enum rc params_from_json(const struct params *p, const char *json, struct arena *a,
    const char ***values, struct err *err);

/* ---- patterns (core/param_pattern.c) ---- */

/* Whether it is a regular expression that costs no more than it should. RC_INVALID. */
enum rc param_pattern_check(const char *pattern, struct err *err);
/* Whether the whole value matches; the pattern has passed the check. */
bool param_pattern_match(const char *pattern, const char *value);
/* Whether a browser reads the pattern as we do, so that it may stand in a form. */
bool param_pattern_portable(const char *pattern);

#endif
