/*
 * SQLite's lost-commit race, held open so that it happens every time, and what the turnstile does
 * to it.
 *
 * SQLite from 3.7.0 to 3.51.2: a connection that checkpoints reads the head of the log, then works
 * with it. If another connection starts the log anew in between, the first one notes the length of
 * the old log as folded in; rows that are committed to that stretch of the new log are skipped by
 * later checkpoints and lost when it starts anew again. integrity_check has nothing to say.
 *
 * Two parts are played here. The writer fills the log and folds it in; the checkpointer stops in
 * its window; the writer commits, which starts the log anew; the checkpointer goes on; the writer
 * commits what matters, then page after page until the log has the length that was wrongly noted:
 * it starts anew there and takes along what was never folded in. Then every row is compared.
 * Without the turnstile rows are lost, so this test can fail; with it none are.
 */
#include "t/unit/db_fixture.h"

#include "core/turnstile.h"
#include "t/unit/sqlite_shim.h"

#define ROWS 1000
#define VALUE_SIZE 4001 /* a page each, so that the log passes core/db_sqlite.c's bound */
#define LAPS 2000       /* more than pages in the log */

enum way {
	WITHOUT,            /* two connections as SQLite would have them */
	WITH_PASSIVE,       /* the writer is core/db.c; a passive checkpoint within the turnstile */
	WITH_DB_CHECKPOINT, /* both are core/db.c */
};

static enum way way;
static int to_writer[2], to_checkpointer[2];

static sqlite3 *open_raw(void)
{
	sqlite3 *raw;

	/* Both parts open at once, and one of them recovers the log: the other waits. */
	if (sqlite3_open(fixture_path, &raw) != SQLITE_OK ||
	    sqlite3_busy_timeout(raw, 5000) != SQLITE_OK ||
	    sqlite3_exec(raw, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF", NULL, NULL,
		NULL) != SQLITE_OK)
		abort();
	sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return raw;
}

static void raw_exec(sqlite3 *raw, const char *sql)
{
	if (sqlite3_exec(raw, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "# %s: %s\n", sql, sqlite3_errmsg(raw));
		abort();
	}
}

/* What a row holds after so many writes: a page that says which, so that a lost one shows. Row 0 is
 * short and of one length, so that writing it adds one page to the log. */
static void value_of(int row, int generation, char out[static VALUE_SIZE])
{
	int n = snprintf(out, 40, "row %04d generation %04d", row, generation);

	if (row == 0)
		return;
	memset(out + n, 'a' + (row + generation) % 26, (size_t)(VALUE_SIZE - 1 - n));
	out[VALUE_SIZE - 1] = '\0';
}

/* ---- the writer, either way ---------------------------------------------------------------------
 */

struct writer {
	struct db *db;
	sqlite3 *raw;
	sqlite3_stmt *put;
};

static struct writer writer_open(void)
{
	struct writer w = {0};

	if (way != WITHOUT) {
		w.db = fixture_open();
		return w;
	}
	w.raw = open_raw();
	if (sqlite3_prepare_v2(w.raw, db_sql_text(SQL_SETTING_PUT), -1, &w.put, NULL) != SQLITE_OK)
		abort();
	return w;
}

static void writer_close(struct writer *w)
{
	db_close(w->db);
	sqlite3_finalize(w->put);
	sqlite3_close(w->raw);
}

