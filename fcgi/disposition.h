/*
 * Header values with parameters, and Content-Disposition as form uploads use it.
 */
#ifndef FCGI_DISPOSITION_H
#define FCGI_DISPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/rc.h"

#define HEADER_PARAMS_MAX 8

/* `value; name=value; name="value"`. Texts in the arena. */
struct header_value {
	const char *value;
	struct {
		const char *name, *value;
		size_t len; /* of value, which may hold anything */
	} param[HEADER_PARAMS_MAX];
	size_t n;
};

/* False: malformed, a parameter twice, or too many. */
bool header_value_parse(struct header_value *v, const char *s, size_t len, struct arena *a);

/* A parameter by its name in any case, or NULL. */
const char *header_value_get(const struct header_value *v, const char *name, size_t *len);

struct part;

/* `form-data; name="…"; filename="…"`. filename* (RFC 5987) goes before filename. In quoted strings
 * %22 %0D %0A stand for the characters that browsers write so, and \" \\ as curl did; a backslash
 * in front of anything else is one. RC_INVALID with the sentence. */
enum rc disposition_parse(
    const char *s, size_t len, struct arena *a, struct part *part, struct err *err);

#endif
