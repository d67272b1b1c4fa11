/*
 * The invariants, each a statement whose rows are the violations, and the walk over stored files.
 */
#include "core/check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/stored.h"

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

struct walk {
	struct store *st;
	check_report *report;
	void *arg;
	int64_t *bad;
};

static enum rc check_file(void *arg, const struct stored *f, struct err *err)
{
	const struct walk *w = arg;
	char text[96];
	struct stat sb;
	int fd;

	(void)err;
	if (store_read(w->st, f->uuid, &fd, NULL) != RC_OK) {
		snprintf(text, sizeof text, "file %s is missing in the store", f->uuid);
	} else {
		bool same = fstat(fd, &sb) == 0 && sb.st_size == f->size_bytes;

		close(fd);
		if (same)
			return RC_OK;
		snprintf(text, sizeof text, "file %s has another size in the store", f->uuid);
	}
	w->report(w->arg, text);
	++*w->bad;
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
	return st ? stored_files(db, check_file, &(struct walk){st, report, arg, bad}, err) : RC_OK;
}
