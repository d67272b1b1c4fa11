/*
 * A copy of the database that can stand alone: one moment of it whatever is written meanwhile, at
 * rest, and in step with what the original let go of since.
 */
#include "t/unit/jobs_fixture.h"

#include <sys/stat.h>

#include "core/snapshot.h"

static struct db *copy;
static const char *path;

static bool no_word(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	return done <= total;
}

/* Copy it as a backup does; the fixture's `db` stays the original. */
static void snapshot(void)
{
	path = arena_printf(&arena, "%s/copy.db", dir);
	OK(db_copy(db, path, no_word, NULL, &err));
	OK(db_open_copy(path, &copy, &err));
	OK(snapshot_rest(copy, &err));
}

static void close_copy(void)
{
	int64_t bad;

	OK(check_run(copy, NULL, report, NULL, &bad, &err));
	assert_int_equal(bad, 0);
	OK(db_checkpoint(copy, &err));
	db_close(copy);
	copy = NULL;
}

static int64_t make_filed(const char *name)
{
	struct file input = {.name = "in.txt", .content_type = "text/plain", .size_bytes = 3};
	struct job_new job = {
	    .name = name, .job_type = "a", .type_version = 1, .files = &input, .file_count = 1};

	uuid_new(input.uuid);
	OK(db_begin(db, &err));
	OK(job_create(db, &scope_local, &job, 1, &err));
	OK(db_commit(db, &err));
	return job.id;
}

/* The job as the copy has it; false: it has none. */
static bool copied(int64_t id, struct job *out)
{
	enum rc rc = job_find(
	    copy, &scope_local, arena_printf(&arena, "%lld", (long long)id), &arena, out, &err);

	assert_true(rc == RC_OK || rc == RC_NOTFOUND);
	return rc == RC_OK;
}

static void what_ran_is_handed_back(void **state)
{
	int64_t runs = make("a", 3, "runs", 0), paused = make("a", 2, "paused", 0),
		doomed = make("a", 1, "doomed", 0), waits = make("a", 0, "waits", 0), worker;
	struct job_gone gone;
	struct job_event *events;
	struct claim *c;
	struct worker *list;
	struct job job;
	size_t n;

	(void)state;
	OK(db_begin(db, &err));
	OK(worker_begin(db, "here/1", "here", "{}", &worker, &err));
	OK(db_commit(db, &err));
	assert_int_equal(take(3, &c), 3);
	OK(job_act(db, &scope_local, paused, JOB_PAUSE, NULL, &err));
	OK(job_delete(db, &scope_local, doomed, &arena, &gone, &err));
	snapshot();
	assert_true(copied(runs, &job));
	assert_int_equal(job.status, JOB_PENDING);
	assert_int_equal(job.retry_count, 0);
	assert_null(job.error);
	OK(job_history(copy, &scope_local, runs, &arena, &events, &n, &err));
	assert_string_equal(events[n - 1].actor, "backup");
	assert_true(copied(paused, &job));
	assert_int_equal(job.status, JOB_PAUSED);
	assert_true(copied(waits, &job));
	assert_int_equal(job.status, JOB_PENDING);
	OK(worker_list(copy, &arena, &list, &n, &err));
	assert_int_equal(n, 0);
	/* The original runs on. */
	assert_int_equal(look(runs).status, JOB_PROCESSING);
	OK(worker_list(db, &arena, &list, &n, &err));
	assert_int_equal(n, 1);
	/* The deleted one is gone for good, not only for people. */
	OK(db_begin(copy, &err));
	RC(RC_NOTFOUND,
	    db_one(copy, &(struct db_cursor){0}, SQL_RETIRE_DOOMED, DB_ARGS(DB_INT(1)), &err));
	db_rollback(copy);
	close_copy();
}

