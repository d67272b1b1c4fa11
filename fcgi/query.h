/*
 * Lists of name=value: query strings, urlencoded forms and cookies.
 *
 * Values are decoded bytes: they may hold NUL or broken UTF-8 until a typed input has looked at
 * them (fcgi/input.h). Order is kept, a name may come more than once.
 */
#ifndef FCGI_QUERY_H
#define FCGI_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/rc.h"

#define PAIRS_MAX 100

struct pair {
	const char *name, *value; /* each ends in a NUL that is not counted */
	size_t name_len, value_len;
};

/* Zeroed is empty. The list lies in the arena given to the functions below. */
struct pairs {
	struct pair *list;
	size_t n;
};

/* Decode %XX, and + as a blank if `plus`, into out, which holds len + 1 bytes and may be the input.
 * Returns the length, or -1 on a stray per cent sign. */
ptrdiff_t percent_decode(const char *s, size_t len, bool plus, char *out);

/* Append the pairs of "a=1&b=2". RC_INVALID on a stray per cent sign, RC_LIMIT past PAIRS_MAX. */
enum rc query_parse(
    struct pairs *pairs, const char *s, size_t len, struct arena *a, struct err *err);

/* Append the cookies of a Cookie header. What does not look like one is skipped: other programs of
 * the same host set them too. RC_LIMIT past PAIRS_MAX. */
enum rc cookie_parse(
    struct pairs *pairs, const char *s, size_t len, struct arena *a, struct err *err);

/* Append one pair of copies. RC_LIMIT past PAIRS_MAX. */
enum rc pairs_add(struct pairs *pairs, const char *name, size_t name_len, const char *value,
    size_t value_len, struct arena *a, struct err *err);

/* The first pair of that name, or NULL; `again` (may be NULL) tells whether there is a second. */
const struct pair *pairs_find(const struct pairs *pairs, const char *name, bool *again);

#endif
