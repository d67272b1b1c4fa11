/*
 * Going through the rows of stored files, and of jobs for their logs, a thousand at a time: no
 * query stays open for as long as all of it takes.
 */
#include "core/stored.h"

#include <stdio.h>

#include "core/store.h"

enum rc stored_files(struct db *db, stored_visit *visit, void *arg, struct err *err)
{
	char last[UUID_SIZE] = "";
	bool more = true;

	while (more) {
		struct db_cursor cur;
		enum rc rc = db_query(db, &cur, SQL_STORED_FILES, DB_ARGS(DB_TEXT(last)), err);

		more = false;
		while (rc == RC_OK && (rc = db_next(&cur, err)) == RC_OK) {
			snprintf(last, sizeof last, "%s", db_text(&cur, 0, NULL));
			more = true;
			rc = visit(arg,
			    &(struct stored){.uuid = last,
				.size_bytes = db_int(&cur, 1),
				.sha256 = db_text(&cur, 2, NULL),
				.id = db_int(&cur, 3),
				.org_id = db_int(&cur, 4),
				.job_id = db_int(&cur, 5),
				.kind = (enum file_kind)db_int(&cur, 6)},
			    err);
		}
		db_finish(&cur);
		if (rc != RC_DONE)
			return rc;
	}
	return RC_OK;
}

/* The last of them: an earlier one has lost its place. */
static enum rc visit_logs(
    const char *job_uuid, int64_t attempts, stored_log_visit *visit, void *arg, struct err *err)
{
	int64_t n = attempts > STORE_LOGS_MAX ? attempts - STORE_LOGS_MAX + 1 : 1;
	enum rc rc = RC_OK;

	for (; n <= attempts && rc == RC_OK; n++)
		rc = visit(arg, job_uuid, n, err);
	return rc;
}

enum rc stored_logs(struct db *db, stored_log_visit *visit, void *arg, struct err *err)
{
	int64_t last = 0;
	bool more = true;

	while (more) {
		struct db_cursor cur;
		enum rc rc = db_query(db, &cur, SQL_STORED_LOGS, DB_ARGS(DB_INT(last)), err);

		more = false;
		while (rc == RC_OK && (rc = db_next(&cur, err)) == RC_OK) {
			last = db_int(&cur, 0);
			more = true;
			rc = visit_logs(db_text(&cur, 1, NULL), db_int(&cur, 2), visit, arg, err);
		}
		db_finish(&cur);
		if (rc != RC_DONE)
			return rc;
	}
	return RC_OK;
}

enum rc stored_known(struct db *db, const char *uuid, bool log, struct err *err)
{
	struct db_cursor cur;
	enum rc rc =
	    db_one(db, &cur, log ? SQL_JOB_EXISTS : SQL_FILE_EXISTS, DB_ARGS(DB_TEXT(uuid)), err);

	if (rc == RC_OK)
		db_finish(&cur);
	return rc;
}

enum rc stored_bytes(struct db *db, int64_t *bytes, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_STORED_BYTES, DB_NO_ARGS, err);

	if (rc != RC_OK)
		return rc;
	*bytes = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}
