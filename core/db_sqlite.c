/*
 * The SQLite engine. The only file that knows SQLite.
 *
 * SQLite before 3.51.3 loses committed transactions in WAL mode when one connection checkpoints
 * while another starts the log anew, and integrity_check does not see it. It is excluded by
 * construction: every write transaction and every checkpoint of every process stands under one
 * lock, the turnstile, and SQLite never checkpoints by itself (wal_autocheckpoint = 0,
 * NO_CKPT_ON_CLOSE). Whoever commits and finds the log over its bound checkpoints before giving the
 * lock back.
 *
 * synchronous = NORMAL: a commit does not sync. A durable commit gives the lock back first and then
 * syncs the log itself, so writers share the disk's syncs instead of queueing for them. Should
 * another process checkpoint and restart the log in between, then it has synced the log and the
 * database before: NORMAL syncs both at every checkpoint. A sync that fails is never tried again,
 * for the kernel may have dropped the pages: the connection is broken then.
 *
 * Opening and closing the database file behind SQLite's back would drop its locks (POSIX locks
 * belong to the process), so modes are set by path and nothing here opens it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/db_engine.h"
#include "core/db_files.h"
#include "core/db_sqlite.h"
#include "core/log.h"
#include "core/str.h"
#include "core/turnstile.h"

/* The log is checkpointed once it is this long (4 MiB: a few ms of writing). */
#define WAL_BOUND_PAGES 1000
/* From here on the writer waits for readers to leave the log, so that it can start anew … */
#define WAL_CROWDED_PAGES 4000
/* … but not longer than this, since everybody else waits as well … */
#define WAL_CROWDED_WAIT_MS 10
/* … and somebody should know. */
#define WAL_ALARM_PAGES 16000

#define BUSY_TIMEOUT_MS 5000
/* db_checkpoint holds the lock while it waits for readers. */
#define CHECKPOINT_WAIT_MS 500
/* A lock held longer is worth a word, at most one in WARN_EVERY_US. */
#define HELD_WARN_US 100000
#define WARN_EVERY_US 10000000

/* ---- errors ------------------------------------------------------------------------------- */

static enum rc code_of(int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return RC_CONFLICT;
	}
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RC_BUSY;
	case SQLITE_FULL:
		return RC_LIMIT;
	}
	return RC_DB;
}

enum rc sqlite_error(struct sqlite_conn *c, int code, const char *what, struct err *err)
{
	if (code == SQLITE_NOMEM)
		bug("out of memory in the database");
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		c->broken = true;
	return err_set(err, code_of(code), "%s%s%s", what, *what ? ": " : "",
	    c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(code));
}

/* ---- the lock ------------------------------------------------------------------------------- */

static enum rc enter(struct sqlite_conn *c, const char *file, int line, struct err *err)
{
	enum rc rc = c->alone ? RC_OK : turnstile_enter(&c->turnstile, err);

	if (rc != RC_OK)
		return rc;
	c->inside = true;
	c->entered_us = clock_boot_us();
	c->file = file;
	c->line = line;
	return RC_OK;
}

static void leave(struct sqlite_conn *c)
{
	int64_t now_us = clock_boot_us(), held_us = now_us - c->entered_us;

	if (!c->inside)
		return;
	if (!c->alone)
		turnstile_leave(&c->turnstile);
	c->inside = false;
	if (held_us <= HELD_WARN_US || (c->warned_us && now_us - c->warned_us < WARN_EVERY_US))
		return;
	c->warned_us = now_us;
	log_warn("write lock held for long: ms=%lld at=%s:%d", (long long)(held_us / 1000), c->file,
	    c->line);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int count_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_conn *c = arg;

	(void)db;
	(void)name;
	c->wal_pages = pages;
	c->wal_new = true;
	return SQLITE_OK;
}

/* The answer of a pragma as text, "" if it has none. */
static enum rc ask(struct sqlite_conn *c, const char *sql, char *out, size_t size, struct err *err)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);

	if (code != SQLITE_OK)
		return sqlite_error(c, code, sql, err);
	*out = '\0';
	code = sqlite3_step(s);
	if (code == SQLITE_ROW && sqlite3_column_text(s, 0))
		snprintf(out, size, "%s", (const char *)sqlite3_column_text(s, 0));
	code = sqlite3_finalize(s);
	return code == SQLITE_OK ? RC_OK : sqlite_error(c, code, sql, err);
}

