/*
 * Retiring: jobs whose files have been kept long enough become `removed`, and jobs that were
 * deleted while they ran go for good once their last process is gone.
 *
 * Any number of processors may do this at once: what is due is read inside the transaction that
 * changes it. Rows go first, files after the commit, so a crash leaves orphan files, which the
 * sweep of the store finds, and never a row without its file.
 */
#ifndef CORE_RETIRE_H
#define CORE_RETIRE_H

#include "core/job.h"

/* Jobs of one call, and the number of files after which it stops early: a transaction stays short.
 */
#define RETIRE_JOBS_MAX 20
#define RETIRE_FILES_MAX 1000

/* Whether anything is due: two looks at an index, no transaction. */
enum rc retire_due(struct db *db, bool *due, struct err *err);

/* One bounded part of what is due, in a transaction of its own, committed durably. *gone holds at
 * most RETIRE_JOBS_MAX, for job_unlink. */
enum rc retire_take(
    struct db *db, struct arena *a, struct job_gone *gone, size_t *n, struct err *err);

#endif
