/*
 * Claims on a real database: what processors do to jobs, in every order that has consequences.
 */
#include "t/unit/jobs_fixture.h"

#include "core/job_file.h"

static void a_finished_attempt_is_recorded_with_its_outputs(void **state)
{
	struct file out = {
	    .name = "profile.json", .content_type = "application/json", .size_bytes = 9};
	struct claim_end how = {.action = JOB_COMPLETE,
	    .result = "9 rows",
	    .outputs = &out,
	    .output_count = 1,
	    .cpu_ms = 12,
	    .peak_bytes = 4096,
	    .log_bytes = 3};
	int64_t id = make("a", 0, "x", 0);
	struct job_page page;
	struct file *files;
	struct claim *c;
	size_t n;

	(void)state;
	uuid_new(out.uuid);
	assert_int_equal(take(5, &c), 1);
	assert_int_equal(c->job.id, id);
	assert_int_equal(c->job.attempt, 1);
	assert_int_equal(look(id).status, JOB_PROCESSING);
	assert_int_equal(take(5, &c), 0);
	assert_true(look(id).started_at > 0);
	OK(job_list(db, &scope_local, &(struct job_filter){0}, &arena, &page, &err));
	RC(RC_NOTFOUND,
	    claim_state(db, id, "00000000000000000000000000000000", &(enum job_status){0}, &err));
	struct claim held = {.job.id = id};
	struct db_cursor cur;

	OK(db_one(db, &cur, SQL_CLAIM_EXPIRED, DB_ARGS(DB_INT(INT64_MAX), DB_INT(1)), &err));
	memcpy(held.token, db_text(&cur, 1, NULL), TOKEN_SIZE);
	db_finish(&cur);
	OK(end(&held, &how));
	RC(RC_NOTFOUND, end(&held, &how));
	assert_int_equal(look(id).status, JOB_COMPLETED);
	assert_int_equal(look(id).progress, 100);
	assert_int_equal(look(id).files_out, 1);
	assert_int_equal(look(id).cpu_ms, 12);
	assert_string_equal(look(id).result, "9 rows");
	OK(job_list(db, &scope_local, &(struct job_filter){0}, &arena, &page, &err));
	OK(job_outputs(db, &scope_local, &page, &arena, &files, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(files[0].uuid, out.uuid);
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
}

static void a_stale_token_changes_nothing(void **state)
{
	struct claim_progress p = {
	    .percent = 50, .step = "half", .total = -1, .processed = -1, .rejected = -1};
	int64_t id = make("a", 0, "x", 2);
	struct claim *first, *second;
	int64_t n, due;

	(void)state;
	assert_int_equal(take(1, &first), 1);
	OK(db_begin(db, &err));
	OK(worker_expire(db, 1, &err));
	OK(claim_sweep(db, 0, &n, &due, &err));
	OK(db_commit(db, &err));
	assert_int_equal(n, 1);
	assert_int_equal(look(id).status, JOB_PENDING);
	assert_int_equal(look(id).retry_count, 1);
	assert_int_equal(take(1, &second), 1);
	assert_string_not_equal(first->token, second->token);
	assert_int_equal(second->job.attempt, 2);
	OK(db_begin(db, &err));
	RC(RC_NOTFOUND, claim_renew(db, id, first->token, 60000, &err));
	RC(RC_NOTFOUND, claim_progress(db, id, first->token, &p, &err));
	RC(RC_NOTFOUND, claim_end(db, id, first->token, &completed, &err));
	OK(claim_renew(db, id, second->token, 60000, &err));
	OK(claim_progress(db, id, second->token, &p, &err));
	OK(db_commit(db, &err));
	assert_int_equal(look(id).progress, 50);
	assert_string_equal(look(id).current_step, "half");
	OK(end(second, &failed));
	assert_string_equal(look(id).error, "broken");
}

static void a_cancelled_job_runs_again_only_when_its_processes_are_gone(void **state)
{
	int64_t id = make("a", 0, "x", 0);
	enum job_status s;
	struct claim *c, *again;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	assert_int_equal(look(id).status, JOB_CANCELLED);
	OK(claim_state(db, id, c->token, &s, &err));
	assert_int_equal(s, JOB_CANCELLED);
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	assert_int_equal(look(id).status, JOB_PENDING);
	assert_int_equal(take(1, &again), 0);
	RC(RC_NOTFOUND, end(c, &completed));
	assert_int_equal(look(id).status, JOB_PENDING);
	assert_int_equal(take(1, &again), 1);
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	OK(end(again, &cancelled));
	assert_int_equal(look(id).status, JOB_CANCELLED);
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	assert_int_equal(take(1, &c), 1);
}

static enum rc renew(const struct claim *c)
{
	enum rc rc;

	OK(db_begin(db, &err));
	rc = claim_renew(db, c->job.id, c->token, 60000, &err);
	OK(db_commit(db, &err));
	return rc;
}

static void a_paused_job_is_not_claimed(void **state)
{
	int64_t id = make("a", 0, "x", 0);
	struct claim *c;

	(void)state;
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	assert_int_equal(look(id).status, JOB_PAUSED);
	assert_int_equal(take(1, &c), 0);
	OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	assert_int_equal(take(1, &c), 1);
	OK(end(c, &completed));
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
}

static void a_frozen_job_keeps_its_lease_and_goes_on(void **state)
{
	struct claim_progress half = {.percent = 50, .total = -1, .processed = -1, .rejected = -1};
	int64_t id = make("a", 0, "x", 0);
	enum job_status s;
	struct claim *c, *none;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(claim_state(db, id, c->token, &s, &err));
	assert_int_equal(s, JOB_PAUSED);
	OK(renew(c));
	OK(db_begin(db, &err));
	OK(claim_progress(db, id, c->token, &half, &err));
	OK(db_commit(db, &err));
	assert_int_equal(take(1, &none), 0);
	OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	assert_int_equal(look(id).status, JOB_PROCESSING);
	assert_int_equal(look(id).progress, 50);
	assert_int_equal(take(1, &none), 0);
	OK(end(c, &completed));
	assert_int_equal(look(id).status, JOB_COMPLETED);
	/* One that was done before the pause reached it is done. */
	id = make("a", 0, "x", 0);
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(end(c, &completed));
	assert_int_equal(look(id).status, JOB_COMPLETED);
	id = make("a", 0, "x", 0);
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	RC(RC_NOTFOUND, renew(c));
	OK(end(c, &cancelled));
	assert_int_equal(look(id).status, JOB_CANCELLED);
}

static void a_paused_job_outlives_its_processor(void **state)
{
	struct claim_end tempfail = {
	    .action = JOB_RELEASE, .error = "later", .counts = true, NO_FIGURES};
	int64_t id = make("a", 0, "x", 1), n, due;
	struct claim *c, *again;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(take(1, &c), 1);
		OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
		OK(db_begin(db, &err));
		OK(worker_expire(db, 1, &err));
		OK(claim_sweep(db, 0, &n, &due, &err));
		OK(db_commit(db, &err));
		assert_int_equal(n, 1);
		assert_int_equal(look(id).status, JOB_PAUSED);
		assert_int_equal(look(id).retry_count, 0);
		RC(RC_NOTFOUND, end(c, &completed));
		assert_int_equal(take(1, &again), 0);
		OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
		assert_int_equal(look(id).status, JOB_PENDING);
	}
	/* Its own wish to be tried again counts as ever. */
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(end(c, &tempfail));
	assert_int_equal(look(id).status, JOB_PAUSED);
	assert_int_equal(look(id).retry_count, 1);
	OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(end(c, &tempfail));
	assert_int_equal(look(id).status, JOB_FAILED);
}

/* cancel, retry, pause, resume before the processor looks once: the old attempt is not what goes
 * on. */
static void a_cancelled_attempt_is_never_thawed(void **state)
{
	int64_t id = make("a", 0, "x", 0);
	enum job_status s;
	struct claim *c, *again;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	OK(claim_state(db, id, c->token, &s, &err));
	assert_int_equal(s, JOB_PENDING);
	RC(RC_NOTFOUND, renew(c));
	OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	assert_int_equal(look(id).status, JOB_PENDING);
	assert_int_equal(take(1, &again), 0);
	RC(RC_NOTFOUND, end(c, &completed));
	assert_int_equal(take(1, &again), 1);
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_PAUSE, NULL, &err));
	RC(RC_NOTFOUND, end(again, &completed));
	assert_int_equal(look(id).status, JOB_PAUSED);
	assert_int_equal(take(1, &c), 0);
	OK(job_act(db, &scope_local, id, JOB_RESUME, NULL, &err));
	assert_int_equal(take(1, &c), 1);
}

