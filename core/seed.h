/*
 * Seeding: a database filled with plausible jobs, for measurements and for looking at pages.
 *
 * The jobs have no files, so nothing in the store is missing. What a job looks like follows from
 * its ordinal alone (one more than the highest id there was), so two databases seeded alike are
 * alike.
 */
#ifndef CORE_SEED_H
#define CORE_SEED_H

#include <stdint.h>

#include "core/job.h"

struct seed_options {
	int64_t count;
	int64_t start_ms; /* wall time of the newest job, the others lie before it; 0: now */
	const char *pending_type; /* make pending jobs of this type instead of finished ones; NULL:
				     finished */
	/* Called after every batch with the number made so far; may be NULL. */
	void (*progress)(void *arg, int64_t made, int64_t count);
	void *arg;
};

/* Add jobs to the scope's project. In batches of some milliseconds, each a transaction of its own,
 * so that it may run beside a working system; what was committed stays when it fails or is stopped.
 */
enum rc seed_run(
    struct db *db, const struct scope *sc, const struct seed_options *o, struct err *err);

#endif
