/*
 * What an engine provides to core/db.c: one table of functions per engine, every slot filled.
 *
 * `conn` and `stmt` are the engine's own, made by open and prepare. core/db.c keeps the rules that
 * are the same everywhere (who may call what, one cursor per statement, a failed statement spoils
 * its transaction), so an engine may rely on them: begin comes only outside a transaction, bind
 * only on a statement that is reset, text is UTF-8 without NUL. Errors carry the engine's message
 * alone; core/db.c adds the statement's name. The rest of this header is for core/migrate.c.
 */
#ifndef CORE_DB_ENGINE_H
#define CORE_DB_ENGINE_H

#include "core/db.h"

/* Which of its texts a statement is prepared from. */
enum sql_dialect { SQL_FOR_SQLITE, SQL_FOR_POSTGRES, SQL_DIALECT_MAX };

/* What is connected to: a database that is there; one that is made if need be; or a copy that
 * nobody else knows of, for which no lock is needed, so it may lie anywhere. */
enum db_how { DB_THERE, DB_MAKE, DB_ALONE };

struct db_engine {
	const char *name;
	enum sql_dialect dialect;

	/* Connect. RC_NOTFOUND: there is no database. */
	enum rc (*open)(const struct config *cfg, enum db_how how, void **conn, struct err *err);
	/* No transaction is open and every statement is finalized. */
	void (*close)(void *conn);

	/* A write transaction; file and line are static texts to name when it took too long. */
	enum rc (*begin)(void *conn, const char *file, int line, struct err *err);
	enum rc (*begin_read)(void *conn, struct err *err);
	/* Whatever the result, no transaction is open afterwards. */
	enum rc (*commit)(void *conn, bool durable, struct err *err);
	/* Make what was committed before durable; no transaction is open. */
	enum rc (*sync)(void *conn, struct err *err);
	void (*rollback)(void *conn);

	enum rc (*prepare)(void *conn, const char *text, void **stmt, struct err *err);
	void (*finalize)(void *stmt);
	bool (*writes)(void *stmt);       /* whether it may change the database */
	size_t (*parameters)(void *stmt); /* how many there are: $1 … $n */
	/* Value of $number; text is borrowed until reset. */
	enum rc (*bind)(void *stmt, size_t number, const struct db_arg *arg, struct err *err);
	enum rc (*step)(void *stmt, struct err *err); /* RC_OK: a row; RC_DONE */
	void (*reset)(void *stmt);
	int64_t (*changes)(void *conn); /* rows changed by the last statement that writes */

	int64_t (*column_int)(void *stmt, int column);
	const char *(*column_text)(void *stmt, int column, size_t *len);
	bool (*column_null)(void *stmt, int column);

	/* Several statements at once, without parameters: a migration. In a write transaction. */
	enum rc (*script)(void *conn, const char *text, struct err *err);
	int64_t (*lease_clock_ms)(void *conn);
	enum rc (*checkpoint)(void *conn, struct err *err);
	/* See db_copy; within a read transaction that has read. */
	enum rc (*copy)(void *conn, const char *path, db_copying *tell, void *arg, struct err *err);
	/* A sync failed: what was written before may be lost, so nothing more may be done. */
	bool (*broken)(void *conn);
};

extern const struct db_engine db_engine_sqlite;

/* db_open without the check of the schema. */
enum rc db_connect(const struct config *cfg, enum db_how how, struct db **out, struct err *err);
/* Run a migration's text in the open write transaction. */
enum rc db_script(struct db *db, const char *text, struct err *err);
enum sql_dialect db_dialect(const struct db *db);

/* Number of the last migration the database has had; 0: none yet. */
enum rc migrate_current(struct db *db, int *number, struct err *err);

#endif