static void writer_put(struct writer *w, int row, int generation)
{
	char key[16], value[VALUE_SIZE];

	snprintf(key, sizeof key, "row-%d", row);
	value_of(row, generation, value);
	if (w->db) {
		put(w->db, key, value);
		return;
	}
	sqlite3_bind_text(
	    w->put, sqlite3_bind_parameter_index(w->put, "$1"), key, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(
	    w->put, sqlite3_bind_parameter_index(w->put, "$2"), value, -1, SQLITE_TRANSIENT);
	if (sqlite3_step(w->put) != SQLITE_DONE)
		abort();
	sqlite3_reset(w->put);
}

/* One transaction writing rows first to last. */
static void writer_commit(struct writer *w, int first, int last, int generation)
{
	struct err err = {0};

	if (w->db)
		must(db_begin(w->db, &err));
	else
		raw_exec(w->raw, "BEGIN IMMEDIATE");
	for (int row = first; row <= last; row++)
		writer_put(w, row, generation);
	if (w->db)
		must(db_commit(w->db, &err));
	else
		raw_exec(w->raw, "COMMIT");
}

/* core/db.c folds the log in by itself when it has passed the bound. */
static void writer_checkpoint(struct writer *w)
{
	if (w->raw)
		sqlite3_wal_checkpoint_v2(w->raw, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void wait_long(int fd)
{
	if (!wait_go(fd, 30000))
		abort();
}

static void write_part(void *arg)
{
	struct writer w = writer_open();

	(void)arg;
	/* The log is past every bound and folded in: the next commit starts it anew. */
	writer_commit(&w, 1, ROWS, 1);
	writer_checkpoint(&w);
	signal_go(to_checkpointer[1]);
	wait_long(to_writer[0]);
	/* The window is open. With the turnstile this waits until it is closed. */
	writer_commit(&w, 1, 20, 2);
	signal_go(to_checkpointer[1]);
	wait_long(to_writer[0]);
	writer_commit(&w, 101, 200, 3);
	for (int lap = 0; lap < LAPS; lap++) {
		writer_commit(&w, 0, 0, lap);
		writer_checkpoint(&w);
	}
	writer_close(&w);
}

/* ---- the checkpointer ---------------------------------------------------------------------------
 */

static bool window_was_open;

/* In the window: let the writer go, and wait for it. It does not come if the turnstile keeps it
 * out. */
static void in_window(void)
{
	window_was_open = true;
	signal_go(to_writer[1]);
	if (wait_go(to_checkpointer[0], way == WITHOUT ? 30000 : 300) != (way == WITHOUT))
		_exit(5);
}

static void passive_checkpoint(sqlite3 *raw)
{
	shim.in_checkpoint = in_window;
	if (sqlite3_wal_checkpoint_v2(raw, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) !=
	    SQLITE_OK)
		abort();
}

static void checkpoint_part(void *arg)
{
	struct turnstile t;
	struct err err = {0};
	sqlite3 *raw = NULL;
	struct db *db = NULL;

	(void)arg;
	/* What it has read of the log is out of date when its turn comes. */
	if (way == WITH_DB_CHECKPOINT) {
		db = fixture_open();
		free(get(db, "row-1"));
	} else {
		raw = open_raw();
		raw_exec(raw, "SELECT COUNT(*) FROM settings");
		must(turnstile_open(&t, fixture_path, &err));
	}
	wait_long(to_checkpointer[0]);
	if (way == WITH_DB_CHECKPOINT) {
		shim.in_checkpoint = in_window;
		must(db_checkpoint(db, &err));
	} else if (way == WITH_PASSIVE) {
		must(turnstile_enter(&t, &err));
		passive_checkpoint(raw);
		turnstile_leave(&t);
	} else {
		passive_checkpoint(raw);
	}
	signal_go(to_writer[1]);
	if (!window_was_open)
		_exit(6);
}

/* ---- what is left -------------------------------------------------------------------------------
 */

static int generation_of(int row)
{
	if (row == 0)
		return LAPS - 1;
	if (row <= 20)
		return 2;
	return row >= 101 && row <= 200 ? 3 : 1;
}

static bool row_is(sqlite3_stmt *s, int row)
{
	char key[16], value[VALUE_SIZE];
	bool same;

	snprintf(key, sizeof key, "row-%d", row);
	value_of(row, generation_of(row), value);
	sqlite3_bind_text(s, 1, key, -1, SQLITE_TRANSIENT);
	same = sqlite3_step(s) == SQLITE_ROW &&
	       strcmp((const char *)sqlite3_column_text(s, 0), value) == 0;
	sqlite3_reset(s);
	return same;
}

/* Rows that are not what was committed. Read once the parts are over, on a connection of its own.
 */
static int rows_lost(char integrity[static 64])
{
	sqlite3 *raw = open_raw();
	sqlite3_stmt *s;
	int lost = 0;

	assert_int_equal(
	    sqlite3_prepare_v2(raw, "SELECT value FROM settings WHERE key = ?", -1, &s, NULL),
	    SQLITE_OK);
	for (int row = 0; row <= ROWS; row++)
		lost += !row_is(s, row);
	sqlite3_finalize(s);
	assert_int_equal(
	    sqlite3_prepare_v2(raw, "PRAGMA integrity_check(1)", -1, &s, NULL), SQLITE_OK);
	snprintf(integrity, 64, "%s",
	    sqlite3_step(s) == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "");
	sqlite3_finalize(s);
	sqlite3_close(raw);
	return lost;
}

static int play(enum way which, char integrity[static 64])
{
	pid_t writer, checkpointer;

	way = which;
	if (pipe2(to_writer, 02000000) || pipe2(to_checkpointer, 02000000))
		abort();
	checkpointer = fixture_start(checkpoint_part, NULL);
	writer = fixture_start(write_part, NULL);
	assert_int_equal(fixture_wait(checkpointer), 0);
	assert_int_equal(fixture_wait(writer), 0);
	close(to_writer[0]), close(to_writer[1]), close(to_checkpointer[0]),
	    close(to_checkpointer[1]);
	return rows_lost(integrity);
}

static void without_the_turnstile_rows_are_lost(void **state)
{
	char integrity[64];
	int lost = play(WITHOUT, integrity);

	(void)state;
	print_message(
	    "# SQLite %s without the turnstile: %d of %d rows lost, integrity_check: %s\n",
	    sqlite3_libversion(), lost, ROWS, integrity);
	if (sqlite3_libversion_number() < 3051003)
		assert_true(lost > 0);
	else
		assert_int_equal(lost, 0);
}

static void a_checkpoint_within_the_turnstile_loses_nothing(void **state)
{
	char integrity[64];

	(void)state;
	assert_int_equal(play(WITH_PASSIVE, integrity), 0);
	assert_string_equal(integrity, "ok");
}

static void db_checkpoint_loses_nothing(void **state)
{
	char integrity[64];

	(void)state;
	assert_int_equal(play(WITH_DB_CHECKPOINT, integrity), 0);
	assert_string_equal(integrity, "ok");
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(without_the_turnstile_rows_are_lost),
	    FRESH(a_checkpoint_within_the_turnstile_loses_nothing),
	    FRESH(db_checkpoint_loses_nothing),
	};

	shim_install();
	return cmocka_run_group_tests_name("wal-race", tests, NULL, NULL);
}
