/*
 * A copy of the database by SQLite's own means: page by page, from one snapshot, into a new file.
 *
 * The caller's read transaction holds the snapshot for as long as it takes, so others may write
 * without making it begin anew; meanwhile the log cannot be emptied. The new file is nobody's yet:
 * it has no journal and is not synced, and whoever asked for it throws it away if this fails.
 */
#include "core/db_sqlite.h"

/* 8 MiB between two words on how far it is. */
#define PAGES_PER_STEP 2000

static enum rc copy_pages(
    sqlite3 *to, sqlite3_backup *copy, db_copying *tell, void *arg, struct err *err)
{
	int code;

	do {
		code = sqlite3_backup_step(copy, PAGES_PER_STEP);
		if (tell &&
		    !tell(arg, sqlite3_backup_pagecount(copy) - sqlite3_backup_remaining(copy),
			sqlite3_backup_pagecount(copy))) {
			sqlite3_backup_finish(copy);
			return err_set(err, RC_DONE, "stopped");
		}
	} while (code == SQLITE_OK);
	sqlite3_backup_finish(copy);
	if (code == SQLITE_DONE)
		return RC_OK;
	return sqlite_error(&(struct sqlite_conn){.db = to}, code, "cannot copy the database", err);
}

enum rc sq_copy(void *conn, const char *path, db_copying *tell, void *arg, struct err *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	struct sqlite_conn *c = conn, other = {0};
	sqlite3_backup *copy;
	enum rc rc = RC_OK;
	int code = sqlite3_open_v2(path, &other.db, flags, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_exec(other.db, "PRAGMA journal_mode = off; PRAGMA synchronous = off",
		    NULL, NULL, NULL);
	copy = code == SQLITE_OK ? sqlite3_backup_init(other.db, "main", c->db, "main") : NULL;
	if (copy)
		rc = copy_pages(other.db, copy, tell, arg, err);
	else
		rc = sqlite_error(
		    &other, sqlite3_extended_errcode(other.db), "cannot copy the database", err);
	sqlite3_close(other.db);
	return rc;
}
