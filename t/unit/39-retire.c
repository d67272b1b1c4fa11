/*
 * What becomes of jobs after their end: files that were kept long enough, deletion of jobs that
 * have processes, and the bounds of what is read of a job with many files.
 */
#include "t/unit/jobs_fixture.h"

#include "core/job_file.h"
#include "core/retire.h"

static struct job_gone gone[RETIRE_JOBS_MAX];
static size_t gone_count;

/* A job of type a with an input, kept for some milliseconds. */
static int64_t make_kept(int64_t keep_ms)
{
	struct file input = {.name = "in.txt", .content_type = "text/plain", .size_bytes = 3};
	struct job_new job = {.name = "kept one",
	    .job_type = "a",
	    .type_version = 1,
	    .keep_ms = keep_ms,
	    .files = &input,
	    .file_count = 1};

	uuid_new(input.uuid);
	OK(db_begin(db, &err));
	OK(job_create(db, &scope_local, &job, 1, &err));
	OK(db_commit_durable(db, &err));
	return job.id;
}

/* End a claimed job with so many outputs. */
static void complete(const struct claim *c, size_t outputs)
{
	struct file *list = arena_zalloc(&arena, (outputs + 1) * sizeof *list);
	struct claim_end how = completed;

	for (size_t i = 0; i < outputs; i++) {
		list[i] = (struct file){.kind = FILE_OUTPUT,
		    .name = arena_printf(&arena, "part-%04zu.txt", i),
		    .content_type = "text/plain",
		    .size_bytes = 4};
		uuid_new(list[i].uuid);
	}
	how.outputs = list;
	how.output_count = outputs;
	OK(end(c, &how));
}

static bool due(void)
{
	bool yes;

	OK(retire_due(db, &yes, &err));
	return yes;
}

static size_t retire(void)
{
	OK(retire_take(db, &arena, gone, &gone_count, &err));
	return gone_count;
}

static size_t rows_of(int64_t id)
{
	struct file *files;
	size_t n;

	OK(job_files(db, &scope_local, id, &arena, &files, &n, &err));
	return n;
}

static void files_go_when_they_were_kept_long_enough(void **state)
{
	int64_t id = make_kept(1), longer = make_kept(60000), for_ever = make_kept(0);
	struct job_event *events;
	struct claim *c;
	int64_t counts[JOB_STATUS_MAX], before, after;
	size_t n;

	(void)state;
	usleep(3000);
	assert_false(due()); /* they have not ended */
	assert_int_equal(take(3, &c), 3);
	assert_int_equal(job_expires_at(&c[0].job), 0);
	for (int i = 0; i < 3; i++)
		complete(&c[i], 2);
	assert_int_equal(
	    job_expires_at(&(struct job[]){look(longer)}[0]), look(longer).completed_at + 60000);
	assert_int_equal(job_expires_at(&(struct job[]){look(for_ever)}[0]), 0);
	OK(project_version(db, &scope_local, &before, &err));
	usleep(3000);
	assert_true(due());
	assert_int_equal(retire(), 1);
	assert_int_equal(gone[0].n, 3);
	assert_string_equal(gone[0].uuid, look(id).uuid);
	assert_false(due());
	assert_int_equal(retire(), 0); /* the second processor finds nothing */
	assert_int_equal(look(id).status, JOB_REMOVED);
	assert_int_equal(look(id).files_out, 2); /* how many there were */
	assert_int_equal(job_expires_at(&(struct job[]){look(id)}[0]), 0);
	assert_int_equal(rows_of(id), 0);
	assert_int_equal(rows_of(longer), 3);
	OK(project_version(db, &scope_local, &after, &err));
	assert_int_equal(after, before + 1);
	OK(job_counts(db, &scope_local, counts, &err));
	assert_int_equal(counts[JOB_REMOVED], 1);
	assert_int_equal(counts[JOB_COMPLETED], 2);
	OK(job_history(db, &scope_local, id, &arena, &events, &n, &err));
	assert_int_equal(events[n - 1].status, JOB_REMOVED);
	assert_string_equal(events[n - 1].actor, "processor");
	assert_string_equal(events[n - 1].reason, "kept for 1 ms");
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	/* Still found by its name, and deleted like any other. */
	struct job_page page;

	OK(job_list(db, &scope_local, &(struct job_filter){.q = "kept one"}, &arena, &page, &err));
	assert_int_equal(page.n, 3);
	OK(job_delete(db, &scope_local, id, &arena, gone, &err));
	assert_int_equal(gone[0].n, 0);
}

