/*
 * Bringing a copy of the database to rest.
 *
 * Files are deleted after their rows, so a file that a snapshot speaks of and that is not there has
 * lost its row in the live database by then; only a job that is deleted or removed, and an archive
 * that is dropped, lets go of files. Doing to the copy what was done to the original keeps every
 * rule of the database, which no row changed by itself would.
 */
#include "core/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "core/claim.h"
#include "core/clock.h"

#define HELD_MAX 200

struct held {
	int64_t job_id;
	char token[TOKEN_SIZE];
};

static enum rc read_held(struct db *db, struct held *list, size_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_CLAIM_EXPIRED,
	    DB_ARGS(DB_INT(db_lease_clock_ms(db)), DB_INT(HELD_MAX)), err);

	*n = 0;
	while (rc == RC_OK && *n < HELD_MAX && (rc = db_next(&cur, err)) == RC_OK) {
		list[*n].job_id = db_int(&cur, 0);
		snprintf(list[(*n)++].token, TOKEN_SIZE, "%s", db_text(&cur, 1, NULL));
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

static enum rc hand_back(struct db *db, const struct held *h, struct err *err)
{
	static const struct claim_end end = {
	    .action = JOB_RELEASE,
	    .actor = "backup",
	    .error = "it ran when the backup was made",
	    .cpu_ms = -1,
	    .peak_bytes = -1,
	    .log_bytes = -1,
	    .read_bytes = -1,
	    .write_bytes = -1,
	};
	enum rc rc = claim_end(db, h->job_id, h->token, &end, err);

	return rc == RC_NOTFOUND ? RC_OK : rc; /* it was cancelled, and is free now */
}

static enum rc end_leases(struct db *db, struct err *err)
{
	struct held list[HELD_MAX];
	size_t n = HELD_MAX;
	enum rc rc = db_exec(db, SQL_CLAIM_EXPIRE_ALL, DB_NO_ARGS, err);

	if (rc == RC_OK)
		rc = db_exec(db, SQL_ARCHIVE_EXPIRE_ALL, DB_NO_ARGS, err);
	while (rc == RC_OK && n == HELD_MAX) {
		rc = read_held(db, list, &n, err);
		for (size_t i = 0; i < n && rc == RC_OK; i++)
			rc = hand_back(db, &list[i], err);
	}
	return rc;
}

static enum rc delete_doomed(struct db *db, struct err *err)
{
	for (;;) {
		struct db_cursor cur;
		int64_t org_id, id;
		enum rc rc = db_one(db, &cur, SQL_RETIRE_DOOMED, DB_ARGS(DB_INT(1)), err);

		if (rc != RC_OK)
			return rc == RC_NOTFOUND ? RC_OK : rc;
		org_id = db_int(&cur, 0);
		id = db_int(&cur, 1);
		db_finish(&cur);
		rc = db_exec(db, SQL_JOB_DELETE, DB_ARGS(DB_INT(org_id), DB_INT(id)), err);
		if (rc != RC_OK)
			return rc;
	}
}

static enum rc end_workers(struct db *db, struct err *err)
{
	struct worker *list;
	struct arena a;
	size_t n = WORKERS_MAX;
	enum rc rc = RC_OK;

	arena_init(&a);
	while (rc == RC_OK && n == WORKERS_MAX) {
		rc = worker_list(db, &a, &list, &n, err);
		for (size_t i = 0; rc == RC_OK && i < n; i++)
			rc = worker_end(db, list[i].id, err);
	}
	arena_release(&a);
	return rc;
}

enum rc snapshot_rest(struct db *copy, struct err *err)
{
	enum rc rc = db_begin(copy, err);

	if (rc != RC_OK)
		return rc;
	rc = end_leases(copy, err);
	if (rc == RC_OK)
		rc = delete_doomed(copy, err);
	if (rc == RC_OK)
		rc = end_workers(copy, err);
	if (rc == RC_OK)
		rc = db_exec(copy, SQL_SESSION_FORGET, DB_NO_ARGS, err);
	if (rc == RC_OK)
		rc = db_exec(copy, SQL_LINK_FORGET, DB_NO_ARGS, err);
	return db_end(copy, rc, err);
}

/* ---- files that are gone ---- */

static enum rc has_row(struct db *db, const char *uuid, bool *yes, struct err *err)
{
	enum rc rc = stored_known(db, uuid, false, err);

	*yes = rc == RC_OK;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc drop_archive(struct db *db, int64_t id, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc == RC_OK)
		rc = db_exec(db, SQL_ARCHIVE_DROP, DB_ARGS(DB_INT(id)), err);
	return db_end(db, rc, err);
}

/* Not every state may become removed at once. */
static enum rc end_job(struct db *db, const struct scope *sc, const struct job *job, bool deleted,
    struct arena *a, struct err *err)
{
	static const char why[] = "removed while the backup was made";
	struct job_gone unused;
	enum rc rc = RC_OK;

	if (deleted)
		return job_delete(db, sc, job->id, a, &unused, err);
	if (job_next(job->status, JOB_REMOVE) == JOB_STATUS_MAX)
		rc = job_act(db, sc, job->id, JOB_CANCEL, why, err);
	return rc == RC_OK ? job_remove(db, sc, job->id, why, a, &unused, err) : rc;
}

static enum rc follow(
    struct db *copy, struct db *live, const struct stored *f, struct arena *a, struct err *err)
{
	const struct scope sc = {
	    .org_id = f->org_id, .role = ROLE_OPERATOR, .user_name = "backup", .via = "cli"};
	struct job here, there;
	enum rc rc;

	rc = job_find(copy, &sc, arena_printf(a, "%lld", (long long)f->job_id), a, &here, err);
	if (rc != RC_OK)
		return rc;
	rc = job_find(live, &sc, here.uuid, a, &there, err);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	return end_job(copy, &sc, &here, rc == RC_NOTFOUND, a, err);
}

enum rc snapshot_gone(
    struct db *copy, struct db *live, const struct stored *f, bool *lost, struct err *err)
{
	struct arena a;
	bool here;
	enum rc rc = has_row(live, f->uuid, lost, err);

	if (rc != RC_OK || *lost)
		return rc;
	/* Its job may have been dealt with by another file of it. */
	rc = has_row(copy, f->uuid, &here, err);
	if (rc != RC_OK || !here)
		return rc;
	if (f->kind == FILE_ARCHIVE)
		return drop_archive(copy, f->id, err);
	arena_init(&a);
	rc = follow(copy, live, f, &a, err);
	arena_release(&a);
	return rc;
}
