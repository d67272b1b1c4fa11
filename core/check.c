/*
 * The invariants, each a statement whose rows are the violations, and the walk over stored files.
 */
#include "core/check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc check_statement(
    struct db *db, enum sql_id id, check_report *report, void *arg, int64_t *bad, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, id, DB_NO_ARGS, err);

	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		report(arg, db_text(&cur, 0, NULL));
		++*bad;
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

static void check_file(
    struct store *st, const char *uuid, int64_t size, check_report *report, void *arg, int64_t *bad)
{
	char text[96];
	struct stat sb;
	int fd;

	if (store_read(st, uuid, &fd, NULL) != RC_OK) {
		snprintf(text, sizeof text, "file %s is missing in the store", uuid);
	} else {
		bool same = fstat(fd, &sb) == 0 && sb.st_size == size;

		close(fd);
		if (same)
			return;
		snprintf(text, sizeof text, "file %s has another size in the store", uuid);
	}
	report(arg, text);
	++*bad;
}

static enum rc check_files(
    struct db *db, struct store *st, check_report *report, void *arg, int64_t *bad, struct err *err)
{
	char last[UUID_SIZE] = "";
	bool more = true;

	while (more) {
		struct db_cursor cur;
		enum rc rc = db_query(db, &cur, SQL_CHECK_FILE_NAMES, DB_ARGS(DB_TEXT(last)), err);

		if (rc != RC_OK)
			return rc;
		more = false;
		while ((rc = db_next(&cur, err)) == RC_OK) {
			snprintf(last, sizeof last, "%s", db_text(&cur, 0, NULL));
			check_file(st, last, db_int(&cur, 1), report, arg, bad);
			more = true;
		}
		db_finish(&cur);
		if (rc != RC_DONE)
			return rc;
	}
	return RC_OK;
}

enum rc check_run(
    struct db *db, struct store *st, check_report *report, void *arg, int64_t *bad, struct err *err)
{
	static const enum sql_id checks[] = {SQL_CHECK_INTEGRITY, SQL_CHECK_FOREIGN_KEYS,
	    SQL_CHECK_COUNTERS, SQL_CHECK_LANES, SQL_CHECK_JOBS, SQL_CHECK_HISTORY, SQL_CHECK_FILES,
	    SQL_CHECK_STORED, SQL_CHECK_SEARCH};

	*bad = 0;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		enum rc rc = check_statement(db, checks[i], report, arg, bad, err);

		if (rc != RC_OK)
			return rc;
	}
	return st ? check_files(db, st, report, arg, bad, err) : RC_OK;
}