static void a_job_that_is_retried_in_time_is_kept(void **state)
{
	int64_t id = make_kept(1);

	(void)state;
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	usleep(3000);
	assert_true(due());
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	assert_false(due());
	assert_int_equal(retire(), 0);
	assert_int_equal(rows_of(id), 1);
}

static void retiring_is_done_in_small_parts(void **state)
{
	struct claim *c;
	size_t n = 0, parts = 0;

	(void)state;
	for (int i = 0; i < RETIRE_JOBS_MAX + 5; i++)
		make_kept(1);
	assert_int_equal(take(100, &c), RETIRE_JOBS_MAX + 5);
	for (int i = 0; i < RETIRE_JOBS_MAX + 5; i++)
		complete(&c[i], i < 2 ? RETIRE_FILES_MAX : 1);
	usleep(3000);
	/* The two with many files are a part each: the bound is looked at behind each job. */
	while (due()) {
		n += retire();
		parts++;
	}
	assert_int_equal(n, RETIRE_JOBS_MAX + 5);
	assert_true(parts >= 3 && parts <= 4);
}

/* Nobody but its processor knows it any more. */
static void is_hidden(int64_t id)
{
	int64_t counts[JOB_STATUS_MAX], bad;
	struct job_page page;
	struct job job;

	RC(RC_NOTFOUND, job_find(db, &scope_local, arena_printf(&arena, "%lld", (long long)id),
			    &arena, &job, &err));
	OK(job_list(db, &scope_local, &(struct job_filter){0}, &arena, &page, &err));
	assert_int_equal(page.n, 0);
	OK(job_list(db, &scope_local, &(struct job_filter){.q = "kept one"}, &arena, &page, &err));
	assert_int_equal(page.n, 0);
	OK(job_counts(db, &scope_local, counts, &err));
	for (int i = 0; i < JOB_STATUS_MAX; i++)
		assert_int_equal(counts[i], 0);
	RC(RC_NOTFOUND, job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	RC(RC_NOTFOUND, job_delete(db, &scope_local, id, &arena, gone, &err));
	RC(RC_NOTFOUND, job_remove(db, &scope_local, id, NULL, &arena, gone, &err));
	OK(check_run(db, NULL, report, NULL, &bad, &err));
	assert_int_equal(bad, 0);
}

static void a_running_job_is_deleted_when_its_processes_are_gone(void **state)
{
	int64_t id = make_kept(0);
	enum job_status status;
	struct claim *c;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(job_delete(db, &scope_local, id, &arena, gone, &err));
	assert_string_equal(gone[0].uuid, "");
	is_hidden(id);
	OK(claim_state(db, id, c->token, &status, &err));
	assert_int_equal(status, JOB_CANCELLED);
	assert_false(due());
	/* It had completed before its processor heard: the outputs are not wanted. */
	RC(RC_NOTFOUND, end(c, &completed));
	assert_true(due());
	is_hidden(id);
	assert_int_equal(retire(), 1);
	assert_string_equal(gone[0].uuid, c->job.uuid);
	assert_int_equal(gone[0].n, 1);
	assert_int_equal(rows_of(id), 0);
	assert_int_equal(retire(), 0);
}

static void a_deleted_job_whose_processor_dies_goes_too(void **state)
{
	int64_t id = make_kept(0), n, again;
	struct claim *c;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	/* Pending, and the processes of the last attempt live. */
	OK(job_delete(db, &scope_local, id, &arena, gone, &err));
	is_hidden(id);
	OK(db_begin(db, &err));
	OK(worker_expire(db, 1, &err));
	OK(claim_sweep(db, 0, &n, &again, &err));
	OK(db_commit(db, &err));
	assert_int_equal(take(1, &c), 0); /* it does not run again */
	assert_int_equal(retire(), 1);
	assert_int_equal(gone[0].n, 1);
}

static void files_are_removed_by_hand(void **state)
{
	int64_t id = make_kept(0);
	struct claim *c;

	(void)state;
	RC(RC_CONFLICT, job_remove(db, &scope_local, id, NULL, &arena, gone, &err));
	assert_int_equal(take(1, &c), 1);
	RC(RC_CONFLICT, job_remove(db, &scope_local, id, NULL, &arena, gone, &err));
	complete(c, 1);
	RC(RC_NOTFOUND, job_remove(db, &other_org, id, NULL, &arena, gone, &err));
	OK(job_remove(db, &scope_local, id, "by hand", &arena, gone, &err));
	assert_int_equal(gone[0].n, 2);
	assert_int_equal(look(id).status, JOB_REMOVED);
	RC(RC_CONFLICT, job_remove(db, &scope_local, id, NULL, &arena, gone, &err));
}

/* One job in a list has many outputs: no more of them are read than a list shows. */
static void a_job_with_many_outputs_costs_a_list_no_more(void **state)
{
	enum { MANY = 20000 };
	struct job_page page;
	struct file *files, one;
	struct claim *c;
	size_t n, seen = 0;
	int64_t id = make_kept(0), after = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		make_kept(0);
	assert_int_equal(take(31, &c), 31);
	for (int i = 0; i < 31; i++)
		complete(&c[i], c[i].job.id == id ? MANY : 2);
	OK(job_list(db, &scope_local, &(struct job_filter){.limit = 100}, &arena, &page, &err));
	OK(job_outputs(db, &scope_local, &page, &arena, &files, &n, &err));
	assert_int_equal(n, 30 * 2 + JOB_OUTPUTS_LISTED);
	for (size_t i = 0; i < n; i++)
		if (files[i].job_id == id)
			assert_string_equal(
			    files[i].name, arena_printf(&arena, "part-%04zu.txt", seen++));
	assert_int_equal(seen, JOB_OUTPUTS_LISTED);
	OK(job_files_shown(db, &scope_local, id, &arena, &files, &n, &err));
	assert_int_equal(n, 1 + JOB_FILES_SHOWN);
	for (seen = 0;; seen += n) {
		OK(job_files_part(
		    db, &scope_local, id, FILE_OUTPUT, after, 997, &arena, &files, &n, &err));
		if (!n)
			break;
		after = files[n - 1].id;
	}
	assert_int_equal(seen, MANY);
	OK(job_file_find(db, &scope_local, id, FILE_OUTPUT, "part-19999.txt", &arena, &one, &err));
	RC(RC_NOTFOUND,
	    job_file_find(db, &scope_local, id, FILE_INPUT, "part-19999.txt", &arena, &one, &err));
	RC(RC_NOTFOUND,
	    job_file_find(db, &other_org, id, FILE_OUTPUT, "part-0000.txt", &arena, &one, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(files_go_when_they_were_kept_long_enough),
	    TEST(a_job_that_is_retried_in_time_is_kept),
	    TEST(retiring_is_done_in_small_parts),
	    TEST(a_running_job_is_deleted_when_its_processes_are_gone),
	    TEST(a_deleted_job_whose_processor_dies_goes_too),
	    TEST(files_are_removed_by_hand),
	    TEST(a_job_with_many_outputs_costs_a_list_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
