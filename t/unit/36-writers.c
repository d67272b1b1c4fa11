/*
 * Eight writers, one that does nothing but checkpoint, two readers, some killed: nothing
 * acknowledged is lost, nothing is half there, the log keeps its bound.
 */
#include "t/unit/db_fixture.h"

#include <sqlite3.h>
#include <sys/mman.h>

#define WRITERS 8
#define COMMITS 250
#define VALUE_SIZE 3001
#define LOG_BOUND (24 << 20) /* the bound of core/db_sqlite.c, the largest transaction, and slack \
			      */

/* What each writer was told is committed; shared, so that it outlives a killed one. */
static struct {
	volatile int acknowledged[WRITERS];
	volatile bool over;
} * shared;

static void value_of(int writer, int n, char out[static VALUE_SIZE])
{
	int len = snprintf(out, 40, "writer %d commit %d", writer, n);

	memset(out + len, 'a' + (writer * 7 + n) % 26, (size_t)(VALUE_SIZE - 1 - len));
	out[VALUE_SIZE - 1] = '\0';
}

/* Each commit has two rows that belong together: the n-th of this writer, and its last. */
static void write_part(void *arg)
{
	int writer = (int)(intptr_t)arg;
	struct db *db = fixture_open();
	struct err err = {0};
	char key[32], value[VALUE_SIZE];

	for (int n = 1; n <= COMMITS; n++) {
		value_of(writer, n, value);
		must(db_begin(db, &err));
		snprintf(key, sizeof key, "w%d-%d", writer, n);
		put(db, key, value);
		snprintf(key, sizeof key, "w%d-last", writer);
		put(db, key, value);
		must(n % 8 ? db_commit(db, &err) : db_commit_durable(db, &err));
		shared->acknowledged[writer] = n;
	}
	db_close(db);
}

static void checkpoint_part(void *arg)
{
	struct db *db = fixture_open();
	struct err err = {0};

	(void)arg;
	while (!shared->over) {
		enum rc rc = db_checkpoint(db, &err);

		/* Readers may be in the way of emptying the log. */
		if (rc != RC_BUSY)
			must(rc);
		usleep(4000);
	}
	db_close(db);
}

/* In one snapshot the last row of every writer is the one before the next that is missing. */
static void read_part(void *arg)
{
	struct db *db = fixture_open();
	struct err err = {0};

	(void)arg;
	while (!shared->over)
		for (int w = 0; w < WRITERS; w++) {
			char key[32], expected[VALUE_SIZE], *last, *row;
			int n = 0;

			must(db_begin_read(db, &err));
			snprintf(key, sizeof key, "w%d-last", w);
			last = get(db, key);
			if (last && sscanf(last, "writer %*d commit %d", &n) != 1)
				abort();
			value_of(w, n, expected);
			if (last && strcmp(last, expected) != 0)
				abort();
			snprintf(key, sizeof key, "w%d-%d", w, n + 1);
			row = get(db, key);
			if (row)
				abort();
			must(db_commit(db, &err));
			free(last);
			usleep(300);
		}
	db_close(db);
}

static off_t log_bytes(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s-wal", fixture_path);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

static void check_integrity(void)
{
	sqlite3 *raw;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(fixture_path, &raw), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(raw, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
	sqlite3_finalize(s);
	sqlite3_close(raw);
}

/* Every acknowledged commit is there as it was written; at most the one under way is there too. */
static void check_rows(void)
{
	struct db *db = fixture_open();
	char key[32], expected[VALUE_SIZE];

	for (int w = 0; w < WRITERS; w++) {
		int last = shared->acknowledged[w];
		char *more;

		snprintf(key, sizeof key, "w%d-%d", w, last + 1);
		more = get(db, key);
		if (more)
			last++;
		free(more);
		for (int n = 1; n <= last; n++) {
			snprintf(key, sizeof key, "w%d-%d", w, n);
			value_of(w, n, expected);
			assert_setting(db, key, expected);
		}
		snprintf(key, sizeof key, "w%d-%d", w, last + 1);
		assert_setting(db, key, NULL);
		if (last == 0)
			continue;
		snprintf(key, sizeof key, "w%d-last", w);
		value_of(w, last, expected);
		assert_setting(db, key, expected);
	}
	db_close(db);
}

static void play(int to_kill)
{
	pid_t writers[WRITERS], others[3];
	off_t longest = 0;

	memset((void *)shared, 0, sizeof *shared);
	for (int i = 0; i < 3; i++)
		others[i] = fixture_start(i < 1 ? checkpoint_part : read_part, NULL);
	for (int i = 0; i < WRITERS; i++)
		writers[i] = fixture_start(write_part, (void *)(intptr_t)i);
	for (int i = 0; i < to_kill; i++) {
		while (shared->acknowledged[i] < (i + 1) * COMMITS / (to_kill + 1)) {
			usleep(200);
			longest = log_bytes() > longest ? log_bytes() : longest;
		}
		kill(writers[i], SIGKILL);
		fixture_wait(writers[i]);
	}
	for (int i = to_kill; i < WRITERS; i++) {
		assert_int_equal(fixture_wait(writers[i]), 0);
		assert_int_equal(shared->acknowledged[i], COMMITS);
		longest = log_bytes() > longest ? log_bytes() : longest;
	}
	shared->over = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(fixture_wait(others[i]), 0);
	assert_true(longest > 0);
	assert_true(longest < LOG_BOUND);
	check_rows();
	check_integrity();
}

static void everything_acknowledged_is_there(void **state)
{
	(void)state;
	play(0);
}

static void killed_writers_take_nothing_along(void **state)
{
	(void)state;
	play(3);
}

static int set_up(void **state)
{
	shared =
	    mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? -1 : fixture_set_up(state);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(everything_acknowledged_is_there),
	    FRESH(killed_writers_take_nothing_along),
	};

	return cmocka_run_group_tests_name("writers", tests, NULL, NULL);
}
