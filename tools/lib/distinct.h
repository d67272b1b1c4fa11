/*
 * Distinct: exactly how many different 128 bit hashes were added, in bounded memory.
 *
 * Each counter is a hash set that grows to its share of the pool's memory. A set that is full is
 * written to a spill file, ordered by the first bits of the hashes, and begins anew; at the end the
 * runs of one counter are gone through part by part, each part small enough to be held. The spill
 * file has no name, so nothing is left behind however the process ends.
 */
#ifndef TOOLS_LIB_DISTINCT_H
#define TOOLS_LIB_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

/* Never both zero: see hash_fix. */
struct hash {
	uint64_t high, low;
};

struct distinct_pool;
struct distinct;

/* A pool for that many counters, in about `bytes` of memory; spills into the directory. Heap; pair
 * with distinct_pool_free after its counters are freed. */
struct distinct_pool *distinct_pool_new(size_t counters, size_t bytes, const char *directory);
void distinct_pool_free(struct distinct_pool *p);

/* A new counter of the pool. Heap; pair with distinct_free. */
struct distinct *distinct_new(struct distinct_pool *p);
void distinct_free(struct distinct *d);

/* Add one hash. Failure to spill is remembered by the pool and told by distinct_count. */
void distinct_add(struct distinct *d, struct hash hash);

/* How many different hashes were added; the counter takes no more after that. RC_SYS or RC_LIMIT
 * when spilling failed. */
enum rc distinct_count(struct distinct *d, uint64_t *count, struct err *err);

/* RC_OK, or why spilling failed. */
enum rc distinct_pool_check(const struct distinct_pool *p, struct err *err);

/* Bytes written to the spill file so far. */
uint64_t distinct_pool_spilled(const struct distinct_pool *p);

#endif
