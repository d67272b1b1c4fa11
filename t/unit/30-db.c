/*
 * The contract of core/db.h, whatever the engine: transactions, values, cursors, errors, misuse.
 */
#include "t/unit/db_fixture.h"

#include "core/db_engine.h"
#include "core/job.h"

static struct db *db;
static struct err err;

static int open_fresh(void **state)
{
	if (fixture_set_up(state) != 0)
		return -1;
	db = fixture_open();
	return 0;
}

static int close_fresh(void **state)
{
	db_close(db);
	db = NULL;
	return fixture_tear_down(state);
}

static void no_slot_of_an_engine_is_empty(void **state)
{
	static const struct db_engine *const engines[] = {&db_engine_sqlite};

	(void)state;
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		const char *at = (const char *)engines[i] + offsetof(struct db_engine, open);
		const char *end = (const char *)(engines[i] + 1);

		assert_non_null(engines[i]->name);
		assert_in_range(engines[i]->dialect, 0, SQL_DIALECT_MAX - 1);
		for (; at < end; at += sizeof(void (*)(void))) {
			void (*slot)(void);

			memcpy(&slot, at, sizeof slot);
			assert_true(slot != NULL);
		}
	}
}

static void commit_keeps_and_rollback_drops(void **state)
{
	(void)state;
	must(db_begin(db, &err));
	put(db, "kept", "1");
	must(db_commit(db, &err));
	must(db_begin(db, &err));
	put(db, "kept", "2");
	put(db, "dropped", "1");
	assert_setting(db, "kept", "2");
	db_rollback(db);
	assert_setting(db, "kept", "1");
	assert_setting(db, "dropped", NULL);
	db_rollback(db);
	must(db_begin(db, &err));
	put(db, "durable", "1");
	must(db_commit_durable(db, &err));
	assert_setting(db, "durable", "1");
	assert_false(db_broken(db));
}

static enum rc part(const char *value, bool fails)
{
	enum rc rc = db_begin(db, &err);

	if (rc != RC_OK)
		return rc;
	put(db, "part", value);
	if (fails) {
		db_rollback(db);
		return RC_CONFLICT;
	}
	return db_commit_durable(db, &err);
}

static void parts_of_a_joint_transaction_are_one(void **state)
{
	struct db *other = fixture_open();

	(void)state;
	must(db_begin_joint(db, &err));
	must(part("1", false));
	assert_setting(other, "part", NULL);
	must(part("2", false));
	assert_setting(other, "part", NULL);
	must(db_end(db, RC_OK, &err));
	assert_setting(other, "part", "2");
	/* A part that fails takes all with it, and nothing is done after it. */
	must(db_begin_joint(db, &err));
	must(part("3", false));
	assert_int_equal(part("4", true), RC_CONFLICT);
	assert_int_equal(part("5", false), RC_DB);
	assert_int_equal(db_end(db, RC_OK, &err), RC_DB);
	assert_setting(other, "part", "2");
	must(db_begin_joint(db, &err));
	must(part("6", false));
	assert_int_equal(db_end(db, RC_CONFLICT, &err), RC_CONFLICT);
	assert_setting(other, "part", "2");
	/* The next one is like any other. */
	must(part("7", false));
	assert_setting(other, "part", "7");
	/* Closing rolls back both. */
	must(db_begin_joint(db, &err));
	must(db_begin(db, &err));
	put(db, "part", "8");
	db_close(db);
	db = fixture_open();
	assert_setting(db, "part", "7");
	db_close(other);
}

static void closing_rolls_back(void **state)
{
	(void)state;
	must(db_begin(db, &err));
	put(db, "open", "1");
	db_close(db);
	db = fixture_open();
	assert_setting(db, "open", NULL);
	db_close(NULL);
}

static void an_empty_transaction_commits(void **state)
{
	(void)state;
	must(db_begin(db, &err));
	must(db_commit(db, &err));
	must(db_begin(db, &err));
	must(db_commit_durable(db, &err));
	must(db_begin_read(db, &err));
	must(db_commit(db, &err));
}

static void texts_come_back_as_they_went(void **state)
{
	static const char *const texts[] = {
	    "",
	    "x",
	    "it's \"quoted\"",
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	    "line\nbreak\ttab\x7f",
	    "$1 ?1 :a",
	    "0123",
	    "NULL",
	};
	char *big = malloc(1 << 20);

	(void)state;
	memset(big, 'b', (1 << 20) - 1);
	big[(1 << 20) - 1] = '\0';
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		must(db_begin(db, &err));
		put(db, "text", texts[i]);
		must(db_commit(db, &err));
		assert_setting(db, "text", texts[i]);
	}
	must(db_begin(db, &err));
	put(db, "big", big);
	must(db_exec(db, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("part"), DB_TEXTN(big, 3)), &err));
	must(db_commit(db, &err));
	assert_setting(db, "big", big);
	assert_setting(db, "part", "bbb");
	free(big);
}