static void nobody_is_signed_in(void **state)
{
	const int64_t late = clock_wall_ms() + 1000000;
	struct db_cursor cur;

	(void)state;
	OK(db_begin(db, &err));
	OK(db_exec(db, SQL_LINK_INSERT,
	    DB_ARGS(DB_TEXT("one"), DB_INT(1), DB_INT(2), DB_INT(1), DB_INT(late)), &err));
	OK(db_exec(db, SQL_SESSION_INSERT,
	    DB_ARGS(DB_TEXT("two"), DB_INT(1), DB_INT(2), DB_INT(0), DB_TEXT(""), DB_TEXT(""),
		DB_INT(1), DB_INT(late)),
	    &err));
	OK(db_commit(db, &err));
	snapshot();
	OK(db_one(db, &cur, SQL_LINK_GET, DB_ARGS(DB_TEXT("one"), DB_INT(2)), &err));
	db_finish(&cur);
	RC(RC_NOTFOUND, db_one(copy, &cur, SQL_LINK_GET, DB_ARGS(DB_TEXT("one"), DB_INT(2)), &err));
	OK(db_one(db, &cur, SQL_SESSION_GET, DB_ARGS(DB_TEXT("two"), DB_INT(0), DB_INT(0)), &err));
	db_finish(&cur);
	RC(RC_NOTFOUND, db_one(copy, &cur, SQL_SESSION_GET,
			    DB_ARGS(DB_TEXT("two"), DB_INT(0), DB_INT(0)), &err));
	close_copy();
}

struct collected {
	struct stored list[8];
	size_t n;
};

static enum rc collect(void *arg, const struct stored *f, struct err *e)
{
	struct collected *all = arg;

	(void)e;
	assert_true(all->n < 8);
	all->list[all->n] = *f;
	all->list[all->n++].uuid = arena_strdup(&arena, f->uuid);
	return RC_OK;
}

static void what_was_let_go_of_since_goes(void **state)
{
	int64_t deleted = make_filed("deleted"), removed = make_filed("removed"),
		ended = make_filed("ended"), stays = make_filed("stays");
	struct collected all = {0};
	struct job_gone gone;
	struct claim *c;
	struct job job;
	bool missing;

	(void)state;
	OK(job_act(db, &scope_local, ended, JOB_CANCEL, NULL, &err));
	snapshot();
	OK(job_delete(db, &scope_local, deleted, &arena, &gone, &err));
	OK(job_remove(db, &scope_local, ended, "no room", &arena, &gone, &err));
	/* Pending in the copy; by now it has run, and its files were removed. */
	assert_int_equal(take(1, &c), 1);
	assert_int_equal(c->job.id, removed);
	OK(end(c, &completed));
	OK(job_remove(db, &scope_local, removed, "no room", &arena, &gone, &err));
	OK(stored_files(copy, collect, &all, &err));
	assert_int_equal(all.n, 4);
	for (size_t i = 0; i < all.n; i++) {
		OK(snapshot_gone(copy, db, &all.list[i], &missing, &err));
		assert_int_equal(missing, all.list[i].job_id == stays);
	}
	assert_false(copied(deleted, &job));
	assert_true(copied(removed, &job));
	assert_int_equal(job.status, JOB_REMOVED);
	assert_true(copied(ended, &job));
	assert_int_equal(job.status, JOB_REMOVED);
	assert_true(copied(stays, &job));
	assert_int_equal(job.status, JOB_PENDING);
	close_copy();
}

static void an_archive_is_only_dropped(void **state)
{
	int64_t id = make_filed("zipped"), bytes;
	struct collected all = {0};
	char uuid[UUID_SIZE];
	struct claim *c;
	struct job job;
	bool missing;

	(void)state;
	assert_int_equal(take(1, &c), 1);
	OK(end(c, &completed));
	OK(db_begin(db, &err));
	OK(db_exec(db, SQL_FILE_INSERT,
	    DB_ARGS(DB_TEXT(uuid_new(uuid)), DB_INT(1), DB_INT(id), DB_INT(FILE_ARCHIVE),
		DB_TEXT("files.zip"), DB_INT(9), DB_TEXT("application/zip"), DB_TEXT(NULL),
		DB_INT(1), DB_TEXT(NULL)),
	    &err));
	OK(db_commit(db, &err));
	snapshot();
	OK(stored_files(copy, collect, &all, &err));
	assert_int_equal(all.n, 2);
	OK(db_begin(db, &err));
	for (size_t i = 0; i < 2; i++)
		OK(db_exec(db, SQL_ARCHIVE_DROP, DB_ARGS(DB_INT(all.list[i].id)), &err));
	OK(db_commit(db, &err));
	for (size_t i = 0; i < 2; i++) {
		OK(snapshot_gone(copy, db, &all.list[i], &missing, &err));
		assert_int_equal(missing, all.list[i].kind != FILE_ARCHIVE);
	}
	assert_true(copied(id, &job));
	assert_int_equal(job.status, JOB_COMPLETED);
	OK(stored_bytes(copy, &bytes, &err));
	assert_int_equal(bytes, 3);
	close_copy();
}

