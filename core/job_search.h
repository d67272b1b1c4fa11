/*
 * Finding jobs by a part of their name.
 *
 * The index takes names in batches, since a batch costs hardly more than one: the job whose number
 * completes SEARCH_BATCH brings in all that are not there yet, in its own transaction. Until then a
 * search looks at those names themselves, of which there are never more. What is indexed is told by
 * the highest number in the index, so nothing else has to be kept. Private to core/job*.c and
 * core/seed.c.
 */
#ifndef CORE_JOB_SEARCH_H
#define CORE_JOB_SEARCH_H

#include "core/arena.h"
#include "core/db.h"

#define SEARCH_BATCH 64

/* A job was made under that number: index its name and those before it if it is their turn. Inside
 * the transaction that makes it. */
enum rc job_search_add(struct db *db, int64_t job_id, struct err *err);

/* Index every name that is not indexed yet, now. */
enum rc job_search_index(struct db *db, struct err *err);

/* What the index is asked for the names of a project that hold `part`; in the arena. */
const char *job_search_question(struct arena *a, int64_t project_id, const char *part);

/* Whether the name holds `part` as the index would see it: upper and lower case are one. */
bool job_search_holds(const char *name, const char *part);

#endif
