/* Accepting files: what becomes of a batch, and what is refused without a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/accept.h"
#include "core/migrate.h"

static char dir[] = "/tmp/dropmill-accept-XXXXXX";
static struct config cfg = {.run_user = "nobody"};
static struct jobtypes types;
static struct arena arena;
static struct store store;
static struct db *db;
static struct err err;

static void ok(enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err.text);
}

static int set_up(void **state)
{
	static const char text[] =
	    "[job inspect]\ntitle = I\naccept = *\ncommand = true\nattempts = 3\n"
	    "[job csv]\ntitle = C\naccept = .csv\ncommand = true\ndefault = yes\nattempts = 1\n"
	    "[job gone]\ntitle = G\naccept = *\ncommand = true\n";
	int applied;

	(void)state;
	arena_init(&arena);
	assert_non_null(mkdtemp(dir));
	cfg.database = arena_printf(&arena, "%s/test.db", dir);
	cfg.store = arena_printf(&arena, "%s/store", dir);
	ok(migrate_run(&cfg, &applied, &err));
	ok(db_open(&cfg, &db, &err));
	ok(store_open(&cfg, &store, &err));
	ok(jobtype_parse(&types, "x.conf", text, strlen(text), &arena, &err));
	for (size_t i = 0; i < types.n; i++) {
		types.list[i].available = strcmp(types.list[i].name, "gone") != 0;
		types.list[i].version = (int64_t)i + 1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	db_close(db);
	store_close(&store);
	assert_int_equal(system(arena_printf(&arena, "rm -r %s", dir)), 0);
	arena_release(&arena);
	return 0;
}

static int files_in_store(void)
{
	FILE *p = popen(arena_printf(&arena, "find %s -type f | wc -l", cfg.store), "r");
	int n = -1;

	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return n;
}

static enum rc add(struct accept *ac, const char *content, const char *name,
    const char *content_type, const char *job_type)
{
	struct accept_file f = {name, strlen(name), content_type, job_type};
	const char *path = arena_printf(&arena, "%s/spooled", dir);
	int out = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600), fd;
	enum rc rc;

	assert_int_equal(write(out, content, strlen(content)), strlen(content));
	close(out);
	fd = open(path, O_RDONLY);
	err = (struct err){0};
	rc = accept_add(ac, fd, &f, &err);
	close(fd);
	unlink(path);
	return rc;
}

static void a_batch_becomes_jobs(void **state)
{
	struct accept ac;
	struct file *files;
	struct job job;
	size_t n;

	(void)state;
	accept_init(&ac, &store, &types, &arena);
	for (int i = 0; i < 9; i++)
		ok(add(
		    &ac, "a,b\n", arena_printf(&arena, "C:\\dir\\%d.csv", i), "text/plain", NULL));
	ok(add(&ac, "text", "notes", "text/plain", ""));
	ok(add(&ac, "a,b\n", "x.csv", "text/plain", "inspect"));
	ok(accept_sync(&ac, &err));
	ok(db_begin(db, &err));
	ok(accept_create(&ac, db, &scope_local, &err));
	ok(db_commit_durable(db, &err));
	assert_int_equal(files_in_store(), 11);
	for (size_t i = 0; i < ac.n; i++) {
		ok(job_find(db, &scope_local, ac.jobs[i].uuid, &arena, &job, &err));
		assert_string_equal(job.job_type, i < 9 ? "csv" : "inspect");
		assert_int_equal(job.type_version, i < 9 ? 1 : 3);
		assert_int_equal(job.max_retries, i < 9 ? 0 : 2);
		assert_int_equal(job.status, JOB_PENDING);
		ok(job_files(db, &scope_local, job.id, &arena, &files, &n, &err));
		assert_int_equal(n, 1);
		assert_string_equal(files[0].uuid, ac.files[i].uuid);
		assert_int_equal(files[0].size_bytes, 4);
	}
	assert_string_equal(ac.files[3].name, "3.csv");
	assert_int_equal(system(arena_printf(&arena, "rm -r %s/*", cfg.store)), 0);
}

static void refused_without_a_trace(void **state)
{
	struct jobtypes none = {0};
	struct accept ac;

	(void)state;
	accept_init(&ac, &store, &types, &arena);
	assert_int_equal(add(&ac, "", "empty", "inode/x-empty", NULL), RC_INVALID);
	assert_non_null(strstr(err.text, "file is empty"));
	assert_int_equal(add(&ac, "x", "..", "text/plain", NULL), RC_INVALID);
	assert_int_equal(add(&ac, "x", "\xff", "text/plain", NULL), RC_INVALID);
	assert_int_equal(add(&ac, "x", "a", "text/plain", "nope"), RC_INVALID);
	assert_non_null(strstr(err.text, "no such job type: \"nope\""));
	assert_int_equal(add(&ac, "x", "a", "text/plain", "gone"), RC_INVALID);
	assert_non_null(strstr(err.text, "not available"));
	assert_int_equal(add(&ac, "x", "a.csv", "image/png", "csv"), RC_INVALID);
	assert_non_null(strstr(err.text, "does not take \"a.csv\" (image/png)"));
	assert_int_equal(ac.n, 0);
	assert_int_equal(files_in_store(), 0);
	accept_init(&ac, &store, &none, &arena);
	assert_int_equal(add(&ac, "x", "a", "text/plain", NULL), RC_BUSY);
}

static void abandoned_files_leave_the_store(void **state)
{
	struct accept ac;

	(void)state;
	accept_init(&ac, &store, &types, &arena);
	ok(add(&ac, "x", "a", "text/plain", NULL));
	ok(add(&ac, "y", "b", "text/plain", NULL));
	assert_int_equal(files_in_store(), 2);
	accept_abandon(&ac);
	assert_int_equal(files_in_store(), 0);
	assert_int_equal(ac.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_becomes_jobs),
	    cmocka_unit_test(refused_without_a_trace),
	    cmocka_unit_test(abandoned_files_leave_the_store),
	};

	return cmocka_run_group_tests_name("accept", tests, set_up, tear_down);
}
