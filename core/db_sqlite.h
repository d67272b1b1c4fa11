/*
 * What the files of the SQLite engine share. Private to core/db_sqlite*.c.
 */
#ifndef CORE_DB_SQLITE_H
#define CORE_DB_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/db_engine.h"
#include "core/turnstile.h"

struct sqlite_conn {
	sqlite3 *db;
	struct turnstile turnstile;
	sqlite3_stmt *begin, *begin_read, *commit, *rollback;
	const char *file; /* where the write transaction began */
	int line;
	int64_t entered_us, warned_us;
	int64_t wal_pages;     /* length of the log after the last commit, as the hook was told */
	int64_t wal_next_push; /* length at which readers are waited for again */
	bool inside, broken;
	bool alone;   /* a copy: there is no lock */
	bool wal_new; /* set by the hook: this commit wrote */
};

struct sqlite_stmt {
	sqlite3_stmt *s;
	struct sqlite_conn *conn;
	int n;
	int index[]; /* of $1 … $n among SQLite's parameters */
};

/* SQLite's code and message as ours; `what` stands before it. Notes a failed sync. */
enum rc sqlite_error(struct sqlite_conn *c, int code, const char *what, struct err *err);

/* The log file (core/db_sqlite_log.c). The name to open a database by, so that it has our log. */
const char *sqlite_log_layer(void);
/* A write transaction has begun: its pages go to the log in one piece. */
void sqlite_log_begin(struct sqlite_conn *c);
/* It was rolled back: what is held back belongs to nobody. While the write lock is still held. */
void sqlite_log_forget(struct sqlite_conn *c);
/* The log to the disk; SQLite's code. */
int sqlite_log_sync(struct sqlite_conn *c);

/* A copy of the database (core/db_sqlite_copy.c), see core/db_engine.h. */
enum rc sq_copy(void *conn, const char *path, db_copying *tell, void *arg, struct err *err);

/* The statement functions of the engine's table, see core/db_engine.h. */
enum rc sq_prepare(void *conn, const char *text, void **out, struct err *err);
void sq_finalize(void *stmt);
bool sq_writes(void *stmt);
size_t sq_parameters(void *stmt);
enum rc sq_bind(void *stmt, size_t number, const struct db_arg *arg, struct err *err);
enum rc sq_step(void *stmt, struct err *err);
void sq_reset(void *stmt);
int64_t sq_changes(void *conn);
int64_t sq_column_int(void *stmt, int column);
const char *sq_column_text(void *stmt, int column, size_t *len);
bool sq_column_null(void *stmt, int column);

#endif
