/*
 * What a database says is in the store: every file that has a row, and the logs of jobs.
 *
 * For whoever goes through all of it: the check, a backup. A log has no row of its own and may not
 * be there.
 */
#ifndef CORE_STORED_H
#define CORE_STORED_H

#include "core/job.h"

struct stored {
	int64_t id, org_id, job_id, size_bytes;
	enum file_kind kind;
	const char *uuid, *sha256; /* sha256 NULL: not known; borrowed for the call */
};

/* Anything but RC_OK ends the walk, which returns it. It may not use the connection. */
typedef enum rc stored_visit(void *arg, const struct stored *f, struct err *err);
enum rc stored_files(struct db *db, stored_visit *visit, void *arg, struct err *err);

/* The attempts of jobs whose logs are kept, likewise. */
typedef enum rc stored_log_visit(void *arg, const char *job_uuid, int64_t attempt, struct err *err);
enum rc stored_logs(struct db *db, stored_log_visit *visit, void *arg, struct err *err);

/* Whether a file of the store, or a log of the job with that uuid, belongs to somebody.
 * RC_NOTFOUND.
 */
enum rc stored_known(struct db *db, const char *uuid, bool log, struct err *err);

/* Bytes of all files together; logs are not among them. */
enum rc stored_bytes(struct db *db, int64_t *bytes, struct err *err);

#endif
