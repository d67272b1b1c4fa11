/* Job types in the database: what makes a version, what retires one, what an error leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/jobtype.h"
#include "core/migrate.h"

#define TYPE(name, title) "[job " name "]\ntitle = " title "\naccept = *\ncommand = true\n"

static char dir[] = "/tmp/dropmill-types-XXXXXX";
static struct config cfg;
static struct arena arena;
static struct db *db;
static struct err err;

static void ok(enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err.text);
}

static int set_up(void **state)
{
	int applied;

	(void)state;
	arena_init(&arena);
	assert_non_null(mkdtemp(dir));
	cfg.database = arena_printf(&arena, "%s/test.db", dir);
	ok(migrate_run(&cfg, &applied, &err));
	ok(db_open(&cfg, &db, &err));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	db_close(db);
	assert_int_equal(system(arena_printf(&arena, "rm -r %s", dir)), 0);
	arena_release(&arena);
	return 0;
}

static struct jobtypes read_types(const char *text)
{
	struct jobtypes types = {0};

	ok(jobtype_parse(&types, "/jobs.d/x.conf", text, strlen(text), &arena, &err));
	for (size_t i = 0; i < types.n; i++)
		types.list[i].available = true;
	return types;
}

static void publish(struct jobtypes *types)
{
	ok(db_begin(db, &err));
	ok(jobtype_publish(db, types, &err));
	ok(db_commit(db, &err));
}

/* "name:version name:version" of what is in force; ! for one without its programs. */
static const char *in_force(void)
{
	struct jobtypes types;
	char *s = arena_strdup(&arena, "");

	ok(jobtype_load_db(db, &arena, &types, &err));
	for (size_t i = 0; i < types.n; i++)
		s = arena_printf(&arena, "%s%s%s:%lld%s", s, i ? " " : "", types.list[i].name,
		    (long long)types.list[i].version, types.list[i].available ? "" : "!");
	return s;
}

static int64_t stamp(void)
{
	int64_t n;

	ok(jobtype_stamp(db, &n, &err));
	return n;
}

static void versions(void **state)
{
	struct jobtypes types;

	(void)state;
	assert_int_equal(stamp(), 0);
	types = read_types(TYPE("a", "A") TYPE("b", "B"));
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:1");
	assert_int_equal(types.list[1].version, 1);
	assert_int_equal(stamp(), 1);

	/* The same again changes nothing. */
	types = read_types(TYPE("b", "B") TYPE("a", "A"));
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:1");
	assert_int_equal(stamp(), 1);

	/* Only what changed gets a version. */
	types = read_types(TYPE("a", "A") TYPE("b", "other"));
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:2");
	assert_int_equal(types.list[0].version, 1);
	assert_int_equal(types.list[1].version, 2);
	assert_int_equal(stamp(), 2);

	/* Programs that come and go do not make versions. */
	types.list[0].available = false;
	publish(&types);
	assert_string_equal(in_force(), "a:1! b:2");
	assert_int_equal(stamp(), 3);

	/* What is gone is retired, and comes back as the version it was. */
	types = read_types(TYPE("b", "other"));
	publish(&types);
	assert_string_equal(in_force(), "b:2");
	types = read_types(TYPE("a", "A") TYPE("b", "B"));
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:3");
	assert_int_equal(stamp(), 5);
}

static void an_error_takes_nothing_away(void **state)
{
	static struct jobtype_bad bad[] = {{"/jobs.d/x.conf", "x"}};
	struct jobtypes types = {.bad = bad, .bad_count = 1};
	int64_t before = stamp();

	(void)state;
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:3");
	assert_int_equal(stamp(), before);
	/* Nor does it bring back what the file stood in front of. */
	types = read_types(TYPE("a", "A of another directory"));
	types.list[0].file = "/shipped/a.conf";
	types.bad = bad;
	types.bad_count = 1;
	publish(&types);
	assert_string_equal(in_force(), "a:1 b:3");
	assert_int_equal(stamp(), before);
	types = (struct jobtypes){0};
	publish(&types);
	assert_string_equal(in_force(), "");
	assert_int_equal(stamp(), before + 1);
}

static void what_was_published_comes_back(void **state)
{
	struct jobtypes types = read_types(
			    "[job full]\ntitle = <T> ü\naccept = .x\n"
			    "command = p 'a b' {input}\nretry_on = any\nnetwork = yes\n"),
			back;

	(void)state;
	publish(&types);
	ok(jobtype_load_db(db, &arena, &back, &err));
	assert_int_equal(back.n, 1);
	assert_string_equal(back.list[0].title, "<T> ü");
	assert_string_equal(back.list[0].command[1], "a b");
	assert_null(back.list[0].command[3]);
	assert_int_equal(back.list[0].retry_on, RETRY_ANY);
	assert_true(back.list[0].network);
	assert_string_equal(back.list[0].file, "/jobs.d/x.conf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions),
	    cmocka_unit_test(an_error_takes_nothing_away),
	    cmocka_unit_test(what_was_published_comes_back),
	};

	return cmocka_run_group_tests_name("jobtype-db", tests, set_up, tear_down);
}