static void retries_end_and_a_hand_back_costs_nothing(void **state)
{
	struct claim_end hand_back = {
	    .action = JOB_RELEASE, .error = "the processor stops", NO_FIGURES};
	int64_t id = make("a", 0, "x", 1);
	struct claim *c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(take(1, &c), 1);
		OK(end(c, &hand_back));
	}
	assert_int_equal(look(id).retry_count, 0);
	assert_int_equal(take(1, &c), 1);
	OK(end(c, &lost));
	assert_int_equal(look(id).status, JOB_PENDING);
	assert_int_equal(take(1, &c), 1);
	OK(end(c, &lost));
	assert_int_equal(look(id).status, JOB_FAILED);
	assert_int_equal(look(id).retry_count, 1);
	assert_string_equal(look(id).error, "lost (after 2 attempts)");
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	assert_int_equal(look(id).retry_count, 2);
	assert_int_equal(take(1, &c), 1);
	OK(end(c, &lost));
	assert_int_equal(look(id).status, JOB_PENDING);
}

static void the_third_crash_is_the_last(void **state)
{
	struct claim_end crash = {.action = JOB_RELEASE,
	    .error = "runner died",
	    .counts = true,
	    .crashed = true,
	    NO_FIGURES};
	int64_t id = make("a", 0, "poison", 100);
	struct claim *c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(take(1, &c), 1);
		OK(end(c, &crash));
	}
	assert_int_equal(look(id).status, JOB_FAILED);
	assert_non_null(strstr(look(id).error, "quarantined"));
}

