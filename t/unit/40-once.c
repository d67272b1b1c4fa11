/*
 * Every job runs once: many claimers in processes of their own on one database, no child started.
 *
 * 2,000 jobs, with DROPMILL_SOAK=1 20,000, and 20 claimers that are workers by themselves, until
 * nothing is left. The history is the witness: it is written by the transaction that claims, so two
 * attempts of a job would stand in it.
 */
#include <signal.h>
#include <sys/wait.h>

#include "t/unit/jobs_fixture.h"

#define CLAIMERS 20

static int jobs_total(void)
{
	const char *soak = getenv("DROPMILL_SOAK");

	return soak && strcmp(soak, "1") == 0 ? 20000 : 2000;
}

static int64_t count(enum sql_id id, const struct db_arg *args, size_t n)
{
	struct db_cursor cur;
	int64_t value;

	OK(db_one(db, &cur, id, args, n, &err));
	value = db_int(&cur, 0);
	db_finish(&cur);
	return value;
}

/* One step of a claimer: end what it has, take up to 7 more; how many it has then. */
static size_t turn(struct db *own, int64_t worker, struct arena *a, struct claim **held, size_t n)
{
	struct claim_slot slots[] = {{.job_type = "a"}, {.job_type = "b"}};
	struct claim_ask ask = {.worker_id = worker,
	    .slots = slots,
	    .slot_count = 2,
	    .want = 7,
	    .lease_ms = 60000};

	OK(db_begin(own, &err));
	for (size_t i = 0; i < n; i++)
		OK(claim_end(own, (*held)[i].job.id, (*held)[i].token, &completed, &err));
	OK(claim_take(own, &ask, a, held, &n, &err));
	OK(db_commit(own, &err));
	return n;
}

static void play_claimer(int number)
{
	struct claim *held = NULL;
	struct arena a;
	struct db *own;
	int64_t worker;
	size_t n = 0;
	char name[32];

	arena_init(&a);
	snprintf(name, sizeof name, "claimer %d", number);
	OK(db_open(&cfg, &own, &err));
	OK(db_begin(own, &err));
	OK(worker_begin(own, name, number % 2 ? "odd" : "even", "{}", &worker, &err));
	OK(db_commit(own, &err));
	do
		n = turn(own, worker, &a, &held, n);
	while (n);
	OK(db_begin(own, &err));
	OK(worker_end(own, worker, &err));
	OK(db_commit(own, &err));
	db_close(own);
}

static void fill(int n)
{
	static const char *const types[] = {"a", "b"};

	for (int made = 0; made < n;) {
		OK(db_begin(db, &err));
		for (int i = 0; i < 500 && made < n; i++, made++) {
			struct job_new job = {.name = "x",
			    .job_type = types[made % 2],
			    .type_version = 1,
			    .priority = made % 3};

			OK(job_create(db, &scope_local, &job, 1, &err));
		}
		OK(db_commit(db, &err));
	}
}

static void claimers_side_by_side_run_each_job_once(void **state)
{
	int total = jobs_total(), status;
	pid_t pids[CLAIMERS];
	struct arena a;

	(void)state;
	fill(total);
	/* A connection does not survive a fork. */
	db_close(db);
	db = NULL;
	for (int i = 0; i < CLAIMERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			signal(SIGABRT, SIG_DFL);
			play_claimer(i);
			_exit(0);
		}
	}
	for (int i = 0; i < CLAIMERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	OK(db_open(&cfg, &db, &err));
	assert_int_equal(
	    count(SQL_COUNTER_TYPE, DB_ARGS(DB_INT(1), DB_TEXT("a"), DB_TEXT("completed"))),
	    total / 2);
	assert_int_equal(
	    count(SQL_COUNTER_TYPE, DB_ARGS(DB_INT(1), DB_TEXT("b"), DB_TEXT("completed"))),
	    total / 2);
	arena_init(&a);
	for (int64_t id = 1; id <= total; id++) {
		struct job_event *events;
		size_t n;

		OK(job_history(db, &scope_local, id, &a, &events, &n, &err));
		if (n != 3 || events[1].status != JOB_PROCESSING ||
		    events[2].status != JOB_COMPLETED)
			fail_msg("job %lld ran otherwise than once", (long long)id);
		arena_clear(&a);
	}
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(claimers_side_by_side_run_each_job_once),
	};

	return cmocka_run_group_tests_name("once", tests, NULL, NULL);
}