static void integers_have_64_bits(void **state)
{
	static const int64_t values[] = {
	    0, 1, -1, INT32_MAX, INT64_C(1) << 53, INT64_MAX, INT64_MIN};
	struct db_cursor cur;
	int64_t id;

	(void)state;
	must(db_begin(db, &err));
	must(db_one(db, &cur, SQL_WORKER_INSERT,
	    DB_ARGS(DB_TEXT("w"), DB_TEXT("h"), DB_TEXT("{}"), DB_INT(1)), &err));
	id = db_int(&cur, 0);
	db_finish(&cur);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		must(db_exec(db, SQL_WORKER_BEAT,
		    DB_ARGS(DB_INT(id), DB_INT(values[i]), DB_INT(-values[i] / 2)), &err));
		must(db_one(db, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err));
		assert_true(db_int(&cur, 3) == values[i]);
		assert_true(db_int(&cur, 5) == -values[i] / 2);
		db_finish(&cur);
	}
	must(db_commit(db, &err));
}

static int64_t make_job(const char *name)
{
	struct job_new job = {.name = name, .job_type = "inspect", .type_version = 1};

	must(db_begin(db, &err));
	must(job_create(db, &scope_local, &job, 1, &err));
	must(db_commit(db, &err));
	return job.id;
}

static void null_is_told_from_empty(void **state)
{
	int64_t id = make_job("null");
	struct db_cursor cur;
	size_t len = 7;

	(void)state;
	must(db_begin(db, &err));
	must(db_exec(db, SQL_JOB_STATUS_INSERT,
	    DB_ARGS(
		DB_INT(1), DB_INT(id), DB_TEXT("pending"), DB_INT(0), DB_TEXT("a"), DB_TEXT("")),
	    &err));
	must(db_commit(db, &err));
	must(db_query(db, &cur, SQL_JOB_HISTORY, DB_ARGS(DB_INT(1), DB_INT(id)), &err));
	must(db_next(&cur, &err));
	assert_true(db_null(&cur, 3));
	assert_null(db_text(&cur, 3, &len));
	assert_int_equal(len, 0);
	assert_int_equal(db_int(&cur, 3), 0);
	must(db_next(&cur, &err));
	assert_false(db_null(&cur, 3));
	assert_string_equal(db_text(&cur, 3, &len), "");
	assert_int_equal(db_next(&cur, &err), RC_DONE);
	db_finish(&cur);
	assert_int_equal(DB_OPT(0).type, DB_ARG_NULL);
	assert_int_equal(DB_OPT(5).type, DB_ARG_INT);
	assert_int_equal(DB_TEXT(NULL).type, DB_ARG_NULL);
}

static void text_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} bad[] = {
	    {"a\0b", 3},
	    {"\xff", 1},
	    {"\xc3", 1},
	    {"\xed\xa0\x80", 3},
	    {"\xc0\xaf", 2},
	    {"ok\0", 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		must(db_begin(db, &err));
		assert_int_equal(db_exec(db, SQL_SETTING_PUT,
				     DB_ARGS(DB_TEXT("bad"), DB_TEXTN(bad[i].s, bad[i].len)), &err),
		    RC_INVALID);
		assert_string_equal(err.text, "SETTING_PUT: text for $2 is not UTF-8 or holds NUL");
		db_rollback(db);
	}
	assert_setting(db, "bad", NULL);
}

/* PostgreSQL does so, hence every engine does. */
static void a_failed_statement_spoils_its_transaction(void **state)
{
	(void)state;
	must(db_begin(db, &err));
	put(db, "before", "1");
	assert_int_equal(
	    db_exec(db, SQL_MIGRATION_ADD, DB_ARGS(DB_INT(1), DB_TEXT("again"), DB_INT(0)), &err),
	    RC_CONFLICT);
	assert_int_equal(strncmp(err.text, "MIGRATION_ADD: ", 15), 0);
	assert_int_equal(
	    db_exec(db, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("after"), DB_TEXT("1")), &err), RC_DB);
	assert_int_equal(db_commit(db, &err), RC_DB);
	assert_setting(db, "before", NULL);
	must(db_begin(db, &err));
	put(db, "next", "1");
	must(db_commit(db, &err));
	assert_setting(db, "next", "1");
}