/* A processor that died took all its jobs with it: none of them is quarantined for that, but one
 * that does it each time ends with its attempts. */
static void a_lost_lease_is_a_retry_and_no_crash(void **state)
{
	int64_t id = make("a", 0, "x", 4), n, due;
	struct claim *c;

	(void)state;
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(take(1, &c), 1);
		OK(db_begin(db, &err));
		OK(worker_expire(db, 1, &err));
		OK(claim_sweep(db, 0, &n, &due, &err));
		OK(db_commit(db, &err));
		assert_int_equal(n, 1);
		assert_int_equal(look(id).status, i < 5 ? JOB_PENDING : JOB_FAILED);
	}
	assert_int_equal(look(id).retry_count, 4);
	assert_string_equal(
	    look(id).error, "its processor died or stopped answering (after 5 attempts)");
}

static void priority_then_turns_then_age(void **state)
{
	struct claim *c;
	int64_t low[6], urgent, b[3];
	size_t n;

	(void)state;
	for (int i = 0; i < 6; i++)
		low[i] = make("a", 0, "x", 0);
	for (int i = 0; i < 3; i++)
		b[i] = make("b", 0, "x", 0);
	urgent = make("a", 9, "x", 0);
	n = take(1, &c);
	assert_int_equal(n, 1);
	assert_int_equal(c[0].job.id, urgent);
	/* a has had one turn, so b goes first; then they alternate */
	n = take(4, &c);
	assert_int_equal(n, 4);
	int of_b = 0;
	for (size_t i = 0; i < n; i++) {
		of_b += strcmp(c[i].job.job_type, "b") == 0;
		assert_true(c[i].job.id == b[0] || c[i].job.id == b[1] || c[i].job.id == b[2] ||
			    c[i].job.id == low[0] || c[i].job.id == low[1]);
	}
	assert_in_range(of_b, 2, 3);
	n = take(100, &c);
	assert_int_equal(n, 5);
}

static void a_host_takes_no_more_of_a_type_than_it_has_slots(void **state)
{
	struct claim_slot slots[] = {{"a", 2, 0}, {"b", 0, 0}};
	struct claim_ask ask = {.worker_id = 1,
	    .slots = slots,
	    .slot_count = 2,
	    .want = 20,
	    .lease_ms = 60000};
	struct claim *c;
	size_t n;

	(void)state;
	for (int i = 0; i < 5; i++) {
		make("a", 5, "x", 0);
		make("b", 0, "x", 0);
		make("c", 9, "x", 0);
	}
	OK(db_begin(db, &err));
	OK(claim_take(db, &ask, &arena, &c, &n, &err));
	OK(db_commit(db, &err));
	assert_int_equal(n, 7);
	assert_int_equal(slots[0].free, 0);
}

static void a_delayed_job_waits_for_its_time(void **state)
{
	struct job_new job = {
	    .name = "x", .job_type = "a", .type_version = 1, .run_at = clock_wall_ms() + 150};
	int64_t n, due, at, before, after;
	struct claim *c;

	(void)state;
	OK(db_begin(db, &err));
	OK(job_create(db, &scope_local, &job, 1, &err));
	OK(claim_sweep(db, 0, &n, &due, &err));
	OK(claim_next_due(db, &at, &err));
	OK(db_commit(db, &err));
	assert_int_equal(due, 0);
	assert_int_equal(at, job.run_at);
	assert_int_equal(take(1, &c), 0);
	OK(project_version(db, &scope_local, &before, &err));
	usleep(200000);
	OK(db_begin(db, &err));
	OK(claim_sweep(db, 0, &n, &due, &err));
	OK(db_commit(db, &err));
	assert_int_equal(due, 1);
	/* Pages tell it from one that still waits for its time. */
	OK(project_version(db, &scope_local, &after, &err));
	assert_true(after > before);
	assert_true(look(job.id).updated_at >= job.run_at);
	assert_int_equal(take(1, &c), 1);
}

static void back_off_doubles_and_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_in_range(claim_backoff_ms(1000, 1), 750, 1250);
		assert_in_range(claim_backoff_ms(1000, 3), 3000, 5000);
		assert_in_range(claim_backoff_ms(1000, 60), 2700000, 4500000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_finished_attempt_is_recorded_with_its_outputs),
	    TEST(a_stale_token_changes_nothing),
	    TEST(a_cancelled_job_runs_again_only_when_its_processes_are_gone),
	    TEST(a_paused_job_is_not_claimed),
	    TEST(a_frozen_job_keeps_its_lease_and_goes_on),
	    TEST(a_paused_job_outlives_its_processor),
	    TEST(a_cancelled_attempt_is_never_thawed),
	    TEST(retries_end_and_a_hand_back_costs_nothing),
	    TEST(the_third_crash_is_the_last),
	    TEST(a_lost_lease_is_a_retry_and_no_crash),
	    TEST(priority_then_turns_then_age),
	    TEST(a_host_takes_no_more_of_a_type_than_it_has_slots),
	    TEST(a_delayed_job_waits_for_its_time),
	    cmocka_unit_test(back_off_doubles_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
