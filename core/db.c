/*
 * The database, the part that is the same for every engine: statements, transactions, cursors.
 *
 * Invariants. A statement is prepared when it is first used, once per connection. It has at most
 * one cursor. Nothing is written outside a write transaction. A statement that fails spoils the
 * transaction it stands in, on every engine alike, because PostgreSQL leaves no other way: only
 * db_rollback ends it. A caller that breaks a rule of core/db.h has a bug, and is told where the
 * transaction began. What a request or the outside can cause is an error; never a bug.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/db_engine.h"
#include "core/log.h"
#include "core/migrate.h"
#include "core/str.h"

static const struct {
	const char *name, *text[SQL_DIALECT_MAX];
} statements[SQL_MAX] = {
#define SQL(name, purpose, text) [SQL_##name] = {#name, {text, text}},
#define SQL2(name, purpose, sqlite, postgres) [SQL_##name] = {#name, {sqlite, postgres}},
#include "core/statements.def"
#undef SQL
#undef SQL2
};

enum tx { TX_NONE, TX_READ, TX_WRITE };

struct db_stmt {
	void *handle; /* NULL: not prepared yet */
	bool writes, running;
};

struct db {
	const struct db_engine *engine;
	void *conn;
	unsigned forks; /* as of its opening: a connection does not survive a fork */
	enum tx tx;
	bool spoiled;     /* a statement of this transaction failed */
	bool joint;       /* what begins within it is part of it, */
	bool joined;      /* as something now is, */
	bool durable;     /* or was that must survive power loss */
	const char *file; /* where the transaction began */
	int line;
	int running; /* statements with a cursor */
	int64_t changes;
	const struct db_sums *kind; /* of sums, NULL: none of this transaction */
	void *sums;
	struct db_stmt stmt[SQL_MAX];
};

/* Counted in the child, so that a connection which came along is known without asking the kernel
 * for our pid at every statement. */
static unsigned forks;