static void references_are_checked(void **state)
{
	struct job_new job = {.name = "x", .job_type = "inspect", .type_version = 1};
	struct scope nowhere = scope_local;

	(void)state;
	nowhere.project_id = 77;
	must(db_begin(db, &err));
	assert_int_equal(job_create(db, &nowhere, &job, 1, &err), RC_DB);
	db_rollback(db);
}

static void changes_count_rows(void **state)
{
	struct db_cursor cur;
	int64_t id = make_job("changes");

	(void)state;
	must(db_begin(db, &err));
	must(db_exec(db, SQL_PROJECT_BUMP, DB_ARGS(DB_INT(1), DB_INT(1)), &err));
	assert_int_equal(db_changes(db), 1);
	must(db_exec(db, SQL_PROJECT_BUMP, DB_ARGS(DB_INT(1), DB_INT(77)), &err));
	assert_int_equal(db_changes(db), 0);
	must(db_one(db, &cur, SQL_WORKER_INSERT,
	    DB_ARGS(DB_TEXT("w"), DB_TEXT("h"), DB_TEXT("{}"), DB_INT(1)), &err));
	db_finish(&cur);
	assert_int_equal(db_changes(db), 1);
	must(db_one(db, &cur, SQL_JOB_BY_ID, DB_ARGS(DB_INT(1), DB_INT(id), DB_INT(0)), &err));
	db_finish(&cur);
	assert_int_equal(db_changes(db), 0);
	must(db_exec(db, SQL_JOB_DELETE, DB_ARGS(DB_INT(1), DB_INT(id)), &err));
	assert_int_equal(db_changes(db), 1);
	must(db_commit(db, &err));
}

static void cursors_of_two_statements_run_side_by_side(void **state)
{
	int64_t ids[3] = {make_job("a"), make_job("b"), make_job("c")};
	struct db_cursor jobs, history;
	int seen = 0;

	(void)state;
	must(db_query(db, &jobs, SQL_JOB_PAGE_UP,
	    DB_ARGS(DB_INT(1), DB_INT(1), DB_INT(0), DB_INT(10)), &err));
	while (db_next(&jobs, &err) == RC_OK) {
		assert_int_equal(db_int(&jobs, 0), ids[seen++]);
		must(db_one(db, &history, SQL_JOB_HISTORY,
		    DB_ARGS(DB_INT(1), DB_INT(db_int(&jobs, 0))), &err));
		assert_string_equal(db_text(&history, 0, NULL), "pending");
		db_finish(&history);
	}
	db_finish(&jobs);
	db_finish(&jobs);
	assert_int_equal(seen, 3);
	assert_int_equal(
	    db_one(db, &jobs, SQL_JOB_BY_ID, DB_ARGS(DB_INT(1), DB_INT(999), DB_INT(0)), &err),
	    RC_NOTFOUND);
	assert_int_equal(
	    db_one(db, &jobs, SQL_JOB_BY_ID, DB_ARGS(DB_INT(1), DB_INT(999), DB_INT(0)), &err),
	    RC_NOTFOUND);
}

static void rollback_finishes_cursors(void **state)
{
	struct db_cursor cur;

	(void)state;
	make_job("a");
	must(db_begin(db, &err));
	must(db_one(
	    db, &cur, SQL_JOB_PAGE_UP, DB_ARGS(DB_INT(1), DB_INT(1), DB_INT(0), DB_INT(10)), &err));
	db_rollback(db);
	db_finish(&cur);
	must(db_begin(db, &err));
	must(db_one(
	    db, &cur, SQL_JOB_PAGE_UP, DB_ARGS(DB_INT(1), DB_INT(1), DB_INT(0), DB_INT(10)), &err));
	db_finish(&cur);
	must(db_commit(db, &err));
}

static void a_read_transaction_is_one_snapshot(void **state)
{
	struct db *other = fixture_open();

	(void)state;
	must(db_begin_read(db, &err));
	assert_setting(db, "seen", NULL);
	must(db_begin(other, &err));
	put(other, "seen", "1");
	must(db_commit(other, &err));
	assert_setting(other, "seen", "1");
	assert_setting(db, "seen", NULL);
	must(db_commit(db, &err));
	assert_setting(db, "seen", "1");
	db_close(other);
}

static void the_lease_clock_runs_forward(void **state)
{
	int64_t first = db_lease_clock_ms(db);

	(void)state;
	assert_true(first > 0);
	usleep(3000);
	assert_in_range(db_lease_clock_ms(db), first + 2, first + 60000);
}