/*
 * Every setting is read back: a misspelt or refused pragma is silently ignored by SQLite.
 *
 * 2 MiB of cache per process hold the upper levels of every index; the rest is the kernel's. No
 * mmap: it would turn a disk error into SIGBUS, and count as memory of each process.
 */
static enum rc set_pragmas(struct sqlite_conn *c, struct err *err)
{
	static const struct {
		const char *name, *value;
	} pragmas[] = {
	    {"synchronous", "1"},
	    {"wal_autocheckpoint", "0"},
	    {"foreign_keys", "1"},
	    {"trusted_schema", "0"},
	    {"recursive_triggers", "1"},
	    {"temp_store", "2"},
	    {"cache_size", "-2048"},
	    {"mmap_size", "0"},
	    {"journal_size_limit", "16777216"},
	};
	char sql[80], got[80];
	enum rc rc;

	for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
		snprintf(sql, sizeof sql, "PRAGMA %s = %s", pragmas[i].name, pragmas[i].value);
		rc = ask(c, sql, got, sizeof got, err);
		if (rc != RC_OK)
			return rc;
		snprintf(sql, sizeof sql, "PRAGMA %s", pragmas[i].name);
		rc = ask(c, sql, got, sizeof got, err);
		if (rc != RC_OK)
			return rc;
		if (strcmp(got, pragmas[i].value) != 0)
			return err_set(err, RC_DB, "database setting refused: %s = %s, wanted %s",
			    pragmas[i].name, got, pragmas[i].value);
	}
	return RC_OK;
}

static enum rc set_options(struct sqlite_conn *c, struct err *err)
{
	static const struct {
		int option, value;
		const char *name;
	} options[] = {
	    {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, "NO_CKPT_ON_CLOSE"},
	    {SQLITE_DBCONFIG_DEFENSIVE, 1, "DEFENSIVE"},
	    {SQLITE_DBCONFIG_DQS_DML, 0, "DQS_DML"},
	    {SQLITE_DBCONFIG_DQS_DDL, 0, "DQS_DDL"},
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int got = -1;

		sqlite3_db_config(c->db, options[i].option, options[i].value, NULL);
		sqlite3_db_config(c->db, options[i].option, -1, &got);
		if (got != options[i].value)
			return err_set(err, RC_DB, "database setting refused: %s = %d, wanted %d",
			    options[i].name, got, options[i].value);
	}
	return RC_OK;
}

/* The mode is kept in the file, so this changes something only once in its life. */
static enum rc use_wal(struct sqlite_conn *c, struct err *err)
{
	char got[80];
	enum rc rc = ask(c, "PRAGMA journal_mode", got, sizeof got, err);

	if (rc != RC_OK || strcmp(got, "wal") == 0)
		return rc;
	rc = enter(c, __FILE__, __LINE__, err);
	if (rc != RC_OK)
		return rc;
	rc = ask(c, "PRAGMA journal_mode = wal", got, sizeof got, err);
	leave(c);
	if (rc == RC_OK && strcmp(got, "wal") != 0)
		rc = err_set(
		    err, RC_DB, "database setting refused: journal_mode = %s, wanted wal", got);
	return rc;
}

static enum rc prepare_transactions(struct sqlite_conn *c, struct err *err)
{
	const struct {
		const char *sql;
		sqlite3_stmt **stmt;
	} own[] = {
	    {"BEGIN IMMEDIATE", &c->begin},
	    {"BEGIN", &c->begin_read},
	    {"COMMIT", &c->commit},
	    {"ROLLBACK", &c->rollback},
	};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		int code = sqlite3_prepare_v3(
		    c->db, own[i].sql, -1, SQLITE_PREPARE_PERSISTENT, own[i].stmt, NULL);

		if (code != SQLITE_OK)
			return sqlite_error(c, code, own[i].sql, err);
	}
	return RC_OK;
}

static void sq_close(void *conn)
{
	struct sqlite_conn *c = conn;

	sqlite3_finalize(c->begin);
	sqlite3_finalize(c->begin_read);
	sqlite3_finalize(c->commit);
	sqlite3_finalize(c->rollback);
	if (sqlite3_close(c->db) != SQLITE_OK)
		bug("database closed while in use: %s", sqlite3_errmsg(c->db));
	turnstile_close(&c->turnstile);
	free(c);
}

