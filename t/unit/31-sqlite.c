/*
 * The SQLite engine's own promises: settings, modes, parameters, the lock, syncs, migrations.
 */
#include "t/unit/db_fixture.h"

#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "core/db_engine.h"
#include "core/seed.h"
#include "t/unit/sqlite_shim.h"

/* In place of the C library's: the kernel's answer, or that of a network filesystem. */
static long pretended_type;

int statfs(const char *path, struct statfs *out)
{
	int r = (int)syscall(SYS_statfs, path, out);

	if (r == 0 && pretended_type)
		out->f_type = pretended_type;
	return r;
}

static sqlite3 *open_raw(void)
{
	sqlite3 *raw;

	if (sqlite3_open(fixture_path, &raw) != SQLITE_OK)
		abort();
	return raw;
}

static void raw_exec(sqlite3 *raw, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(raw, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

static off_t log_bytes(void)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof path, "%s-wal", fixture_path);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static void files_are_shared_with_the_group(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-next.lock", "-cur.lock"};
	struct db *db;
	struct stat st;
	char path[128];

	(void)state;
	/* Files of an earlier time are mended. */
	assert_int_equal(chmod(fixture_path, 0644), 0);
	db = fixture_open();
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		snprintf(path, sizeof path, "%s%s", fixture_path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
	}
	db_close(db);
}

static void network_filesystems_are_refused(void **state)
{
	static const long types[] = {
	    NFS_SUPER_MAGIC, (long)SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC, CEPH_SUPER_MAGIC};
	struct err err = {0};
	struct db *db;

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		pretended_type = types[i];
		assert_int_equal(db_open(&fixture_config, &db, &err), RC_INVALID);
		assert_non_null(strstr(err.text, "network filesystem"));
		assert_null(db);
	}
	pretended_type = TMPFS_MAGIC;
	db_close(fixture_open());
	pretended_type = 0;
}

/* What prepare makes of a text: RC_OK, or the message. */
static const char *prepared(void *conn, const char *text)
{
	static struct err err;
	void *stmt;

	if (db_engine_sqlite.prepare(conn, text, &stmt, &err) != RC_OK)
		return err.text;
	db_engine_sqlite.finalize(stmt);
	return "";
}

static void only_numbered_parameters_are_prepared(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"SELECT $1", true},
	    {"SELECT $2, $1, $2, $3", true},
	    {"SELECT '$9', \"name\" FROM projects WHERE id = $1 -- $8", true},
	    {"SELECT 1 ;\n", true},
	    {"SELECT ?", false},
	    {"SELECT ?1", false},
	    {"SELECT :a", false},
	    {"SELECT @a", false},
	    {"SELECT $a", false},
	    {"SELECT $0", false},
	    {"SELECT $2", false},
	    {"SELECT $1, $3", false},
	    {"SELECT $1, $01", false},
	    {"SELECT $1::bigint", false},
	    {"SELECT $1, $1::bigint", false},
	    {"SELECT $1, ?2", false},
	    {"SELECT 1; SELECT 2", false},
	    {"", false},
	    {"-- nothing", false},
	    {"SELECT \"no such column\"", false},
	    {"PRAGMA writable_schema = 1; SELECT 1", false},
	};
	struct err err = {0};
	void *conn;

	(void)state;
	must(db_engine_sqlite.open(&fixture_config, false, &conn, &err));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!*prepared(conn, cases[i].text) != cases[i].good)
			fail_msg("%s: %s", cases[i].text, prepared(conn, cases[i].text));
	db_engine_sqlite.close(conn);
}

/* ---- the lock ---------------------------------------------------------------------------------
 */

static int to_test[2], to_part[2];

static void open_pipes(void)
{
	if (pipe2(to_test, 02000000) || pipe2(to_part, 02000000))
		abort();
}

static void close_pipes(void)
{
	close(to_test[0]), close(to_test[1]), close(to_part[0]), close(to_part[1]);
}

static int block_once(void)
{
	shim.at_log_sync = NULL;
	signal_go(to_test[1]);
	if (!wait_go(to_part[0], 20000))
		_exit(9);
	return SQLITE_OK;
}

static void commit_durably(void *arg)
{
	struct err err = {0};
	struct db *db = fixture_open();

	(void)arg;
	must(db_begin(db, &err));
	put(db, "durable", "1");
	shim.at_log_sync = block_once;
	must(db_commit_durable(db, &err));
	db_close(db);
}

/* While one waits for the disk, others commit: that is what lets them share a sync. */
static void a_durable_commit_syncs_after_the_lock(void **state)
{
	struct err err = {0};
	struct db *db;
	pid_t pid;

	(void)state;
	open_pipes();
	pid = fixture_start(commit_durably, NULL);
	assert_true(wait_go(to_test[0], 20000));
	db = fixture_open();
	assert_setting(db, "durable", "1");
	must(db_begin(db, &err));
	put(db, "meanwhile", "1");
	must(db_commit(db, &err));
	signal_go(to_part[1]);
	assert_int_equal(fixture_wait(pid), 0);
	db_close(db);
	close_pipes();
}

