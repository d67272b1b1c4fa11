/*
 * Jobs on a real database: making, finding and listing them, and what people do to them.
 */
#include "core/idempotency.h"
#include "core/job_search.h"
#include "t/unit/jobs_fixture.h"

static void a_job_is_found_by_id_and_uuid_only_in_its_org(void **state)
{
	struct file file = {
	    .name = "in.csv", .content_type = "text/csv", .size_bytes = 5, .job_id = 0};
	struct job_new new = {
	    .name = "in.csv", .job_type = "a", .type_version = 3, .files = &file, .file_count = 1};
	struct job by_uuid;
	struct job_gone gone;
	struct file *files;
	struct job_event *events;
	size_t n;

	(void)state;
	uuid_new(file.uuid);
	OK(db_begin(db, &err));
	OK(job_create(db, &scope_local, &new, 1, &err));
	OK(db_commit_durable(db, &err));
	OK(job_find(db, &scope_local, new.uuid, &arena, &by_uuid, &err));
	assert_int_equal(by_uuid.id, new.id);
	assert_int_equal(by_uuid.size_bytes, 5);
	assert_int_equal(by_uuid.total_items, -1);
	for (char *p = new.uuid; *p; p++)
		*p = *p >= 'a' && *p <= 'f' ? (char)(*p - 32) : *p;
	OK(job_find(db, &scope_local, new.uuid, &arena, &by_uuid, &err));
	RC(RC_NOTFOUND, job_find(db, &other_org, new.uuid, &arena, &by_uuid, &err));
	RC(RC_NOTFOUND, job_find(db, &other_org, "1", &arena, &by_uuid, &err));
	RC(RC_NOTFOUND, job_find(db, &scope_local, "1 OR 1=1", &arena, &by_uuid, &err));
	RC(RC_NOTFOUND, job_find(db, &scope_local, "99", &arena, &by_uuid, &err));
	RC(RC_NOTFOUND, job_act(db, &other_org, new.id, JOB_CANCEL, NULL, &err));
	RC(RC_NOTFOUND, job_delete(db, &other_org, new.id, &arena, &gone, &err));
	OK(job_files(db, &other_org, new.id, &arena, &files, &n, &err));
	assert_int_equal(n, 0);
	OK(job_files(db, &scope_local, new.id, &arena, &files, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(files[0].name, "in.csv");
	OK(job_history(db, &scope_local, new.id, &arena, &events, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(events[0].status, JOB_PENDING);
	assert_string_equal(events[0].actor, "local");
	OK(job_delete(db, &scope_local, new.id, &arena, &gone, &err));
	assert_int_equal(gone.n, 1);
	assert_string_equal(gone.uuid, by_uuid.uuid);
	RC(RC_NOTFOUND, job_find(db, &scope_local, "1", &arena, &by_uuid, &err));
}

/* Walk all pages in one direction and back; every job is seen once each way, in order. */
static void walk(const struct job_filter *base, const int64_t *expect, size_t count)
{
	struct job_filter f = *base;
	struct job_page page;
	size_t seen = 0;

	do {
		OK(job_list(db, &scope_local, &f, &arena, &page, &err));
		for (size_t i = 0; i < page.n; i++)
			assert_int_equal(page.jobs[i].id, expect[seen + i]);
		assert_int_equal(page.more_before, seen > 0);
		seen += page.n;
		f.after = page.n ? page.jobs[page.n - 1].id : 0;
	} while (page.more_after);
	assert_int_equal(seen, count);
	f.after = 0;
	while (page.n && page.more_before) {
		seen -= page.n;
		f.before = page.jobs[0].id;
		OK(job_list(db, &scope_local, &f, &arena, &page, &err));
		for (size_t i = 0; i < page.n; i++)
			assert_int_equal(page.jobs[i].id, expect[seen - page.n + i]);
		assert_true(page.more_after);
	}
	assert_int_equal(seen, page.n);
}

static void pages_show_every_job_once_in_both_directions(void **state)
{
	static const char *const words[] = {"report", "photo", "M\xc3\xa4rz", "50%_off\"quoted\""};
	enum { N = 100 };
	int64_t ids[N], expect[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		char name[64];

		snprintf(name, sizeof name, "%s-%d.csv", words[i % 4], i);
		ids[i] = make(i % 3 ? "a" : "b", 0, name, 0);
		if (i % 5 == 0)
			OK(job_act(db, &scope_local, ids[i], JOB_CANCEL, NULL, &err));
	}
	for (int variant = 0; variant < 64; variant++) {
		struct job_filter f = {.limit = 7,
		    .oldest_first = variant & 1,
		    .by_status = variant & 2,
		    .status = JOB_CANCELLED,
		    .job_type = variant & 4 ? "b" : NULL,
		    .q = variant >> 3 ? words[(variant >> 3) % 4] : NULL};
		size_t count = 0;

		for (int k = 0; k < N; k++) {
			int i = f.oldest_first ? k : N - 1 - k;

			if ((!f.by_status || i % 5 == 0) && (!f.job_type || i % 3 == 0) &&
			    (!f.q || f.q == words[i % 4]))
				expect[count++] = ids[i];
		}
		walk(&f, expect, count);
	}
	struct job_filter f = {.limit = 101};
	struct job_page page;

	RC(RC_INVALID, job_list(db, &scope_local, &f, &arena, &page, &err));
	f = (struct job_filter){.q = "ab"};
	RC(RC_INVALID, job_list(db, &scope_local, &f, &arena, &page, &err));
	f = (struct job_filter){.q = "nothing like it"};
	OK(job_list(db, &scope_local, &f, &arena, &page, &err));
	assert_int_equal(page.n, 0);
	f = (struct job_filter){0};
	OK(job_list(db, &other_org, &f, &arena, &page, &err));
	assert_int_equal(page.n, 0);
	f.q = "report";
	OK(job_list(db, &other_org, &f, &arena, &page, &err));
	assert_int_equal(page.n, 0);
}

/* How many of the newest 100 that match have that number in their name. */
static size_t found(const char *word, int number)
{
	char q[32];
	struct job_filter f = {.q = q, .limit = 100};
	struct job_page page;

	snprintf(q, sizeof q, "%s-%03d", word, number);
	OK(job_list(db, &scope_local, &f, &arena, &page, &err));
	return page.n;
}

static void a_name_is_found_in_the_index_and_before_it_is_there(void **state)
{
	enum { N = 2 * SEARCH_BATCH + 2 };
	int64_t ids[N + 1];
	struct job_gone gone;
	char name[32];

	(void)state;
	for (int i = 1; i <= N; i++) {
		snprintf(name, sizeof name, "M\xc3\x84rz-%03d.csv", i);
		ids[i] = make("a", 0, name, 0);
		assert_int_equal(found("m\xc3\xa4RZ", i), 1);
		assert_int_equal(found("m\xc3\xa4rz", i + 1), 0);
	}
	for (int i = 1; i <= N; i++)
		assert_int_equal(found("\xc3\xa4rz", i), 1);
	/* The newest of the index, the oldest outside of it, and the newest of all. */
	for (int i = 2 * SEARCH_BATCH; i <= N; i++) {
		OK(job_delete(db, &scope_local, ids[i], &arena, &gone, &err));
		assert_int_equal(found("\xc3\xa4rz", i), 0);
	}
	assert_int_equal(found("\xc3\xa4rz", 2 * SEARCH_BATCH - 1), 1);
	for (int i = 2 * SEARCH_BATCH; i <= N; i++) {
		snprintf(name, sizeof name, "another-%03d", i);
		make("a", 0, name, 0);
		assert_int_equal(found("another", i), 1);
	}
}

static void an_action_happens_once_and_is_counted(void **state)
{
	int64_t counts[JOB_STATUS_MAX], before, after, id = make("a", 0, "x", 0);

	(void)state;
	OK(project_version(db, &scope_local, &before, &err));
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	OK(job_act(db, &scope_local, id, JOB_CANCEL, "by hand", &err));
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_CANCEL, NULL, &err));
	assert_non_null(strstr(err.text, "retry"));
	OK(project_version(db, &scope_local, &after, &err));
	assert_int_equal(after, before + 1);
	OK(job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	RC(RC_CONFLICT, job_act(db, &scope_local, id, JOB_RETRY, NULL, &err));
	assert_int_equal(look(id).retry_count, 1);
	assert_int_equal(look(id).completed_at, 0);
	OK(job_counts(db, &scope_local, counts, &err));
	assert_int_equal(counts[JOB_PENDING], 1);
	assert_int_equal(counts[JOB_CANCELLED], 0);
}

static void a_repeated_request_gets_the_first_answer(void **state)
{
	const char *answer = NULL;

	(void)state;
	RC(RC_NOTFOUND, idempotency_lookup(db, &scope_local, "k", "h1", &arena, &answer, &err));
	OK(db_begin(db, &err));
	OK(idempotency_store(db, &scope_local, "k", "h1", "{\"jobs\":[1]}", &err));
	OK(db_commit_durable(db, &err));
	OK(idempotency_lookup(db, &scope_local, "k", "h1", &arena, &answer, &err));
	assert_string_equal(answer, "{\"jobs\":[1]}");
	RC(RC_INVALID, idempotency_lookup(db, &scope_local, "k", "h2", &arena, &answer, &err));
	RC(RC_NOTFOUND, idempotency_lookup(db, &other_org, "k", "h1", &arena, &answer, &err));
	OK(db_begin(db, &err));
	RC(RC_CONFLICT, idempotency_store(db, &scope_local, "k", "h2", "{}", &err));
	db_rollback(db);
}

static void an_answer_is_kept_for_a_day(void **state)
{
	const int64_t day = INT64_C(86400000);
	const char *answer = NULL;
	int rounds = 0;
	bool more;

	(void)state;
	OK(db_begin(db, &err));
	for (int i = 0; i < 1200; i++) {
		char key[16];

		snprintf(key, sizeof key, "old %d", i);
		OK(db_exec(db, SQL_IDEMPOTENCY_PUT,
		    DB_ARGS(DB_INT(1), DB_TEXT(key), DB_TEXT("h"), DB_TEXT("{}"),
			DB_INT(clock_wall_ms() - day - 1), DB_INT(0)),
		    &err));
	}
	OK(idempotency_store(db, &scope_local, "new", "h", "{}", &err));
	OK(idempotency_store(db, &scope_local, "old 1", "another", "{}", &err));
	OK(db_commit(db, &err));
	RC(RC_NOTFOUND, idempotency_lookup(db, &scope_local, "old 0", "h", &arena, &answer, &err));
	do {
		OK(idempotency_sweep(db, &more, &err));
		rounds++;
	} while (more);
	assert_in_range(rounds, 3, 5);
	/* Nothing is left of the old ones: what would not be taken from an older one is. */
	OK(db_begin(db, &err));
	OK(db_exec(db, SQL_IDEMPOTENCY_PUT,
	    DB_ARGS(DB_INT(1), DB_TEXT("old 0"), DB_TEXT("h"), DB_TEXT("{}"), DB_INT(1), DB_INT(0)),
	    &err));
	assert_int_equal(db_changes(db), 1);
	db_rollback(db);
	OK(idempotency_lookup(db, &scope_local, "new", "h", &arena, &answer, &err));
	OK(idempotency_lookup(db, &scope_local, "old 1", "another", &arena, &answer, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_job_is_found_by_id_and_uuid_only_in_its_org),
	    TEST(pages_show_every_job_once_in_both_directions),
	    TEST(a_name_is_found_in_the_index_and_before_it_is_there),
	    TEST(an_action_happens_once_and_is_counted),
	    TEST(a_repeated_request_gets_the_first_answer),
	    TEST(an_answer_is_kept_for_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
