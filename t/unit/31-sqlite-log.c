/*
 * The log file: what a commit appends is one write, and is what SQLite would have written.
 */
#include "t/unit/db_fixture.h"

#include <fcntl.h>

#include "t/unit/sqlite_shim.h"

#define FRAME_BYTES (24 + 4096)
#define VALUE_SIZE 4001 /* a page each */
/* More than the cache holds, and few enough that the commit does not fold the log. */
#define ROWS 600

static int writes, bytes, failing;

static int count_write(int size, sqlite3_int64 offset)
{
	(void)offset;
	writes++;
	bytes += size;
	return writes == failing ? SQLITE_FULL : SQLITE_OK;
}

static void watch(int fail_at)
{
	writes = bytes = 0;
	failing = fail_at;
	shim.at_log_write = count_write;
}

static void put_row(struct db *db, int row, int generation)
{
	char key[16], value[VALUE_SIZE];

	snprintf(key, sizeof key, "row-%d", row);
	memset(value, 'a' + (row + generation) % 26, sizeof value - 1);
	value[VALUE_SIZE - 1] = '\0';
	put(db, key, value);
}

static void commit_rows(struct db *db, int n, int generation)
{
	struct err err = {0};

	must(db_begin(db, &err));
	for (int i = 0; i < n; i++)
		put_row(db, i, generation);
	must(db_commit(db, &err));
}

/* A database with all rows, and a log with next to nothing: its first commit asks for its size. */
static struct db *open_with_rows(void)
{
	struct db *db = fixture_open();
	struct err err = {0};

	commit_rows(db, ROWS, 0);
	must(db_checkpoint(db, &err));
	must(db_begin(db, &err));
	put(db, "first", "1");
	must(db_commit(db, &err));
	return db;
}