/* Every word on how far it is makes another job, by another connection, as others would. */
static bool write_on(void *arg, int64_t done, int64_t total)
{
	struct db *other = arg, *own = db;
	static int words;

	(void)done;
	(void)total;
	db = other;
	for (int i = 0; i < 40; i++)
		make("a", 0, "one that came later and has a longer name than most", 0);
	db_checkpoint(db, NULL); /* the reader is in its way */
	db = own;
	return ++words < 10; /* a copy that begins anew each time never ends */
}

static void a_copy_is_of_one_moment(void **state)
{
	struct db_cursor cur;
	struct db *other;
	int64_t jobs;

	(void)state;
	/* More than one step of the copy. */
	OK(db_begin(db, &err));
	for (int i = 0; i < 12; i++)
		OK(db_exec(db, SQL_SETTING_PUT,
		    DB_ARGS(DB_TEXT(arena_printf(&arena, "filler %d", i)),
			DB_TEXT(memset(arena_zalloc(&arena, 1000001), 'x', 1000000))),
		    &err));
	OK(db_commit(db, &err));
	for (int i = 0; i < 10; i++)
		make("a", 0, "before", 0);
	OK(db_open(&cfg, &other, &err));
	path = arena_printf(&arena, "%s/copy.db", dir);
	OK(db_copy(db, path, write_on, other, &err));
	db_close(other);
	OK(db_open_copy(path, &copy, &err));
	OK(db_one(copy, &cur, SQL_SEED_LAST, DB_NO_ARGS, &err));
	assert_int_equal(db_int(&cur, 0), 10);
	db_finish(&cur);
	OK(db_one(db, &cur, SQL_SEED_LAST, DB_NO_ARGS, &err));
	jobs = db_int(&cur, 0);
	db_finish(&cur);
	assert_true(jobs >= 90); /* it was told of twice or more */
	close_copy();
}

static bool enough(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	return false;
}

static void a_copy_stops_when_told(void **state)
{
	(void)state;
	path = arena_printf(&arena, "%s/copy.db", dir);
	RC(RC_DONE, db_copy(db, path, enough, NULL, &err));
	make("a", 0, "and the original can be used", 0);
	RC(RC_DB,
	    db_copy(db, arena_printf(&arena, "%s/nowhere/copy.db", dir), no_word, NULL, &err));
	make("a", 0, "still", 0);
}

/* Nothing beside it but its log: no lock of ours, which not every filesystem has. */
static void a_copy_has_nothing_beside_it(void **state)
{
	static const char *const suffixes[] = {"-shm", "-next.lock", "-cur.lock", "-journal"};
	struct stat st;

	(void)state;
	make("a", 0, "one", 0);
	snapshot();
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		assert_int_not_equal(stat(arena_printf(&arena, "%s%s", path, suffixes[i]), &st), 0);
	close_copy();
	assert_int_equal(stat(arena_printf(&arena, "%s-wal", path), &st), 0);
	assert_int_equal(st.st_size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_ran_is_handed_back),
	    TEST(nobody_is_signed_in),
	    TEST(what_was_let_go_of_since_goes),
	    TEST(an_archive_is_only_dropped),
	    TEST(a_copy_is_of_one_moment),
	    TEST(a_copy_stops_when_told),
	    TEST(a_copy_has_nothing_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
