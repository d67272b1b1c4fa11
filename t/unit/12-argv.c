/* Command lines: splitting like a shell, without a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/argv.h"

static struct arena arena;

/* Split and join with '|'. */
static const char *split(const char *text)
{
	const char **argv;
	char *joined = arena_strdup(&arena, "");
	struct err err;
	size_t n;

	if (argv_split(text, &arena, &argv, &n, &err) != RC_OK)
		return "refused";
	for (size_t i = 0; i < n; i++)
		joined = arena_printf(&arena, "%s%s|", joined, argv[i]);
	assert_null(argv[n]);
	return joined;
}

static void splits_like_a_shell(void **state)
{
	(void)state;
	assert_string_equal(split(""), "");
	assert_string_equal(split("  \t "), "");
	assert_string_equal(split(" a  b\tc "), "a|b|c|");
	assert_string_equal(split("'a b' \"c d\"e'f'"), "a b|c def|");
	assert_string_equal(split("'' \"\" x"), "||x|");
	assert_string_equal(split("a\\ b \\\\ \\'"), "a b|\\|'|");
	assert_string_equal(split("'a\\b'"), "a\\b|");
	assert_string_equal(split("\"a\\\"b\\\\c\\d\""), "a\"b\\c\\d|");
	assert_string_equal(split("$HOME `x` * ; | > # {input}"), "$HOME|`x`|*|;|||>|#|{input}|");
}

static void open_ends_are_refused(void **state)
{
	(void)state;
	assert_string_equal(split("a 'b"), "refused");
	assert_string_equal(split("a \"b"), "refused");
	assert_string_equal(split("a \\"), "refused");
	assert_string_equal(split("\"a\\"), "refused");
}

static void quoting_reads_back(void **state)
{
	static const char *const args[] = {
	    "plain", "", "a b", "it's", "\"", "\\", "$x", "a'b'c", "\t", "-x=1", "*"};

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		const char **argv;
		struct buf b;
		size_t n;

		buf_init(&b);
		argv_quote(args[i], &b);
		assert_int_equal(argv_split(b.data, &arena, &argv, &n, NULL), RC_OK);
		assert_int_equal(n, 1);
		assert_string_equal(argv[0], args[i]);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(splits_like_a_shell),
	    cmocka_unit_test(open_ends_are_refused),
	    cmocka_unit_test(quoting_reads_back),
	};
	int failed;

	arena_init(&arena);
	failed = cmocka_run_group_tests_name("argv", tests, NULL, NULL);
	arena_release(&arena);
	return failed;
}