static enum rc set_up(struct sqlite_conn *c, const char *database, struct err *err)
{
	char got[80];
	enum rc rc;

	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
	if (!c->alone)
		db_share_with_group(database);
	rc = set_options(c, err);
	/* Before the first read: then the log's index is in memory alone. */
	if (rc == RC_OK && c->alone)
		rc = ask(c, "PRAGMA locking_mode = exclusive", got, sizeof got, err);
	if (rc == RC_OK)
		rc = use_wal(c, err);
	if (rc == RC_OK)
		rc = set_pragmas(c, err);
	if (rc == RC_OK)
		rc = ask(c, "PRAGMA busy_timeout", got, sizeof got, err);
	if (rc == RC_OK && atoi(got) != BUSY_TIMEOUT_MS)
		rc = err_set(err, RC_DB, "database setting refused: busy_timeout = %s", got);
	/* The first read makes the log where there is none. */
	if (rc == RC_OK)
		rc = ask(c, "SELECT COUNT(*) FROM sqlite_master", got, sizeof got, err);
	if (rc == RC_OK)
		rc = prepare_transactions(c, err);
	/* Last: wal_autocheckpoint is a hook of SQLite's own in the same place. */
	sqlite3_wal_hook(c->db, count_wal, c);
	return rc;
}

/* Before anything else of SQLite; once it runs this does nothing. Nobody asks it how much memory it
 * has, and to keep count costs a lock for each piece: 7 % of a claim. */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum rc sq_open(const struct config *cfg, enum db_how how, void **conn, struct err *err)
{
	int flags =
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (how == DB_MAKE ? SQLITE_OPEN_CREATE : 0);
	struct sqlite_conn *c;
	struct stat st;
	char path[4096];
	const char *dir;
	enum rc rc;
	int code;

	configure();
	if (!str_fmt(path, sizeof path, "%s", cfg->database))
		return err_set(err, RC_INVALID, "database path too long");
	dir = dirname(path);
	rc = how == DB_ALONE ? RC_OK : db_refuse_network(dir, err);
	if (rc != RC_OK)
		return rc;
	if (how != DB_MAKE && stat(cfg->database, &st) < 0 && errno == ENOENT)
		return err_set(err, RC_NOTFOUND, "no database '%s'", cfg->database);
	c = calloc(1, sizeof *c);
	if (!c)
		return err_sys(err, "cannot open the database");
	c->alone = how == DB_ALONE;
	c->turnstile = (struct turnstile){-1, -1};
	if (!c->alone)
		rc = turnstile_open(&c->turnstile, cfg->database, err);
	if (rc != RC_OK) {
		free(c);
		return rc;
	}
	code = sqlite3_open_v2(cfg->database, &c->db, flags, sqlite_log_layer());
	if (code != SQLITE_OK)
		rc = err_set(err, code_of(code), "cannot open database '%s': %s", cfg->database,
		    c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(code));
	if (rc == RC_OK)
		rc = set_up(c, cfg->database, err);
	if (rc == RC_OK)
		rc = db_sync_directory(dir, err);
	if (rc != RC_OK) {
		sq_close(c);
		return rc;
	}
	*conn = c;
	return RC_OK;
}

/* ---- transactions --------------------------------------------------------------------------- */

static int run(sqlite3_stmt *s)
{
	sqlite3_step(s);
	return sqlite3_reset(s);
}

static enum rc sq_begin(void *conn, const char *file, int line, struct err *err)
{
	struct sqlite_conn *c = conn;
	enum rc rc = enter(c, file, line, err);
	int code;

	if (rc != RC_OK)
		return rc;
	c->wal_new = false;
	code = run(c->begin);
	if (code != SQLITE_OK) {
		leave(c);
		return sqlite_error(c, code, "cannot begin", err);
	}
	sqlite_log_begin(c);
	return RC_OK;
}

static enum rc sq_begin_read(void *conn, struct err *err)
{
	struct sqlite_conn *c = conn;
	int code = run(c->begin_read);

	return code == SQLITE_OK ? RC_OK : sqlite_error(c, code, "cannot begin", err);
}

static void sq_rollback(void *conn)
{
	struct sqlite_conn *c = conn;

	/* SQLite has rolled back by itself after some errors. */
	if (!sqlite3_get_autocommit(c->db) && run(c->rollback) != SQLITE_OK)
		bug("rollback failed: %s", sqlite3_errmsg(c->db));
	if (c->inside)
		sqlite_log_forget(c);
	leave(c);
}