static void statements_have_name_and_text(void **state)
{
	(void)state;
	for (int i = 0; i < SQL_MAX; i++) {
		assert_non_null(db_sql_name((enum sql_id)i));
		assert_non_null(db_sql_text((enum sql_id)i));
	}
	assert_string_equal(db_sql_name(SQL_SETTING_GET), "SETTING_GET");
}

/* ---- what must not be done ends the process
 * ------------------------------------------------------ */

static void begin_in_write(struct db *d)
{
	db_begin(d, &err);
	db_begin(d, &err);
}

static void read_in_write(struct db *d)
{
	db_begin(d, &err);
	db_begin_read(d, &err);
}

static void begin_in_query(struct db *d)
{
	struct db_cursor cur;

	db_query(d, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
	db_begin(d, &err);
}

static void commit_without_begin(struct db *d)
{
	db_commit(d, &err);
}

static void commit_in_query(struct db *d)
{
	struct db_cursor cur;

	db_begin(d, &err);
	db_query(d, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
	db_commit(d, &err);
}

static void begin_in_part(struct db *d)
{
	db_begin_joint(d, &err);
	db_begin(d, &err);
	db_begin(d, &err);
}

static void joint_in_joint(struct db *d)
{
	db_begin_joint(d, &err);
	db_begin_joint(d, &err);
}

static void checkpoint_in_write(struct db *d)
{
	db_begin(d, &err);
	db_checkpoint(d, &err);
}

static void write_outside(struct db *d)
{
	db_exec(d, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("a"), DB_TEXT("b")), &err);
}

static void write_in_read(struct db *d)
{
	db_begin_read(d, &err);
	db_exec(d, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("a"), DB_TEXT("b")), &err);
}

static void statement_twice(struct db *d)
{
	struct db_cursor a, b;

	db_query(d, &a, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
	db_query(d, &b, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
}

static void too_few_arguments(struct db *d)
{
	db_begin(d, &err);
	db_exec(d, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("a")), &err);
}

static void too_many_arguments(struct db *d)
{
	db_begin(d, &err);
	db_exec(d, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("a"), DB_TEXT("b"), DB_INT(1)), &err);
}

static void rows_of_exec(struct db *d)
{
	db_exec(d, SQL_PROJECT_VERSION, DB_ARGS(DB_INT(1), DB_INT(1)), &err);
}

static void next_after_finish(struct db *d)
{
	struct db_cursor cur;

	db_query(d, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err);
	db_finish(&cur);
	db_next(&cur, &err);
}

static void misuse(void *arg)
{
	struct db *d = fixture_open();

	fixture_hush();
	((void (*)(struct db *))arg)(d);
}

static void use_after_fork(void *arg)
{
	(void)arg;
	fixture_hush();
	db_begin(db, &err);
}

static void misuse_aborts(void **state)
{
	static void (*const cases[])(struct db *) = {
	    begin_in_write,
	    read_in_write,
	    begin_in_query,
	    begin_in_part,
	    joint_in_joint,
	    commit_without_begin,
	    commit_in_query,
	    checkpoint_in_write,
	    write_outside,
	    write_in_read,
	    statement_twice,
	    too_few_arguments,
	    too_many_arguments,
	    rows_of_exec,
	    next_after_finish,
	};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		status = fixture_wait(fixture_start(misuse, (void *)cases[i]));
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("case %zu: status %d", i, status);
	}
	status = fixture_wait(fixture_start(use_after_fork, NULL));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, open_fresh, close_fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_slot_of_an_engine_is_empty),
	    FRESH(commit_keeps_and_rollback_drops),
	    FRESH(closing_rolls_back),
	    FRESH(parts_of_a_joint_transaction_are_one),
	    FRESH(an_empty_transaction_commits),
	    FRESH(texts_come_back_as_they_went),
	    FRESH(integers_have_64_bits),
	    FRESH(null_is_told_from_empty),
	    FRESH(text_that_is_none_is_refused),
	    FRESH(a_failed_statement_spoils_its_transaction),
	    FRESH(references_are_checked),
	    FRESH(changes_count_rows),
	    FRESH(cursors_of_two_statements_run_side_by_side),
	    FRESH(rollback_finishes_cursors),
	    FRESH(a_read_transaction_is_one_snapshot),
	    FRESH(the_lease_clock_runs_forward),
	    FRESH(statements_have_name_and_text),
	    FRESH(misuse_aborts),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
