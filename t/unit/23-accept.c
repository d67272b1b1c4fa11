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
#include "core/secret.h"

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
	    "[job gone]\ntitle = G\naccept = *\ncommand = true\n"
	    "[job merge]\ntitle = M\naccept = *\ncommand = true {inputs}\ninputs = many\n"
	    "[job par]\ntitle = P\naccept = *\ncommand = true\nparam.n = integer required\n"
	    "param.f = file\nparam.pw = secret\n";
	int applied;

	(void)state;
	arena_init(&arena);
	assert_non_null(mkdtemp(dir));
	cfg.database = arena_printf(&arena, "%s/test.db", dir);
	cfg.store = arena_printf(&arena, "%s/store", dir);
	cfg.secret_key = arena_printf(&arena, "%s/secret.key", dir);
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
	accept_init(&ac, &cfg, &store, &types, &arena);
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
		assert_string_equal(files[0].uuid, ac.files[i].file.uuid);
		assert_int_equal(files[0].size_bytes, 4);
	}
	assert_string_equal(ac.files[3].file.name, "3.csv");
	assert_int_equal(system(arena_printf(&arena, "rm -r %s/*", cfg.store)), 0);
}

static void many_files_are_one_job(void **state)
{
	struct accept ac;
	struct file *files;
	struct job job;
	size_t n;

	(void)state;
	accept_init(&ac, &cfg, &store, &types, &arena);
	ok(add(&ac, "1", "a", "text/plain", "merge"));
	ok(add(&ac, "2", "b", "text/plain", "inspect"));
	ok(add(&ac, "3", "c", "text/plain", "merge"));
	assert_int_equal(add(&ac, "", "d", "text/plain", "merge"), RC_INVALID);
	ok(add(&ac, "4", "e", "text/plain", "merge"));
	assert_int_equal(ac.n, 2);
	ok(db_begin(db, &err));
	ok(accept_create(&ac, db, &scope_local, &err));
	ok(db_commit_durable(db, &err));
	ok(job_find(db, &scope_local, ac.jobs[0].uuid, &arena, &job, &err));
	assert_string_equal(job.name, "a and 2 more");
	assert_int_equal(job.size_bytes, 3);
	ok(job_files(db, &scope_local, job.id, &arena, &files, &n, &err));
	assert_int_equal(n, 3);
	assert_string_equal(files[1].name, "c");
	assert_string_equal(files[2].name, "e");
	assert_int_equal(system(arena_printf(&arena, "rm -r %s/*", cfg.store)), 0);
}

#define GIVEN(n, v)                                                                          \
	{                                                                                    \
		.name = n, .name_len = sizeof(n) - 1, .value = v, .value_len = sizeof(v) - 1 \
	}

static void parameters(void **state)
{
	struct param_given given[] = {GIVEN("n", "5"), GIVEN("pw", "hunter2"), GIVEN("f", "s.css")};
	int fds[] = {-1, -1, -1};
	const char *content_types[] = {NULL, NULL, "text/css"};
	struct accept_params params = {given, 3, fds, content_types, false};
	const struct jobtype *type = jobtype_find(&types, "par");
	const char *sealed, *values[4] = {0};
	struct accept ac;
	struct file *files;
	struct job job;
	size_t n;

	(void)state;
	given[2].is_file = true;
	/* A file of ours, since the store takes links. */
	fds[2] = open(arena_printf(&arena, "%s/s.css", dir), O_CREAT | O_RDWR, 0600);
	assert_int_equal(write(fds[2], "p {}", 4), 4);
	accept_init(&ac, &cfg, &store, &types, &arena);
	assert_int_equal(add(&ac, "1", "a", "text/plain", "par"), RC_INVALID);
	assert_string_equal(ac.field, "params.n");
	accept_params(&ac, &params);
	params.exposed = true;
	accept_params(&ac, &params);
	assert_int_equal(add(&ac, "1", "a", "text/plain", "par"), RC_INVALID);
	assert_string_equal(ac.field, "params.pw");
	params.exposed = false;
	accept_params(&ac, &params);
	assert_int_equal(add(&ac, "1", "a", "text/plain", "inspect"), RC_INVALID);
	assert_string_equal(ac.field, "params.n");
	assert_int_equal(files_in_store(), 0);
	ok(add(&ac, "1", "a", "text/plain", "par"));
	ok(add(&ac, "2", "b", "text/plain", "par"));
	assert_int_equal(files_in_store(), 4);
	ok(db_begin(db, &err));
	ok(accept_create(&ac, db, &scope_local, &err));
	ok(db_commit_durable(db, &err));
	ok(job_find(db, &scope_local, ac.jobs[1].uuid, &arena, &job, &err));
	assert_string_equal(
	    job.params, "{\"n\":\"5\",\"f\":\"s.css\",\"pw\":\"" PARAM_HIDDEN "\"}");
	ok(job_files(db, &scope_local, job.id, &arena, &files, &n, &err));
	assert_int_equal(n, 2);
	assert_null(files[0].param);
	assert_string_equal(files[1].param, "f");
	ok(secret_load(db, 1, job.id, &arena, &sealed, &err));
	assert_null(strstr(sealed, "hunter"));
	ok(secret_open(&cfg, &type->params, sealed, &arena, values, &err));
	assert_string_equal(values[2], "hunter2");
	close(fds[2]);
	accept_abandon(&ac);
	assert_int_equal(files_in_store(), 0);
}

