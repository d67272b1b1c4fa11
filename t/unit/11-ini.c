/* The reader of configuration files: entries, positions, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ini.h"
#include "t/unit/arena_fixture.h"

static struct ini reader(const char *text)
{
	struct ini ini;

	ini_init(&ini, "x.conf", text, strlen(text), &arena);
	return ini;
}

static void expect_entry(
    struct ini *ini, int line, const char *section, const char *key, const char *value)
{
	struct ini_entry e;
	struct err err = {0};

	assert_int_equal(ini_next(ini, &e, &err), RC_OK);
	assert_int_equal(e.line, line);
	assert_string_equal(e.section, section);
	if (key)
		assert_string_equal(e.key, key);
	else
		assert_null(e.key);
	if (value)
		assert_string_equal(e.value, value);
}

static void entries_in_order(void **state)
{
	struct ini ini = reader("\xef\xbb\xbf# comment\r\n"
				"a = 1\r\n"
				"\n"
				"  ; also = comment\n"
				"\tb=x = y # no comment ; none\n"
				"empty =\n"
				"[ job two words ]  \n"
				"a = again\n"
				"[last]\n"
				"x.y-z_1 = \t v  w \t");
	struct ini_entry e;

	(void)state;
	expect_entry(&ini, 2, "", "a", "1");
	expect_entry(&ini, 5, "", "b", "x = y # no comment ; none");
	expect_entry(&ini, 6, "", "empty", "");
	expect_entry(&ini, 7, "job two words", NULL, NULL);
	expect_entry(&ini, 8, "job two words", "a", "again");
	expect_entry(&ini, 9, "last", NULL, NULL);
	expect_entry(&ini, 10, "last", "x.y-z_1", "v  w");
	assert_int_equal(ini_next(&ini, &e, NULL), RC_DONE);
	assert_int_equal(ini_next(&ini, &e, NULL), RC_DONE);
}

static void long_lines_are_whole(void **state)
{
	size_t len = 100000;
	char *text = malloc(len + 10);
	struct ini_entry e;
	struct ini ini;

	(void)state;
	memcpy(text, "k = ", 4);
	memset(text + 4, 'v', len);
	ini_init(&ini, "x.conf", text, len + 4, &arena);
	assert_int_equal(ini_next(&ini, &e, NULL), RC_OK);
	assert_int_equal(strlen(e.value), len);
	free(text);
}

static void refused_with_place(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"a = 1\nnonsense\n", "x.conf:2: expected"},
	    {"= 1\n", "x.conf:1: no key"},
	    {"a b = 1\n", "x.conf:1: bad key \"a b\""},
	    {"[x\n", "x.conf:1: section without a closing"},
	    {"[ ]\n", "x.conf:1: section without a name"},
	    {"[]\n", "x.conf:1: section without a name"},
	    {"a = 1\n\na = 2\n", "x.conf:3: \"a\" stands on line 1 already"},
	    {"[s]\n[t]\n[s]\n", "x.conf:3: section [s] stands on line 1 already"},
	    {"a = \xff\n", "x.conf:1: not valid UTF-8"},
	    {"[", "x.conf:1: section without a closing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ini ini = reader(cases[i].text);
		struct err err = {0};
		struct ini_entry e;
		enum rc rc;

		while ((rc = ini_next(&ini, &e, &err)) == RC_OK)
			;
		assert_int_equal(rc, RC_INVALID);
		if (strncmp(err.text, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("case %zu: \"%s\"", i, err.text);
	}
}

static void nul_is_refused(void **state)
{
	struct ini_entry e;
	struct err err;
	struct ini ini;

	(void)state;
	ini_init(&ini, "x.conf", "a = b\0c", 7, &arena);
	assert_int_equal(ini_next(&ini, &e, &err), RC_INVALID);
}

static void a_long_file_name_leaves_room_for_the_message(void **state)
{
	char name[400];
	struct err err;

	(void)state;
	memset(name, 'd', sizeof name - 1);
	memcpy(name + sizeof name - 6, ".conf", 6);
	ini_refuse(name, 7, &err, "the message");
	assert_non_null(strstr(err.text, "d.conf:7: the message"));
}

static void slurp_says_why(void **state)
{
	struct err err;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(ini_slurp("/nonexistent/x", &arena, &text, &len, &err), RC_NOTFOUND);
	assert_int_equal(ini_slurp("/", &arena, &text, &len, &err), RC_SYS);
	assert_int_equal(ini_slurp("LICENSE", &arena, &text, &len, &err), RC_OK);
	assert_int_equal(strlen(text), len);
	assert_true(len > 100);
	/* A file that is shorter than it said, as one is that is being written anew. */
	if (access("/sys/kernel/uevent_seqnum", R_OK) < 0)
		return;
	assert_int_equal(
	    ini_slurp("/sys/kernel/uevent_seqnum", &arena, &text, &len, &err), RC_INVALID);
	assert_string_equal(
	    err.text, "changed while it was read: \"/sys/kernel/uevent_seqnum\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_in_order),
	    cmocka_unit_test(long_lines_are_whole),
	    cmocka_unit_test(refused_with_place),
	    cmocka_unit_test(nul_is_refused),
	    cmocka_unit_test(a_long_file_name_leaves_room_for_the_message),
	    cmocka_unit_test(slurp_says_why),
	};

	return cmocka_run_group_tests_name("ini", tests, set_up, tear_down);
}
