/*
 * Seeding: figures that agree with the rows, the same jobs for the same start, again and again.
 */
#include "t/unit/db_fixture.h"

#include <sqlite3.h>

#include "core/seed.h"

static const struct seed_options finished = {.count = 700, .start_ms = INT64_C(1790000000000)};

static void seed(const struct seed_options *o)
{
	struct err err = {0};
	struct db *db = fixture_open();

	must(seed_run(db, &scope_local, o, &err));
	db_close(db);
}

/* The first column of the first row as text; static storage. */
static const char *ask(const char *sql)
{
	static char answer[4096];
	sqlite3 *raw;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(fixture_path, &raw), SQLITE_OK);
	if (sqlite3_prepare_v2(raw, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
	answer[0] = '\0';
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0))
		snprintf(answer, sizeof answer, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(raw);
	return answer;
}

/* Counters against rows, either way round; lanes against rows; every name findable; no orphans. */
static void assert_consistent(void)
{
	static const char *const none[] = {
	    "SELECT * FROM (SELECT project_id, status, job_type, COUNT(*) FROM jobs GROUP BY 1, 2, "
	    "3"
	    " EXCEPT SELECT project_id, status, job_type, n FROM counters)",
	    "SELECT * FROM (SELECT project_id, status, job_type, n FROM counters WHERE n != 0"
	    " EXCEPT SELECT project_id, status, job_type, COUNT(*) FROM jobs GROUP BY 1, 2, 3)",
	    "SELECT * FROM (SELECT org_id, job_type, COUNT(*) FROM jobs WHERE ready = 1 GROUP BY "
	    "1, 2"
	    " EXCEPT SELECT org_id, job_type, pending FROM lanes)",
	    "SELECT * FROM lanes WHERE running != 0",
	    "SELECT id FROM jobs WHERE id NOT IN (SELECT job_id FROM job_statuses)",
	    "SELECT id FROM jobs WHERE id <= (SELECT MAX(rowid) FROM job_search)"
	    " EXCEPT SELECT rowid FROM job_search",
	    "SELECT COUNT(*) FROM jobs WHERE id > (SELECT MAX(rowid) FROM job_search)"
	    " HAVING COUNT(*) > 63",
	    "SELECT id FROM jobs WHERE completed_at < started_at OR started_at < created_at",
	    "SELECT id FROM files",
	    "SELECT \"table\" FROM pragma_foreign_key_check",
	};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (*ask(none[i]))
			fail_msg("%s", none[i]);
	assert_string_equal(ask("PRAGMA integrity_check"), "ok");
}

static void figures_agree_with_the_rows(void **state)
{
	static const struct seed_options pending = {.count = 30, .pending_type = "demo"};

	(void)state;
	seed(&finished);
	assert_string_equal(ask("SELECT COUNT(*) FROM jobs"), "700");
	assert_string_equal(ask("SELECT COUNT(DISTINCT status) FROM jobs"), "3");
	assert_string_equal(ask("SELECT COUNT(DISTINCT job_type) FROM jobs"), "3");
	assert_consistent();
	seed(&finished);
	seed(&pending);
	assert_string_equal(ask("SELECT COUNT(*) FROM jobs"), "1430");
	assert_string_equal(ask("SELECT pending FROM lanes WHERE job_type = 'demo'"), "30");
	assert_consistent();
}

static void the_same_start_gives_the_same_jobs(void **state)
{
	static const char digest[] = "SELECT group_concat(uuid || name || status || created_at || "
				     "COALESCE(result, error, '-'))"
				     " FROM (SELECT * FROM jobs WHERE id % 37 = 0 ORDER BY id)";
	char first[4096];

	(void)state;
	seed(&finished);
	snprintf(first, sizeof first, "%s", ask(digest));
	assert_true(strlen(first) > 1000);
	fixture_remove();
	assert_int_equal(fixture_set_up(NULL), 0);
	seed(&finished);
	assert_string_equal(ask(digest), first);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(figures_agree_with_the_rows),
	    FRESH(the_same_start_gives_the_same_jobs),
	};

	return cmocka_run_group_tests_name("seed", tests, NULL, NULL);
}
