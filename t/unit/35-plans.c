/*
 * The plan of every statement: by an index, without sorting, and the same with many rows as with
 * none.
 *
 * Statements are taken from the table of all, so a new one is tested by being there. `scan:` and
 * `sort:` in its text, with a reason, allow what the plan would fail for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/migrate.h"
#include "core/seed.h"

#define SEEDED 50000

static char dir[] = "/tmp/dropmill-plans-XXXXXX";
static char path[64];
static const struct config config = {.database = path};

/* What EXPLAIN QUERY PLAN says, one line per step, or "" for what has no plan. */
static void explain(sqlite3 *db, const char *text, struct buf *out)
{
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *s;

	buf_clear(out);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	while (sqlite3_step(s) == SQLITE_ROW)
		buf_printf(out, "%s\n", (const char *)sqlite3_column_text(s, 3));
	sqlite3_finalize(s);
	sqlite3_free(sql);
}

/* A marker is followed by words, not by the end of the comment. */
static bool marked(const char *text, const char *marker)
{
	const char *at = strstr(text, marker);

	if (!at)
		return false;
	at += strlen(marker);
	at += strspn(at, " ");
	return strncmp(at, "*/", 2) != 0 && *at != '\0';
}

/* Of what stands behind SCAN: reads it a whole table? Not a subquery's own rows; nor a virtual
 * table that says by what it searches, as in `job_search VIRTUAL TABLE INDEX 0:M2`. */
static bool whole_table(const char *scanned)
{
	const char *index = strstr(scanned, "VIRTUAL TABLE INDEX "),
		   *end = strchrnul(scanned, '\n');

	if (index && index < end) {
		const char *by = strchr(index, ':');

		return !by || by + 1 >= end;
	}
	return strncmp(scanned, "CONSTANT ROW", 12) && strncmp(scanned, "(subquery", 9);
}

/* Why a plan is refused; NULL: it is not. */
static const char *fault(const char *plan, const char *text)
{
	const char *line = plan;

	if (strstr(plan, "TEMP B-TREE") && !marked(text, "sort:"))
		return "sorts";
	while ((line = strstr(line, "SCAN "))) {
		line += 5;
		if (whole_table(line) && !marked(text, "scan:"))
			return "scans";
	}
	if (strstr(plan, "AUTOMATIC") && !marked(text, "scan:"))
		return "builds an index";
	return NULL;
}

static sqlite3 *open_database(void)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	return db;
}

static void remember_plans(struct buf plans[static SQL_MAX])
{
	sqlite3 *db = open_database();

	for (int i = 0; i < SQL_MAX; i++) {
		buf_init(&plans[i]);
		explain(db, db_sql_text((enum sql_id)i), &plans[i]);
	}
	sqlite3_close(db);
}

static int count_faults(struct buf plans[static SQL_MAX])
{
	int faults = 0;

	for (int i = 0; i < SQL_MAX; i++) {
		const char *why = fault(plans[i].data, db_sql_text((enum sql_id)i));

		if (!why)
			continue;
		faults++;
		print_error("%s %s:\n%s", db_sql_name((enum sql_id)i), why, plans[i].data);
	}
	return faults;
}

static void seed_projects(void)
{
	struct seed_options options = {.count = SEEDED / 10, .start_ms = INT64_C(1790000000000)};
	struct scope scope = scope_local;
	struct err err = {0};
	struct db *db;
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(raw,
		"INSERT INTO orgs (id, uuid, name, created_at) VALUES (2, 'u2', 'second', 0);"
		"INSERT INTO projects (id, org_id, name, created_at) VALUES "
		"(2, 1, 'b', 0), (3, 1, 'c', 0), (4, 2, 'd', 0)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(raw);
	if (db_open(&config, &db, &err) != RC_OK)
		fail_msg("%s", err.text);
	for (int64_t project = 2; project <= 4; project++) {
		scope.project_id = project;
		scope.org_id = project == 4 ? 2 : 1;
		if (seed_run(db, &scope, &options, &err) != RC_OK)
			fail_msg("%s", err.text);
	}
	options.pending_type = "inspect";
	if (seed_run(db, &scope_local, &options, &err) != RC_OK)
		fail_msg("%s", err.text);
	options.pending_type = NULL;
	options.count = SEEDED - 4 * options.count;
	if (seed_run(db, &scope_local, &options, &err) != RC_OK)
		fail_msg("%s", err.text);
	db_close(db);
}

static struct buf empty[SQL_MAX], seeded[SQL_MAX];

static void plans_on_an_empty_database_use_indexes(void **state)
{
	(void)state;
	remember_plans(empty);
	assert_int_equal(count_faults(empty), 0);
}

static void plans_on_a_seeded_database_are_the_same(void **state)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	(void)state;
	seed_projects();
	db = open_database();
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT COUNT(*) FROM jobs", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), SEEDED);
	sqlite3_finalize(s);
	sqlite3_close(db);
	remember_plans(seeded);
	assert_int_equal(count_faults(seeded), 0);
	for (int i = 0; i < SQL_MAX; i++)
		if (strcmp(empty[i].data, seeded[i].data) != 0)
			fail_msg("%s: empty\n%sseeded\n%s", db_sql_name((enum sql_id)i),
			    empty[i].data, seeded[i].data);
}

/* The test can fail: these are what it is there to find. */
static void bad_plans_are_found(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
	    {"SELECT id FROM jobs WHERE name = $1", "scans"},
	    {"SELECT id FROM jobs WHERE name = $1 /* scan: */", "scans"},
	    {"SELECT id FROM jobs WHERE name = $1 /* scan: a test */", NULL},
	    {"SELECT id FROM jobs WHERE project_id = $1 ORDER BY name LIMIT 25", "sorts"},
	    {"SELECT COUNT(*) FROM jobs", "scans"},
	    {"SELECT DISTINCT error FROM jobs WHERE project_id = $1", "sorts"},
	    {"SELECT id FROM jobs WHERE project_id = $1 ORDER BY id DESC LIMIT 25", NULL},
	    {"DELETE FROM files WHERE name = $1", "scans"},
	    {"SELECT rowid FROM job_search WHERE name = $1", "scans"},
	    {"SELECT rowid FROM job_search WHERE job_search MATCH $1", NULL},
	};
	sqlite3 *db = open_database();
	struct buf plan;

	(void)state;
	buf_init(&plan);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got;

		explain(db, cases[i].text, &plan);
		got = fault(plan.data, cases[i].text);
		if (!got != !cases[i].fault || (got && strcmp(got, cases[i].fault)))
			fail_msg("%s: %s\n%s", cases[i].text, got ? got : "found good", plan.data);
	}
	buf_release(&plan);
	sqlite3_close(db);
}

static int set_up(void **state)
{
	struct err err = {0};
	int applied;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/test.db", dir);
	if (migrate_run(&config, &applied, &err) == RC_OK)
		return 0;
	print_error("%s\n", err.text);
	return -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"", "-wal", "-shm", "-next.lock", "-cur.lock"};
	char name[96];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "%s%s", path, names[i]);
		unlink(name);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_plans_are_found),
	    cmocka_unit_test(plans_on_an_empty_database_use_indexes),
	    cmocka_unit_test(plans_on_a_seeded_database_are_the_same),
	};

	return cmocka_run_group_tests_name("plans", tests, set_up, tear_down);
}
