/*
 * Migrations: finds out what a database has, applies the rest.
 *
 * The table schema_migrations holds one row per file that was applied. It is made before the first
 * of them, and each file commits together with its row, so a migration that is cut off leaves the
 * schema of the one before it. Two programs that migrate at the same time queue at the write lock;
 * the second finds nothing left to do.
 */
#include "core/migrate.h"

#include "core/clock.h"
#include "core/db_engine.h"
#include "core/log.h"

int migrate_newest(void)
{
	return migrations_count ? migrations[migrations_count - 1].number : 0;
}

enum rc migrate_current(struct db *db, int *number, struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	*number = 0;
	rc = db_one(db, &cur, SQL_MIGRATIONS_PRESENT, DB_NO_ARGS, err);
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	db_finish(&cur);
	rc = db_one(db, &cur, SQL_MIGRATION_LAST, DB_NO_ARGS, err);
	if (rc != RC_OK)
		return rc;
	*number = (int)db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

static const char *text_of(const struct migration *m, enum sql_dialect dialect)
{
	return dialect == SQL_FOR_POSTGRES ? m->postgres : m->sqlite;
}

/* Apply the first migration behind the current one, if there is any: *done tells. */
static enum rc step(struct db *db, bool *done, struct err *err)
{
	const struct migration *next = NULL;
	const char *text;
	int number;
	enum rc rc;

	*done = false;
	rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_MIGRATIONS_TABLE, DB_NO_ARGS, err);
	if (rc == RC_OK)
		rc = migrate_current(db, &number, err);
	if (rc != RC_OK)
		goto out;
	if (number > migrate_newest()) {
		rc = err_set(err, RC_INVALID,
		    "database has schema %d, this program knows %d: run a newer dropmill", number,
		    migrate_newest());
		goto out;
	}
	for (size_t i = 0; i < migrations_count && !next; i++)
		if (migrations[i].number > number)
			next = &migrations[i];
	if (!next)
		goto out;
	text = text_of(next, db_dialect(db));
	if (text)
		rc = db_script(db, text, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_MIGRATION_ADD,
		    DB_ARGS(DB_INT(next->number), DB_TEXT(next->name), DB_INT(clock_wall_ms())),
		    err);
	if (rc == RC_OK)
		rc = db_commit_durable(db, err);
	if (rc == RC_OK) {
		log_info("migration %04d-%s applied", next->number, next->name);
		*done = true;
	}
out:
	db_rollback(db);
	return rc;
}

enum rc migrate_run(const struct config *cfg, int *applied, struct err *err)
{
	struct db *db;
	bool done = true;
	enum rc rc;

	*applied = 0;
	rc = db_connect(cfg, DB_MAKE, &db, err);
	if (rc != RC_OK)
		return rc;
	while (rc == RC_OK && done) {
		rc = step(db, &done, err);
		*applied += rc == RC_OK && done;
	}
	db_close(db);
	return rc;
}