static void secrets_at_rest(void **state)
{
	const struct params *p = &jobtype_find(&types, "par")->params;
	const char *values[3] = {"5", NULL, NULL}, *first, *second, *back[3] = {0};
	char one[65], two[65], *damaged;

	(void)state;
	ok(secret_seal(&cfg, p, values, &arena, &first, &err));
	assert_null(first);
	values[2] = "p=w\xc3\xa4";
	ok(secret_seal(&cfg, p, values, &arena, &first, &err));
	ok(secret_seal(&cfg, p, values, &arena, &second, &err));
	assert_string_not_equal(first, second);
	ok(secret_open(&cfg, p, first, &arena, back, &err));
	assert_string_equal(back[2], "p=w\xc3\xa4");
	assert_null(back[0]);
	for (size_t i = 0; first[i]; i++) {
		damaged = arena_strdup(&arena, first);
		damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
		if (i + 4 < strlen(first))
			assert_int_equal(
			    secret_open(&cfg, p, damaged, &arena, back, &err), RC_INVALID);
	}
	assert_int_equal(secret_open(&cfg, p, "", &arena, back, &err), RC_INVALID);
	assert_int_equal(secret_open(&cfg, p, "!!", &arena, back, &err), RC_INVALID);
	values[2] = arena_strdup(&arena, "gone");
	secret_wipe(p, values);
	assert_memory_equal(values[2], "\0\0\0\0", 4);
	ok(secret_digest(&cfg, "a", 1, one, &err));
	ok(secret_digest(&cfg, "b", 1, two, &err));
	assert_string_not_equal(one, two);
	assert_int_equal(truncate(cfg.secret_key, 31), 0);
	assert_int_equal(secret_open(&cfg, p, first, &arena, back, &err), RC_SYS);
	assert_int_equal(unlink(cfg.secret_key), 0);
	assert_int_equal(secret_open(&cfg, p, first, &arena, back, &err), RC_SYS);
	ok(secret_digest(&cfg, "a", 1, two, &err));
	assert_string_not_equal(one, two);
	assert_int_equal(secret_open(&cfg, p, first, &arena, back, &err), RC_INVALID);
}

static void refused_without_a_trace(void **state)
{
	struct jobtypes none = {0};
	struct accept ac;

	(void)state;
	accept_init(&ac, &cfg, &store, &types, &arena);
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
	accept_init(&ac, &cfg, &store, &none, &arena);
	assert_int_equal(add(&ac, "x", "a", "text/plain", NULL), RC_BUSY);
}

static void abandoned_files_leave_the_store(void **state)
{
	struct accept ac;

	(void)state;
	accept_init(&ac, &cfg, &store, &types, &arena);
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
	    cmocka_unit_test(many_files_are_one_job),
	    cmocka_unit_test(parameters),
	    cmocka_unit_test(secrets_at_rest),
	    cmocka_unit_test(refused_without_a_trace),
	    cmocka_unit_test(abandoned_files_leave_the_store),
	};

	return cmocka_run_group_tests_name("accept", tests, set_up, tear_down);
}