/*
 * Fold the log into the database, under the lock. It starts anew with the next commit, provided
 * that nobody reads in it then. Readers that always overlap could keep it growing, so from a
 * certain length on RESTART waits a moment for those in the log: new ones do not enter it once it
 * is folded.
 */
static void fold(struct sqlite_conn *c)
{
	int mode = SQLITE_CHECKPOINT_PASSIVE, code;
	struct err err;

	if (c->wal_pages < WAL_CROWDED_PAGES)
		c->wal_next_push = WAL_CROWDED_PAGES;
	if (c->wal_pages >= c->wal_next_push) {
		mode = SQLITE_CHECKPOINT_RESTART;
		c->wal_next_push = c->wal_pages + WAL_BOUND_PAGES;
		sqlite3_busy_timeout(c->db, WAL_CROWDED_WAIT_MS);
	}
	code = sqlite3_wal_checkpoint_v2(c->db, NULL, mode, NULL, NULL);
	if (mode != SQLITE_CHECKPOINT_PASSIVE) {
		sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
		if (code != SQLITE_OK && c->wal_pages >= WAL_ALARM_PAGES)
			log_warn("database log grows, a reader stays in it: pages=%lld",
			    (long long)c->wal_pages);
	}
	if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
		return;
	sqlite_error(c, code, "checkpoint failed", &err);
	log_error("%s", err.text);
}

/* The log to the disk, outside the lock: concurrent callers share what the disk does. */
static enum rc sync_log(struct sqlite_conn *c, struct err *err)
{
	int code = sqlite_log_sync(c);

	if (code == SQLITE_OK)
		return RC_OK;
	c->broken = true;
	return err_set(err, RC_DB, "sync of the database log failed: %s", sqlite3_errstr(code));
}

static enum rc sq_sync(void *conn, struct err *err)
{
	return sync_log(conn, err);
}

static enum rc sq_commit(void *conn, bool durable, struct err *err)
{
	struct sqlite_conn *c = conn;
	int code = run(c->commit);
	enum rc rc;

	if (code != SQLITE_OK) {
		rc = sqlite_error(c, code, "commit failed", err);
		sq_rollback(c);
		return rc;
	}
	if (c->wal_new && c->wal_pages >= WAL_BOUND_PAGES)
		fold(c);
	leave(c);
	if (c->broken)
		return err_set(err, RC_DB, "sync of the database failed");
	return durable ? sync_log(c, err) : RC_OK;
}

static enum rc sq_checkpoint(void *conn, struct err *err)
{
	struct sqlite_conn *c = conn;
	enum rc rc = enter(c, __FILE__, __LINE__, err);
	int code;

	if (rc != RC_OK)
		return rc;
	sqlite3_busy_timeout(c->db, CHECKPOINT_WAIT_MS);
	code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
	leave(c);
	return code == SQLITE_OK ? RC_OK : sqlite_error(c, code, "checkpoint failed", err);
}

static enum rc sq_script(void *conn, const char *text, struct err *err)
{
	struct sqlite_conn *c = conn;
	int code = sqlite3_exec(c->db, text, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		return sqlite_error(c, code, "script failed", err);
	if (sqlite3_get_autocommit(c->db))
		return err_set(err, RC_DB, "script ended its transaction");
	return RC_OK;
}

static int64_t sq_lease_clock_ms(void *conn)
{
	(void)conn;
	return clock_boot_ms();
}

static bool sq_broken(void *conn)
{
	return ((struct sqlite_conn *)conn)->broken;
}

const struct db_engine db_engine_sqlite = {
    .name = "sqlite",
    .dialect = SQL_FOR_SQLITE,
    .open = sq_open,
    .close = sq_close,
    .begin = sq_begin,
    .begin_read = sq_begin_read,
    .commit = sq_commit,
    .sync = sq_sync,
    .rollback = sq_rollback,
    .prepare = sq_prepare,
    .finalize = sq_finalize,
    .writes = sq_writes,
    .parameters = sq_parameters,
    .bind = sq_bind,
    .step = sq_step,
    .reset = sq_reset,
    .changes = sq_changes,
    .column_int = sq_column_int,
    .column_text = sq_column_text,
    .column_null = sq_column_null,
    .script = sq_script,
    .lease_clock_ms = sq_lease_clock_ms,
    .checkpoint = sq_checkpoint,
    .copy = sq_copy,
    .broken = sq_broken,
};