static void copy(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		fail_msg("copy of %s: %s", from, strerror(errno));
	while ((n = read(in, block, sizeof block)) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	close(in);
	close(out);
}

static void read_rows(void *generation)
{
	int expected = *(int *)generation;
	char key[16];
	struct db *db = fixture_open();

	for (int i = 0; i < ROWS; i++) {
		char *value;

		snprintf(key, sizeof key, "row-%d", i);
		value = get(db, key);
		if (!value)
			_exit(i == 0 ? 2 : 3);
		if (strlen(value) != VALUE_SIZE - 1 || *value != 'a' + (i + expected) % 26)
			_exit(4);
		free(value);
	}
	_exit(0);
}

/* The files as a power cut right now would leave them, read by a process that knows no more: exit
 * status of read_rows. No process but those of the test may have the database open. */
static int after_a_cut(int generation)
{
	char log[128], was[96], there[128];
	int status;

	snprintf(log, sizeof log, "%s-wal", fixture_path);
	memcpy(was, fixture_path, sizeof was);
	snprintf(there, sizeof there, "%s/cut.db-wal", fixture_dir);
	copy(log, there);
	snprintf(there, sizeof there, "%s/cut.db", fixture_dir);
	copy(was, there);
	memcpy(fixture_path, there, sizeof was);
	status = fixture_wait(fixture_start(read_rows, &generation));
	memcpy(fixture_path, was, sizeof was);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Everything below happens in a process of its own, since another one reads. */
static void in_a_child(void (*part)(void *), int expected)
{
	int status = fixture_wait(fixture_start(part, NULL));

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void commit_twice(void *unused)
{
	struct db *db = fixture_open();

	(void)unused;
	commit_rows(db, 10, 0);
	watch(0);
	commit_rows(db, 10, 1);
	if (writes != 1 || bytes % FRAME_BYTES || bytes < 10 * FRAME_BYTES)
		_exit(5);
	_exit(0);
}

static void a_commit_is_one_write(void **state)
{
	(void)state;
	in_a_child(commit_twice, 0);
}

static void commit_many(void *unused)
{
	struct db *db = fixture_open();

	(void)unused;
	commit_rows(db, 300, 0);
	watch(0);
	commit_rows(db, 300, 1);
	if (writes < 10 || writes > 20 || bytes < 300 * FRAME_BYTES)
		_exit(5);
	_exit(0);
}

static void a_long_one_is_several(void **state)
{
	(void)state;
	in_a_child(commit_many, 0);
}

/* Begin a transaction that does not fit into the cache: part of it goes to the log at once. */
static void begin_spilled(struct db *db)
{
	struct err err = {0};

	must(db_begin(db, &err));
	for (int i = 0; i < ROWS; i++)
		put_row(db, i, 1);
}

/* Twice the cache: pages go to the log before the commit, are changed again there, and their
 * checksums mended after the last. */
static void commit_spilled(void *unused)
{
	struct db *db = open_with_rows();
	struct err err = {0};

	(void)unused;
	begin_spilled(db);
	for (int i = ROWS - 1; i >= 0; i--)
		put_row(db, i, 2);
	must(db_commit(db, &err));
	_exit(0);
}

static void what_did_not_fit_into_the_cache_is_whole(void **state)
{
	(void)state;
	in_a_child(commit_spilled, 0);
	assert_int_equal(after_a_cut(2), 0);
}

static void roll_back_spilled(void *unused)
{
	struct db *db = open_with_rows();
	struct err err = {0};

	(void)unused;
	begin_spilled(db);
	db_rollback(db);
	/* Shorter than what was rolled back, and in its place. */
	commit_rows(db, 1, 0);
	must(db_begin(db, &err));
	put(db, "other", "1");
	must(db_commit(db, &err));
	read_rows(&(int){0});
}

static void what_was_rolled_back_leaves_nothing(void **state)
{
	(void)state;
	in_a_child(roll_back_spilled, 0);
	assert_int_equal(after_a_cut(0), 0);
}

static int rolled_back[2], committed[2];

/* Rolls back what has gone to the log in part, and reads when another has written in its place. */
static void roll_back_and_read(void *unused)
{
	struct db *db = open_with_rows();

	(void)unused;
	begin_spilled(db);
	db_rollback(db);
	signal_go(rolled_back[1]);
	if (!wait_go(committed[0], 30000))
		_exit(5);
	free(get(db, "row-0"));
	_exit(0);
}

static void commit_after_it(void *unused)
{
	(void)unused;
	if (!wait_go(rolled_back[0], 30000))
		_exit(5);
	commit_rows(fixture_open(), ROWS, 2);
	signal_go(committed[1]);
	_exit(0);
}

static void what_was_rolled_back_spoils_nothing_of_others(void **state)
{
	pid_t first, second;

	(void)state;
	assert_int_equal(pipe(rolled_back), 0);
	assert_int_equal(pipe(committed), 0);
	first = fixture_start(roll_back_and_read, NULL);
	second = fixture_start(commit_after_it, NULL);
	assert_int_equal(fixture_wait(first), 0);
	assert_int_equal(fixture_wait(second), 0);
	assert_int_equal(after_a_cut(2), 0);
}

static void fail_one(void *unused)
{
	struct db *db = open_with_rows();
	struct err err = {0};

	(void)unused;
	for (int at = 1; at <= 3; at++) {
		must(db_begin(db, &err));
		for (int i = 0; i < 80; i++)
			put_row(db, i, 1);
		watch(at);
		if (db_commit(db, &err) != RC_LIMIT)
			_exit(5);
		shim.at_log_write = NULL;
	}
	must(db_begin(db, &err));
	put(db, "other", "1");
	must(db_commit(db, &err));
	read_rows(&(int){0});
}

static void a_full_disk_fails_the_commit(void **state)
{
	(void)state;
	in_a_child(fail_one, 0);
	assert_int_equal(after_a_cut(0), 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(a_commit_is_one_write),
	    FRESH(a_long_one_is_several),
	    FRESH(what_did_not_fit_into_the_cache_is_whole),
	    FRESH(what_was_rolled_back_leaves_nothing),
	    FRESH(what_was_rolled_back_spoils_nothing_of_others),
	    FRESH(a_full_disk_fails_the_commit),
	};

	shim_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
