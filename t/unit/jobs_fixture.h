/*
 * A database of its own for each test of jobs and claims, and the steps these tests are made of.
 * The invariants are checked after each.
 */
#ifndef JOBS_FIXTURE_H
#define JOBS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/migrate.h"

static char dir[64];
static struct config cfg;
static struct arena arena;
static struct db *db;
static struct err err;
static __attribute__((unused))
const struct scope other_org = {.org_id = 2, .project_id = 2, .user_id = 2, .user_name = "eve"};

#define OK(call) assert_rc((call), RC_OK, __LINE__)
#define RC(expected, call) assert_rc((call), (expected), __LINE__)

static __attribute__((unused)) void assert_rc(enum rc rc, enum rc expected, int line)
{
	if (rc != expected)
		fail_msg("line %d: %s instead of %s: %s", line, rc_name(rc), rc_name(expected),
		    err.text);
}

static __attribute__((unused)) int remove_entry(
    const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static __attribute__((unused)) int setup(void **state)
{
	int applied;

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/dropmill-jobs-XXXXXX");
	assert_non_null(mkdtemp(dir));
	arena_init(&arena);
	cfg.database = arena_printf(&arena, "%s/test.db", dir);
	OK(migrate_run(&cfg, &applied, &err));
	assert_true(applied > 0);
	OK(db_open(&cfg, &db, &err));
	return 0;
}

static __attribute__((unused)) void report(void *arg, const char *text)
{
	(void)arg;
	print_error("invariant broken: %s\n", text);
}

static __attribute__((unused)) int teardown(void **state)
{
	int64_t bad = 0;

	(void)state;
	OK(check_run(db, NULL, report, NULL, &bad, &err));
	db_close(db);
	db = NULL;
	arena_release(&arena);
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return bad ? -1 : 0;
}

/* A job of a type with a priority; its id. */
static __attribute__((unused)) int64_t make(
    const char *type, int64_t priority, const char *name, int64_t max_retries)
{
	struct job_new job = {.name = name,
	    .job_type = type,
	    .type_version = 1,
	    .priority = priority,
	    .max_retries = max_retries};

	OK(db_begin(db, &err));
	OK(job_create(db, &scope_local, &job, 1, &err));
	OK(db_commit_durable(db, &err));
	return job.id;
}

static __attribute__((unused)) struct job look(int64_t id)
{
	struct job job;
	char key[24];

	snprintf(key, sizeof key, "%lld", (long long)id);
	OK(job_find(db, &scope_local, key, &arena, &job, &err));
	return job;
}

/* Claim up to `want` of the types a and b. */
static __attribute__((unused)) size_t take(size_t want, struct claim **out)
{
	struct claim_slot slots[] = {{.job_type = "a"}, {.job_type = "b"}};
	struct claim_ask ask = {
	    .worker_id = 1, .slots = slots, .slot_count = 2, .want = want, .lease_ms = 60000};
	bool ready;
	size_t n;

	OK(claim_ready(db, &ask, &arena, &ready, &err));
	OK(db_begin(db, &err));
	OK(claim_take(db, &ask, &arena, out, &n, &err));
	assert_int_equal(ready, n > 0);
	OK(db_commit(db, &err));
	return n;
}

static __attribute__((unused)) enum rc end(const struct claim *c, const struct claim_end *how)
{
	enum rc rc;

	OK(db_begin(db, &err));
	rc = claim_end(db, c->job.id, c->token, how, &err);
	OK(db_commit_durable(db, &err));
	return rc;
}

#define NO_FIGURES .cpu_ms = -1, .peak_bytes = -1, .log_bytes = -1
static __attribute__((unused))
const struct claim_end completed = {.action = JOB_COMPLETE, .result = "fine", NO_FIGURES};
static __attribute__((unused))
const struct claim_end failed = {.action = JOB_FAIL, .error = "broken", NO_FIGURES};
static __attribute__((unused))
const struct claim_end cancelled = {.action = JOB_CANCEL, NO_FIGURES};
static __attribute__((unused))
const struct claim_end lost = {.action = JOB_RELEASE, .error = "lost", .counts = true, NO_FIGURES};

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