static int syncs;

static int count_sync(void)
{
	syncs++;
	return SQLITE_OK;
}

static void only_durable_commits_sync(void **state)
{
	struct db *db = fixture_open();
	struct err err = {0};

	(void)state;
	/* The first write of a new log syncs its head. */
	must(db_begin(db, &err));
	put(db, "first", "1");
	must(db_commit(db, &err));
	shim.at_log_sync = count_sync;
	syncs = 0;
	must(db_begin(db, &err));
	put(db, "plain", "1");
	must(db_commit(db, &err));
	assert_int_equal(syncs, 0);
	must(db_begin(db, &err));
	put(db, "durable", "1");
	must(db_commit_durable(db, &err));
	assert_int_equal(syncs, 1);
	/* Nothing changed here, but what others committed before becomes durable as well. */
	must(db_begin(db, &err));
	must(db_commit_durable(db, &err));
	assert_int_equal(syncs, 2);
	shim.at_log_sync = NULL;
	db_close(db);
}

static int fail_sync(void)
{
	return SQLITE_IOERR_FSYNC;
}

static void use_after_failed_sync(void *arg)
{
	struct db *db = fixture_open();
	struct db_cursor cur;
	struct err err = {0};

	must(db_begin(db, &err));
	put(db, "lost", "1");
	shim.at_log_sync = fail_sync;
	if (db_commit_durable(db, &err) != RC_DB || !strstr(err.text, "sync") || !db_broken(db))
		_exit(8);
	shim.at_log_sync = NULL;
	fixture_hush();
	if (arg)
		db_begin(db, &err);
	else
		db_query(db, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
	_exit(7);
}

static void after_a_failed_sync_the_process_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int status = fixture_wait(fixture_start(use_after_failed_sync, i ? &syncs : NULL));

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* A transaction long enough for a checkpoint: some 1,250 pages. */
static enum rc write_much(struct db *db, struct err *err)
{
	static int calls;
	char key[24], value[4096];

	/* Another text each time: what does not differ is not written. */
	memset(value, 'a' + calls++ % 26, sizeof value);
	value[sizeof value - 1] = '\0';
	must_at(db_begin(db, err), err, "begin", __FILE__, __LINE__);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "much-%d", i);
		put(db, key, value);
	}
	return db_commit(db, err);
}

static void fail_a_checkpoint(void *arg)
{
	struct err err = {0};
	struct db *db = fixture_open();

	(void)arg;
	shim.at_database_sync = fail_sync;
	fixture_hush();
	if (write_much(db, &err) != RC_DB || !db_broken(db))
		_exit(8);
	_exit(3);
}

static void a_checkpoint_that_cannot_sync_breaks_the_connection(void **state)
{
	int status = fixture_wait(fixture_start(fail_a_checkpoint, NULL));
	struct db *db;
	char *value;

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	db = fixture_open();
	value = get(db, "much-999");
	assert_non_null(value);
	assert_int_equal(strlen(value), 4095);
	free(value);
	db_close(db);
}

static void a_full_log_is_checkpointed_with_both_syncs(void **state)
{
	struct db *db = fixture_open();
	struct err err = {0};
	off_t after_one;

	(void)state;
	syncs = 0;
	shim.at_database_sync = count_sync;
	must(write_much(db, &err));
	assert_int_equal(syncs, 1);
	after_one = log_bytes();
	assert_true(after_one > 1000 * 4096);
	for (int i = 0; i < 10; i++)
		must(write_much(db, &err));
	shim.at_database_sync = NULL;
	assert_true(syncs >= 10);
	assert_true(log_bytes() <= after_one + 100 * 4120);
	must(db_checkpoint(db, &err));
	assert_int_equal(log_bytes(), 0);
	db_close(db);
}

/* Nobody but the turnstile's holder checkpoints: not at close, not by SQLite's own rule. */
static void closing_leaves_the_log(void **state)
{
	struct db *db = fixture_open();
	struct err err = {0};

	(void)state;
	must(db_begin(db, &err));
	put(db, "a", "1");
	must(db_commit(db, &err));
	assert_true(log_bytes() > 0);
	db_close(db);
	assert_true(log_bytes() > 0);
	db = fixture_open();
	assert_setting(db, "a", "1");
	db_close(db);
}

/* A reader that stays in the log keeps it from starting anew; when it leaves, it shrinks again. */
static void the_log_outgrows_a_reader_and_recovers(void **state)
{
	struct db *db = fixture_open(), *reader;
	struct err err = {0};
	off_t grown;

	(void)state;
	must(write_much(db, &err));
	must(db_begin(db, &err));
	put(db, "in the log", "1");
	must(db_commit(db, &err));
	reader = fixture_open();
	must(db_begin_read(reader, &err));
	assert_setting(reader, "in the log", "1");
	for (int i = 0; i < 12; i++)
		must(write_much(db, &err));
	grown = log_bytes();
	assert_true(grown > 12 * 1000 * 4096);
	assert_setting(reader, "in the log", "1");
	must(db_commit(reader, &err));
	for (int i = 0; i < 3; i++)
		must(write_much(db, &err));
	/* journal_size_limit cuts it when it starts anew. */
	assert_true(log_bytes() <= (16 << 20) + 4120);
	assert_true(log_bytes() < grown);
	db_close(reader);
	db_close(db);
}

