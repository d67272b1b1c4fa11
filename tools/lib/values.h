/*
 * Values: the different texts in one column: exactly how many there are, and, while they are few,
 * how often each occurs.
 *
 * Few texts are kept with their counts; when they become many, only their hashes go on to a
 * distinct counter. Texts are told apart by a 128 bit hash keyed at random in each run, so that no
 * file can be made that has two texts with one hash.
 */
#ifndef TOOLS_LIB_VALUES_H
#define TOOLS_LIB_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define VALUES_SHOWN 80 /* bytes of a text that are kept to be shown */

struct values_pool;
struct values;

/* A pool for that many columns, in about 40 MiB for a few hundred columns; spills into the
 * directory. Heap; pair with values_pool_free after its columns are freed. */
struct values_pool *values_pool_new(size_t columns, const char *directory);
void values_pool_free(struct values_pool *p);
/* RC_OK, or why spilling failed: looked at now and then, so that a full disk ends the work soon. */
enum rc values_pool_check(const struct values_pool *p, struct err *err);

/* Heap; pair with values_free. */
struct values *values_new(struct values_pool *p);
void values_free(struct values *v);

void values_add(struct values *v, const char *text, size_t len);

/* How many different texts were added. Asked once, after the last one. */
enum rc values_distinct(struct values *v, uint64_t *count, struct err *err);

struct value {
	const char *text; /* its first bytes, whole characters; borrowed until values_free */
	size_t len;
	bool cut; /* there was more of it */
	uint64_t count;
};

/* The `most` most frequent texts with their exact counts, most frequent first, by bytes where
 * equally frequent. Returns how many; 0 when there were too many different ones to keep. */
size_t values_top(const struct values *v, size_t most, struct value *out);

#endif
