/*
 * The database: one connection, prepared statements from the statement file, transactions.
 *
 * A small table of functions stands behind it (core/db_engine.h), one per engine. SQL is only ever
 * named by its id: every statement lives in core/statements.def. Writers of SQLite queue at the
 * turnstile (core/turnstile.h), which also makes checkpoints exclusive. Open after fork; never
 * share a connection. Nothing else in the process may open the database file.
 */
#ifndef CORE_DB_H
#define CORE_DB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/config.h"
#include "core/rc.h"

struct db;

/* One id per line of the statement file: SQL_JOB_GET, … */
enum sql_id {
#define SQL(name, purpose, text) SQL_##name,
#define SQL2(name, purpose, sqlite, postgres) SQL_##name,
#include "core/statements.def"
#undef SQL
#undef SQL2
	SQL_MAX
};

/* Values for $1, $2, … in order. Texts are borrowed for the call. */
struct db_arg {
	enum { DB_ARG_NULL, DB_ARG_INT, DB_ARG_TEXT } type;
	int64_t i;
	const char *s;
	size_t len;
};

#define DB_INT(v) ((struct db_arg){.type = DB_ARG_INT, .i = (v)})
#define DB_NULL ((struct db_arg){.type = DB_ARG_NULL})
#define DB_TEXTN(v, n) ((struct db_arg){.type = DB_ARG_TEXT, .s = (v), .len = (n)})
static inline struct db_arg DB_TEXT(const char *s) {
	return s ? DB_TEXTN(s, strlen(s)) : DB_NULL;
}
/* NULL when zero: for ids and times that may be absent. */
#define DB_OPT(v) ((v) ? DB_INT(v) : DB_NULL)

/* The argument list of a call: DB_ARGS(DB_INT(3), DB_TEXT("x")), or DB_NO_ARGS. */
#define DB_ARGS(...)                          \
	(const struct db_arg[]){__VA_ARGS__}, \
	    sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

/* Open the configured database. RC_NOTFOUND: there is none; RC_INVALID: its schema is not current
 * (core/migrate.h), or it lies on a network filesystem; RC_DB. */
enum rc
db_open(const struct config *cfg, struct db **out, struct err *err);
/* Close; rolls back what is open. Does not checkpoint: a graceful stop calls db_checkpoint first.
 * NULL is allowed. */
void db_close(struct db *db);

/*
 * Transactions. A write transaction is the only place where anything changes; on SQLite it holds
 * the turnstile, so keep it under 20 ms: compute first, then begin. It remembers where it began.
 * They do not nest, but for one that is begun as joint; and none begins or commits while a cursor
 * is open. A statement that fails, by RC_CONFLICT too, spoils its transaction: what follows in it
 * fails, and only rollback is left (write ON CONFLICT where a conflict is expected). Every begin is
 * matched by one commit or rollback; a failed commit has rolled back. db_rollback finishes open
 * cursors; without a transaction it does nothing, so it may stand on every exit path.
 */
#define db_begin(db, err) db_begin_at((db), __FILE__, __LINE__, (err))
enum rc db_begin_at(struct db *db, const char *file, int line, struct err *err);
/* The same, for what is all done or not at all and consists of what has a transaction of its own
 * elsewhere: those that begin within it are part of it. Their commit is this one's, durable if one
 * of theirs is; after the rollback of one, only rollback is left. */
#define db_begin_joint(db, err) db_begin_joint_at((db), __FILE__, __LINE__, (err))
enum rc db_begin_joint_at(struct db *db, const char *file, int line, struct err *err);
/* The end of a transaction by what came of it: commit if rc is RC_OK, else roll back. Returns what
 * came of that. */
enum rc db_end(struct db *db, enum rc rc, struct err *err);
enum rc db_end_durable(struct db *db, enum rc rc, struct err *err);
/* One snapshot for several queries. */
#define db_begin_read(db, err) db_begin_read_at((db), __FILE__, __LINE__, (err))
enum rc db_begin_read_at(struct db *db, const char *file, int line, struct err *err);
/* What is committed survives kill -9; power loss only if a later durable commit succeeds. */
enum rc db_commit(struct db *db, struct err *err);
/* Survives power loss as well. RC_DB when the sync failed: the change is visible but may not last,
 * so acknowledge nothing. The kernel may have dropped what it could not write, so the process must
 * end: db_broken is true from then on, and any further use of the connection aborts. */
enum rc db_commit_durable(struct db *db, struct err *err);
/* The same in two steps: db_commit, and later, with no transaction open, this. What need not wait
 * for the disk is done between them. */
enum rc db_sync(struct db *db, struct err *err);
bool db_broken(const struct db *db);
void db_rollback(struct db *db);

/* What a write transaction adds up in memory and writes once, at the head of its commit (which
 * fails if that does). The block is zeroed when the transaction first asks for it and forgotten
 * with it; one kind per program. */
struct db_sums {
	size_t size;
	enum rc (*write)(struct db *db, void *sums, struct err *err);
};
void *db_sums(struct db *db, const struct db_sums *kind);

/* Run a statement that returns no rows. RC_CONFLICT on a violated unique key, RC_INVALID for a text
 * that is not UTF-8 or holds NUL, RC_BUSY, RC_LIMIT when the disk is full, else RC_DB. */
enum rc db_exec(
    struct db *db, enum sql_id id, const struct db_arg *args, size_t n, struct err *err);
/* Rows changed by the last db_exec (or by a finished db_query). */
int64_t db_changes(const struct db *db);

/* A running query. A statement has one cursor at a time: using it again while it runs is a bug. */
struct db_cursor {
	struct db *db;
	enum sql_id id;
};

/* Start a query; db_next gives RC_OK with a row, RC_DONE at the end; db_finish always follows. */
enum rc db_query(struct db *db, struct db_cursor *cur, enum sql_id id, const struct db_arg *args,
    size_t n, struct err *err);
enum rc db_next(struct db_cursor *cur, struct err *err);
void db_finish(struct db_cursor *cur);

/* The first row of a query, or RC_NOTFOUND. db_finish follows in the RC_OK case only. */
enum rc db_one(struct db *db, struct db_cursor *cur, enum sql_id id, const struct db_arg *args,
    size_t n, struct err *err);

/* Columns of the current row, from 0. Text is borrowed until the next db_next/db_finish; a NULL
 * column is 0 and NULL. */
int64_t db_int(const struct db_cursor *cur, int column);
const char *db_text(const struct db_cursor *cur, int column, size_t *len);
bool db_null(const struct db_cursor *cur, int column);

/* Milliseconds on the clock that leases are written by: since boot on SQLite (one host), the
 * server's time on PostgreSQL. */
int64_t db_lease_clock_ms(struct db *db);

/* Fold the log into the database and empty it; for graceful stops and backups. Outside
 * transactions. RC_BUSY: readers kept part of the log. */
enum rc db_checkpoint(struct db *db, struct err *err);

/* A consistent copy of the database as a new file, while others go on writing. Told how far it is;
 * false stops it (RC_DONE). Outside transactions. RC_LIMIT when the disk is full. What was written
 * is not synced, and is left behind on failure. */
typedef bool db_copying(void *arg, int64_t done, int64_t total);
enum rc db_copy(struct db *db, const char *path, db_copying *tell, void *arg, struct err *err);

/* Open such a copy, which nobody else may know of. It may lie on any filesystem. */
enum rc db_open_copy(const char *path, struct db **out, struct err *err);

/* Name, purpose and text of a statement for this engine, for the plan test and `dropmill sql`. */
const char *db_sql_name(enum sql_id id);
const char *db_sql_text(enum sql_id id);

#endif