static void a_stranger_who_writes_makes_us_busy(void **state)
{
	struct db *db = fixture_open();
	sqlite3 *raw = open_raw();
	struct err err = {0};

	(void)state;
	raw_exec(raw, "BEGIN IMMEDIATE");
	assert_int_equal(db_begin(db, &err), RC_BUSY);
	raw_exec(raw, "ROLLBACK");
	must(db_begin(db, &err));
	must(db_commit(db, &err));
	sqlite3_close(raw);
	db_close(db);
}

static void write_and_hang(void *arg)
{
	struct err err = {0};
	struct db *db = fixture_open();

	(void)arg;
	must(db_begin(db, &err));
	put(db, "half", "done");
	signal_go(to_test[1]);
	pause();
}

static void a_killed_writer_leaves_nothing_behind(void **state)
{
	struct err err = {0};
	struct db *db;
	pid_t pid;

	(void)state;
	open_pipes();
	pid = fixture_start(write_and_hang, NULL);
	assert_true(wait_go(to_test[0], 20000));
	kill(pid, SIGKILL);
	fixture_wait(pid);
	db = fixture_open();
	must(db_begin(db, &err));
	assert_setting(db, "half", NULL);
	must(db_commit(db, &err));
	db_close(db);
	close_pipes();
}

/* ---- migrations -------------------------------------------------------------------------------
 */

static void a_missing_database_is_not_made_by_open(void **state)
{
	struct err err = {0};
	struct db *db;

	(void)state;
	fixture_make_dir();
	assert_int_equal(db_open(&fixture_config, &db, &err), RC_NOTFOUND);
	assert_non_null(strstr(err.text, "run 'dropmill migrate'"));
	assert_int_equal(access(fixture_path, F_OK), -1);
	fixture_remove();
}

static void another_schema_is_refused(void **state)
{
	struct err err = {0};
	struct db *db;
	sqlite3 *raw = open_raw();
	int applied;

	(void)state;
	raw_exec(raw, "INSERT INTO schema_migrations VALUES (9999, 'later', 0)");
	assert_int_equal(db_open(&fixture_config, &db, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "newer dropmill"));
	assert_int_equal(migrate_run(&fixture_config, &applied, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "newer dropmill"));
	raw_exec(raw, "DELETE FROM schema_migrations");
	assert_int_equal(db_open(&fixture_config, &db, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "run 'dropmill migrate'"));
	sqlite3_close(raw);
}

static void a_failing_migration_changes_nothing(void **state)
{
	struct err err = {0};
	sqlite3 *raw;
	int applied;

	(void)state;
	fixture_make_dir();
	raw = open_raw();
	/* A table of the first migration is there already. */
	raw_exec(raw, "CREATE TABLE settings (x)");
	assert_int_equal(migrate_run(&fixture_config, &applied, &err), RC_DB);
	assert_int_equal(applied, 0);
	raw_exec(raw, "CREATE TABLE orgs (x); CREATE TABLE schema_migrations (x)");
	sqlite3_close(raw);
	fixture_remove();
}

static void migrating_again_does_nothing(void **state)
{
	struct err err = {0};
	int applied = -1;

	(void)state;
	must(migrate_run(&fixture_config, &applied, &err));
	assert_int_equal(applied, 0);
}

static void several_may_migrate_at_once(void **state)
{
	pid_t pids[6];

	(void)state;
	fixture_make_dir();
	for (int i = 0; i < 6; i++)
		pids[i] = fixture_start(fixture_migrate, NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(fixture_wait(pids[i]), 0);
	db_close(fixture_open());
	fixture_remove();
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(files_are_shared_with_the_group),
	    FRESH(network_filesystems_are_refused),
	    FRESH(only_numbered_parameters_are_prepared),
	    FRESH(a_durable_commit_syncs_after_the_lock),
	    FRESH(only_durable_commits_sync),
	    FRESH(after_a_failed_sync_the_process_ends),
	    FRESH(a_checkpoint_that_cannot_sync_breaks_the_connection),
	    FRESH(a_full_log_is_checkpointed_with_both_syncs),
	    FRESH(closing_leaves_the_log),
	    FRESH(the_log_outgrows_a_reader_and_recovers),
	    FRESH(a_stranger_who_writes_makes_us_busy),
	    FRESH(a_killed_writer_leaves_nothing_behind),
	    cmocka_unit_test(a_missing_database_is_not_made_by_open),
	    FRESH(another_schema_is_refused),
	    cmocka_unit_test(a_failing_migration_changes_nothing),
	    FRESH(migrating_again_does_nothing),
	    cmocka_unit_test(several_may_migrate_at_once),
	};

	shim_install();
	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