static void count_fork(void)
{
	forks++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

enum rc db_connect(const struct config *cfg, enum db_how how, struct db **out, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = calloc(1, sizeof *db);
	enum rc rc;

	*out = NULL;
	if (!db)
		return err_sys(err, "cannot open the database");
	db->engine = &db_engine_sqlite;
	pthread_once(&once, watch_forks);
	db->forks = forks;
	rc = db->engine->open(cfg, how, &db->conn, err);
	if (rc != RC_OK) {
		free(db);
		return rc;
	}
	*out = db;
	return RC_OK;
}

static enum rc open_current(
    const struct config *cfg, enum db_how how, struct db **out, struct err *err)
{
	struct db *db;
	int number = 0;
	enum rc rc = db_connect(cfg, how, &db, err);

	*out = NULL;
	if (rc == RC_NOTFOUND)
		return err_set(err, RC_NOTFOUND,
		    "no database '%s': run 'dropmill migrate' to make it", cfg->database);
	if (rc != RC_OK)
		return rc;
	rc = migrate_current(db, &number, err);
	if (rc == RC_OK && number < migrate_newest())
		rc = err_set(err, RC_INVALID,
		    "database '%s' has schema %d of %d: run 'dropmill migrate'", cfg->database,
		    number, migrate_newest());
	else if (rc == RC_OK && number > migrate_newest())
		rc = err_set(err, RC_INVALID,
		    "database '%s' has schema %d, this program knows %d: run a newer dropmill",
		    cfg->database, number, migrate_newest());
	if (rc != RC_OK) {
		db_close(db);
		return rc;
	}
	*out = db;
	return RC_OK;
}

enum rc db_open(const struct config *cfg, struct db **out, struct err *err)
{
	return open_current(cfg, DB_THERE, out, err);
}

enum rc db_open_copy(const char *path, struct db **out, struct err *err)
{
	return open_current(&(struct config){.database = path}, DB_ALONE, out, err);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db->joined = false;
	db_rollback(db);
	for (int i = 0; i < SQL_MAX; i++)
		if (db->stmt[i].handle)
			db->engine->finalize(db->stmt[i].handle);
	db->engine->close(db->conn);
	free(db->sums);
	free(db);
}

bool db_broken(const struct db *db)
{
	return db->engine->broken(db->conn);
}

enum sql_dialect db_dialect(const struct db *db)
{
	return db->engine->dialect;
}

/* ---- transactions ------------------------------------------------------------------------- */

static const char *tx_name(const struct db *db)
{
	return db->tx == TX_WRITE  ? "write transaction"
	       : db->tx == TX_READ ? "read transaction"
				   : "query";
}

/* What must hold whenever something new is begun on the connection. */
static void check_usable(const struct db *db)
{
	if (db->forks != forks)
		bug("database used by a process that did not open it");
	if (db_broken(db))
		bug("database used after a failed sync");
}

static void check_no_query(const struct db *db, const char *file, int line)
{
	for (int i = 0; db->running && i < SQL_MAX; i++)
		if (db->stmt[i].running)
			bug("transaction begun within a query: at=%s:%d query=%s", file, line,
			    statements[i].name);
}

static void check_idle(const struct db *db, const char *file, int line)
{
	check_usable(db);
	if (db->tx != TX_NONE)
		bug("transaction begun within another: at=%s:%d open=%s:%d", file, line, db->file,
		    db->line);
	check_no_query(db, file, line);
}

static void begun(struct db *db, enum tx tx, const char *file, int line)
{
	db->tx = tx;
	db->spoiled = false;
	db->joint = db->joined = db->durable = false;
	db->kind = NULL;
	db->file = file;
	db->line = line;
}

/* Become part of the joint transaction that is open. */
static enum rc join(struct db *db, const char *file, int line, struct err *err)
{
	check_usable(db);
	check_no_query(db, file, line);
	if (db->spoiled)
		return err_set(err, RC_DB, "a part of the transaction failed before");
	db->joined = true;
	return RC_OK;
}

enum rc db_begin_at(struct db *db, const char *file, int line, struct err *err)
{
	enum rc rc;

	if (db->joint && !db->joined && db->tx == TX_WRITE)
		return join(db, file, line, err);
	check_idle(db, file, line);
	rc = db->engine->begin(db->conn, file, line, err);
	if (rc == RC_OK)
		begun(db, TX_WRITE, file, line);
	return rc;
}

enum rc db_begin_joint_at(struct db *db, const char *file, int line, struct err *err)
{
	enum rc rc;

	check_idle(db, file, line);
	rc = db_begin_at(db, file, line, err);
	db->joint = rc == RC_OK;
	return rc;
}

enum rc db_begin_read_at(struct db *db, const char *file, int line, struct err *err)
{
	enum rc rc;

	check_idle(db, file, line);
	rc = db->engine->begin_read(db->conn, err);
	if (rc == RC_OK)
		begun(db, TX_READ, file, line);
	return rc;
}

static enum rc commit(struct db *db, bool durable, struct err *err)
{
	bool write = db->tx == TX_WRITE;

	if (db->tx == TX_NONE)
		bug("commit without a transaction");
	for (int i = 0; db->running && i < SQL_MAX; i++)
		if (db->stmt[i].running)
			bug("commit within a query: begun=%s:%d query=%s", db->file, db->line,
			    statements[i].name);
	db->durable |= durable;
	if (db->spoiled) {
		db_rollback(db);
		return err_set(err, RC_DB, "commit refused: a statement of the transaction failed");
	}
	if (db->joined) {
		db->joined = false;
		return RC_OK;
	}
	if (db->kind) {
		enum rc rc = db->kind->write(db, db->sums, err);

		if (rc != RC_OK) {
			db_rollback(db);
			return rc;
		}
	}
	db->tx = TX_NONE;
	if (!write) {
		db->engine->rollback(db->conn);
		return RC_OK;
	}
	return db->engine->commit(db->conn, db->durable, err);
}

enum rc db_commit(struct db *db, struct err *err)
{
	return commit(db, false, err);
}

enum rc db_commit_durable(struct db *db, struct err *err)
{
	return commit(db, true, err);
}

enum rc db_sync(struct db *db, struct err *err)
{
	if (db->tx != TX_NONE)
		bug("sync within a transaction: begun=%s:%d", db->file, db->line);
	return db->engine->sync(db->conn, err);
}

void db_rollback(struct db *db)
{
	if (!db)
		return;
	if (db->tx == TX_NONE)
		return;
	for (int i = 0; db->running && i < SQL_MAX; i++)
		db_finish(&(struct db_cursor){.db = db, .id = (enum sql_id)i});
	if (db->joined) {
		db->joined = false;
		db->spoiled = true;
		return;
	}
	db->tx = TX_NONE;
	db->engine->rollback(db->conn);
}

static enum rc end(struct db *db, bool durable, enum rc rc, struct err *err)
{
	if (rc == RC_OK)
		return commit(db, durable, err);
	db_rollback(db);
	return rc;
}

enum rc db_end(struct db *db, enum rc rc, struct err *err)
{
	return end(db, false, rc, err);
}

enum rc db_end_durable(struct db *db, enum rc rc, struct err *err)
{
	return end(db, true, rc, err);
}

void *db_sums(struct db *db, const struct db_sums *kind)
{
	if (db->tx != TX_WRITE)
		bug("sums outside a write transaction");
	if (db->kind == kind)
		return db->sums;
	if (db->kind)
		bug("sums of two kinds in one program");
	if (!db->sums)
		db->sums = malloc(kind->size);
	if (!db->sums)
		bug("out of memory");
	db->kind = kind;
	return memset(db->sums, 0, kind->size);
}

/* ---- statements --------------------------------------------------------------------------- */

/* Put the statement's name before the engine's words; the transaction cannot be committed now. */
static enum rc failed(
    struct db *db, enum sql_id id, enum rc rc, const struct err *why, struct err *err)
{
	db->spoiled = true;
	return err_set(err, rc, "%s: %.200s", statements[id].name, why->text);
}

static enum rc prepare(struct db *db, enum sql_id id, struct err *err)
{
	struct db_stmt *st = &db->stmt[id];
	struct err why = {0};
	enum rc rc;

	if (st->handle)
		return RC_OK;
	rc = db->engine->prepare(
	    db->conn, statements[id].text[db->engine->dialect], &st->handle, &why);
	if (rc != RC_OK)
		return failed(db, id, rc, &why, err);
	st->writes = db->engine->writes(st->handle);
	return RC_OK;
}

static enum rc bind(
    struct db *db, enum sql_id id, const struct db_arg *args, size_t n, struct err *err)
{
	void *handle = db->stmt[id].handle;
	struct err why = {0};
	enum rc rc;

	if (n != db->engine->parameters(handle))
		bug("wrong number of arguments: statement=%s has=%zu given=%zu",
		    statements[id].name, db->engine->parameters(handle), n);
	for (size_t i = 0; i < n; i++) {
		if (args[i].type == DB_ARG_TEXT && !str_utf8(args[i].s, args[i].len)) {
			err_set(&why, RC_INVALID, "text for $%zu is not UTF-8 or holds NUL", i + 1);
			return failed(db, id, RC_INVALID, &why, err);
		}
		rc = db->engine->bind(handle, i + 1, &args[i], &why);
		if (rc != RC_OK)
			return failed(db, id, rc, &why, err);
	}
	return RC_OK;
}

enum rc db_query(struct db *db, struct db_cursor *cur, enum sql_id id, const struct db_arg *args,
    size_t n, struct err *err)
{
	struct db_stmt *st;
	enum rc rc;

	cur->db = NULL;
	cur->id = id;
	if ((unsigned)id >= SQL_MAX)
		bug("no such statement: %d", (int)id);
	st = &db->stmt[id];
	log_debug("sql %s", statements[id].name);
	check_usable(db);
	if (st->running)
		bug("statement used while it runs: %s", statements[id].name);
	if (db->tx == TX_NONE)
		db->spoiled = false;
	if (db->spoiled)
		return err_set(err, RC_DB, "%s: a statement of the transaction failed before",
		    statements[id].name);
	rc = prepare(db, id, err);
	if (rc != RC_OK)
		return rc;
	if (st->writes && db->tx != TX_WRITE)
		bug("change outside a write transaction: %s in a %s", statements[id].name,
		    tx_name(db));
	rc = bind(db, id, args, n, err);
	if (rc != RC_OK) {
		db->engine->reset(st->handle);
		return rc;
	}
	st->running = true;
	db->running++;
	cur->db = db;
	return RC_OK;
}

enum rc db_next(struct db_cursor *cur, struct err *err)
{
	struct db *db = cur->db;
	struct err why = {0};
	enum rc rc;

	if (!db || !db->stmt[cur->id].running)
		bug("row asked of a query that does not run: %s", statements[cur->id].name);
	rc = db->engine->step(db->stmt[cur->id].handle, &why);
	if (rc != RC_OK && rc != RC_DONE)
		return failed(db, cur->id, rc, &why, err);
	return rc;
}

void db_finish(struct db_cursor *cur)
{
	struct db *db = cur->db;
	struct db_stmt *st;

	if (!db || !db->stmt[cur->id].running)
		return;
	st = &db->stmt[cur->id];
	db->engine->reset(st->handle);
	db->changes = st->writes ? db->engine->changes(db->conn) : 0;
	st->running = false;
	db->running--;
}

enum rc db_exec(struct db *db, enum sql_id id, const struct db_arg *args, size_t n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, id, args, n, err);

	if (rc != RC_OK)
		return rc;
	rc = db_next(&cur, err);
	if (rc == RC_OK)
		bug("rows where none were expected: %s", statements[id].name);
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc db_one(struct db *db, struct db_cursor *cur, enum sql_id id, const struct db_arg *args,
    size_t n, struct err *err)
{
	enum rc rc = db_query(db, cur, id, args, n, err);

	if (rc != RC_OK)
		return rc;
	rc = db_next(cur, err);
	if (rc != RC_OK)
		db_finish(cur);
	return rc == RC_DONE ? err_set(err, RC_NOTFOUND, "%s: no such row", statements[id].name)
			     : rc;
}

int64_t db_changes(const struct db *db)
{
	return db->changes;
}

int64_t db_int(const struct db_cursor *cur, int column)
{
	return cur->db->engine->column_int(cur->db->stmt[cur->id].handle, column);
}

const char *db_text(const struct db_cursor *cur, int column, size_t *len)
{
	size_t unused;

	return cur->db->engine->column_text(
	    cur->db->stmt[cur->id].handle, column, len ? len : &unused);
}

bool db_null(const struct db_cursor *cur, int column)
{
	return cur->db->engine->column_null(cur->db->stmt[cur->id].handle, column);
}

/* ---- the rest ----------------------------------------------------------------------------- */

enum rc db_script(struct db *db, const char *text, struct err *err)
{
	enum rc rc;

	if (db->tx != TX_WRITE)
		bug("script outside a write transaction");
	rc = db->engine->script(db->conn, text, err);
	if (rc != RC_OK)
		db->spoiled = true;
	return rc;
}

int64_t db_lease_clock_ms(struct db *db)
{
	return db->engine->lease_clock_ms(db->conn);
}

enum rc db_checkpoint(struct db *db, struct err *err)
{
	check_idle(db, __FILE__, __LINE__);
	return db->engine->checkpoint(db->conn, err);
}

enum rc db_copy(struct db *db, const char *path, db_copying *tell, void *arg, struct err *err)
{
	int number;
	enum rc rc = db_begin_read(db, err);

	if (rc != RC_OK)
		return rc;
	/* The first read is what the snapshot is of. */
	rc = migrate_current(db, &number, err);
	if (rc == RC_OK)
		rc = db->engine->copy(db->conn, path, tell, arg, err);
	db_rollback(db);
	return rc;
}

const char *db_sql_name(enum sql_id id)
{
	return statements[id].name;
}

const char *db_sql_text(enum sql_id id)
{
	return statements[id].text[SQL_FOR_SQLITE];
}
