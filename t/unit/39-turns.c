/*
 * Whose turn it is: priority, organisations, their types; and the limits that hold a turn back.
 */
#include <sqlite3.h>

#include "core/jobtype.h"
#include "t/unit/jobs_fixture.h"

/* What no statement of ours does yet; through SQLite itself, beside our connection. */
static void raw(const char *sql)
{
	sqlite3 *other;
	char *why = NULL;

	assert_int_equal(sqlite3_open(cfg.database, &other), SQLITE_OK);
	if (sqlite3_exec(other, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(other);
}

static int setup_orgs(void **state)
{
	int failed_to = setup(state);

	raw("INSERT INTO orgs (id, uuid, name, created_at) VALUES (2, 'u2', 'second', 0), "
	    "(3, 'u3', 'third', 0);"
	    "INSERT INTO projects (id, org_id, name, created_at) VALUES (2, 2, 'p', 0), (3, 3, "
	    "'p', 0)");
	return failed_to;
}

#define TURN(f) cmocka_unit_test_setup_teardown(f, setup_orgs, teardown)

/* n jobs of an organisation. */
static void fill(int64_t org, const char *type, int64_t priority, int n)
{
	struct scope sc = {.org_id = org, .project_id = org, .user_id = 1, .user_name = "x"};

	OK(db_begin(db, &err));
	for (int i = 0; i < n; i++) {
		struct job_new job = {
		    .name = "x", .job_type = type, .type_version = 1, .priority = priority};

		OK(job_create(db, &sc, &job, 1, &err));
	}
	OK(db_commit(db, &err));
}

static int64_t worker(const char *host)
{
	int64_t id;

	OK(db_begin(db, &err));
	OK(worker_begin(db, "w", host, "{}", &id, &err));
	OK(db_commit(db, &err));
	return id;
}

/* Claim as one worker with the same limit on both types; of[org] counts what came. */
static size_t take_as(int64_t worker_id, int64_t limit, size_t want, int of[4], struct claim **out)
{
	struct claim_slot slots[] = {{"a", limit, 0}, {"b", limit, 0}};
	struct claim_ask ask = {.worker_id = worker_id,
	    .slots = slots,
	    .slot_count = 2,
	    .want = want,
	    .lease_ms = 60000};
	size_t n;

	OK(db_begin(db, &err));
	OK(claim_take(db, &ask, &arena, out, &n, &err));
	OK(db_commit(db, &err));
	memset(of, 0, 4 * sizeof *of);
	for (size_t i = 0; i < n; i++)
		of[(*out)[i].job.org_id]++;
	return n;
}

/* Claim one at a time and end it; the organisations in the order of their turns. */
static const char *turns(int n)
{
	static char order[128];
	struct claim *c;
	int at = 0;

	for (; at < n && take(1, &c); at++) {
		order[at] = (char)('0' + c->job.org_id);
		OK(end(c, &completed));
	}
	order[at] = '\0';
	return order;
}

static void many_types_are_no_more_than_one(void **state)
{
	struct claim *c;
	int of[4], a = 0;

	(void)state;
	fill(1, "a", 0, 40);
	fill(1, "b", 0, 40);
	fill(2, "a", 0, 40);
	/* In one batch … */
	assert_int_equal(take_as(1, 0, 40, of, &c), 40);
	assert_int_equal(of[1], 20);
	assert_int_equal(of[2], 20);
	for (int i = 0; i < 40; i++)
		a += c[i].job.org_id == 1 && strcmp(c[i].job.job_type, "a") == 0;
	assert_int_equal(a, 10);
	/* … and one by one. */
	assert_string_equal(turns(8), "12121212");
}

static void who_was_idle_has_one_turn_to_come(void **state)
{
	(void)state;
	fill(1, "a", 0, 60);
	assert_int_equal(strlen(turns(30)), 30);
	fill(2, "a", 0, 20);
	assert_string_equal(turns(6), "212121");
	/* The third comes late, and was never here. */
	fill(3, "b", 0, 20);
	assert_string_equal(turns(7), "3213213");
	/* A type that waited long saves up nothing either: a and b of the first share its turns. */
	fill(1, "b", 0, 20);
	assert_string_equal(turns(6), "213213");
}

/* As one that this host cannot run, or that is held back by a cap. */
static void what_was_held_up_does_not_catch_up(void **state)
{
	struct claim *c;
	int of[4];

	(void)state;
	raw("UPDATE orgs SET cap = 0 WHERE id = 2");
	fill(1, "a", 0, 60);
	fill(2, "a", 0, 60);
	assert_int_equal(take_as(1, 0, 30, of, &c), 30);
	assert_int_equal(of[1], 30);
	raw("UPDATE orgs SET cap = NULL WHERE id = 2");
	assert_int_equal(take_as(1, 0, 20, of, &c), 20);
	assert_int_equal(of[1], 10);
	assert_int_equal(of[2], 10);
}

static void priority_comes_before_turns(void **state)
{
	struct claim *c;
	int of[4];

	(void)state;
	fill(1, "a", 0, 4);
	fill(2, "a", 5, 2);
	fill(2, "b", -5, 2);
	fill(3, "b", 5, 2);
	assert_string_equal(turns(4), "2323");
	fill(3, "a", -100, 1);
	assert_int_equal(take_as(1, 0, 20, of, &c), 7);
	assert_int_equal(of[1], 4);
	assert_int_equal(of[2], 2);
	assert_int_equal(of[3], 1);
}

static void a_cap_bounds_an_organisation_over_all_its_types(void **state)
{
	int64_t here = worker("here"), there = worker("there");
	struct claim *c, *more;
	int of[4];

	(void)state;
	raw("UPDATE orgs SET cap = 3 WHERE id = 2");
	fill(1, "a", 0, 2);
	fill(2, "a", 9, 10);
	fill(2, "b", 9, 10);
	assert_int_equal(take_as(here, 0, 2, of, &c), 2);
	assert_int_equal(of[2], 2);
	assert_int_equal(take_as(there, 0, 20, of, &more), 3);
	assert_int_equal(of[2], 1);
	assert_int_equal(of[1], 2);
	assert_int_equal(take_as(here, 0, 20, of, &more), 0);
	OK(end(&c[0], &completed));
	/* A cancelled one counts until its processes are gone. */
	OK(job_act(db,
	    &(struct scope){.org_id = 2, .project_id = 2, .user_id = 1, .user_name = "x"},
	    c[1].job.id, JOB_CANCEL, NULL, &err));
	assert_int_equal(take_as(here, 0, 20, of, &more), 1);
	assert_int_equal(take_as(here, 0, 20, of, &more), 0);
	OK(end(&c[1], &cancelled));
	assert_int_equal(take_as(here, 0, 20, of, &more), 1);
}

static void processors_of_a_host_share_its_limits(void **state)
{
	int64_t first = worker("here"), second = worker("here"), there = worker("there");
	struct claim *c, *more;
	int of[4];

	(void)state;
	fill(1, "a", 0, 20);
	fill(1, "b", 0, 20);
	assert_int_equal(take_as(first, 3, 4, of, &c), 4);
	assert_int_equal(take_as(second, 3, 20, of, &more), 2);
	assert_int_equal(take_as(first, 3, 20, of, &more), 0);
	assert_int_equal(take_as(there, 3, 20, of, &more), 6);
	OK(end(&c[0], &failed));
	/* One that is frozen keeps what the limit is about. */
	OK(job_act(db, &scope_local, c[1].job.id, JOB_PAUSE, NULL, &err));
	assert_int_equal(take_as(second, 3, 20, of, &more), 1);
	assert_int_equal(take_as(second, 3, 20, of, &more), 0);
	/* A lease that ran out is gone. */
	OK(db_begin(db, &err));
	OK(worker_expire(db, there, &err));
	int64_t n, due;
	OK(claim_sweep(db, 0, &n, &due, &err));
	OK(db_commit(db, &err));
	assert_int_equal(n, 6);
	assert_int_equal(take_as(there, 2, 20, of, &more), 4);
}

/* More organisations than there are turns: each has its own before any has a second. */
static void everybody_has_a_turn_before_a_second(void **state)
{
	int seen[201] = {0};
	struct claim *c;
	char sql[256];

	(void)state;
	for (int i = 4; i <= 200; i++) {
		snprintf(sql, sizeof sql,
		    "INSERT INTO orgs (id, uuid, name, created_at) VALUES (%d, 'u%d', 'o%d', 0);"
		    "INSERT INTO projects (id, org_id, name, created_at) VALUES (%d, %d, 'p', 0)",
		    i, i, i, i, i);
		raw(sql);
	}
	for (int i = 1; i <= 200; i++) {
		fill(i, "a", 0, 2);
		fill(i, "b", 0, 2);
	}
	for (int round = 1; round <= 4; round++) {
		for (int left = 200; left;) {
			size_t n = take(left < 64 ? (size_t)left : 64, &c);

			assert_true(n > 0);
			for (size_t i = 0; i < n; i++)
				seen[c[i].job.org_id]++;
			left -= (int)n;
		}
		for (int i = 1; i <= 200; i++)
			if (seen[i] != round)
				fail_msg("org %d: %d turns in round %d", i, seen[i], round);
	}
}

static void a_paused_type_is_nobodys_turn(void **state)
{
	struct jobtypes types;
	struct claim *c;
	int of[4];

	(void)state;
	RC(RC_NOTFOUND, jobtype_pause(db, &scope_local, "a", true, &err));
	raw("INSERT INTO job_types VALUES ('a', 1, 1, 1, '{\"name\":\"a\",\"title\":\"A\","
	    "\"description\":\"\",\"file\":\"a.conf\",\"command\":[\"x\"],\"accept\":[\"*\"]}', "
	    "0)");
	fill(1, "a", 9, 3);
	fill(2, "a", 0, 3);
	fill(2, "b", 0, 3);
	for (int twice = 0; twice < 2; twice++)
		OK(jobtype_pause(db, &scope_local, "a", true, &err));
	assert_int_equal(take_as(1, 0, 20, of, &c), 3);
	assert_int_equal(of[2], 3);
	OK(jobtype_load_db(db, &arena, &types, &err));
	assert_true(types.list[0].paused);
	OK(jobtype_pause(db, &scope_local, "a", false, &err));
	OK(jobtype_load_db(db, &arena, &types, &err));
	assert_false(types.list[0].paused);
	assert_int_equal(take_as(1, 0, 20, of, &c), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TURN(many_types_are_no_more_than_one),
	    TURN(who_was_idle_has_one_turn_to_come),
	    TURN(what_was_held_up_does_not_catch_up),
	    TURN(priority_comes_before_turns),
	    TURN(a_cap_bounds_an_organisation_over_all_its_types),
	    TURN(processors_of_a_host_share_its_limits),
	    TURN(a_paused_type_is_nobodys_turn),
	    TURN(everybody_has_a_turn_before_a_second),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
