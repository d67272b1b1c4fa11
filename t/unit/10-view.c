/* The view: building, reading, printing as JSON and parsing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/view.h"

static struct arena arena;
static struct buf out;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena);
	buf_init(&out);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	buf_release(&out);
	return 0;
}

static const char *json(const struct view *v)
{
	buf_clear(&out);
	view_json(v, &out);
	return out.data;
}

static void members_keep_order_and_the_later_value(void **state)
{
	struct view *v = view_obj(&arena), *rows = view_list(&arena), *row = view_obj(&arena);
	char text[] = "copied";

	(void)state;
	view_str(v, "name", text);
	memset(text, 'x', 6);
	view_put(v, "rows", rows);
	view_int(v, "min", INT64_MIN);
	view_real(v, "half", 0.5);
	view_bool(v, "yes", true);
	view_null(v, "none");
	view_str(v, "void", NULL);
	view_strn(v, "part", "abcdef", 3);
	view_ref(v, "ref", "r");
	view_int(v, "name2", 1);
	view_str(v, "name2", "later");
	/* What is put may be filled afterwards. */
	view_push(rows, row);
	view_push_str(rows, "text");
	view_push_str(rows, NULL);
	view_int(row, "id", 7);
	assert_string_equal(json(v),
	    "{\"name\":\"copied\",\"rows\":[{\"id\":7},\"text\",null],\"min\":-9223372036854775808,"
	    "\"half\":0.5,\"yes\":true,\"none\":null,\"void\":null,\"part\":\"abc\",\"ref\":\"r\","
	    "\"name2\":\"later\"}");
	assert_int_equal(view_len(v), 10);
	assert_int_equal(view_len(rows), 3);
}

static void reading_answers_null_for_what_is_absent(void **state)
{
	struct view *v = view_obj(&arena), *list = view_list(&arena);

	(void)state;
	view_put(v, "list", list);
	view_push_str(list, "one");
	view_int(v, "n", 42);
	assert_ptr_equal(view_get(v, "list"), list);
	assert_null(view_get(v, "no"));
	assert_null(view_get(v, ""));
	assert_null(view_get(list, "list"));
	assert_null(view_get(NULL, "list"));
	assert_null(view_at(list, 1));
	assert_null(view_at(v, 0));
	assert_string_equal(view_text(view_at(list, 0)), "one");
	assert_int_equal(view_len(view_at(list, 0)), 3);
	assert_null(view_text(view_get(v, "n")));
	assert_int_equal(view_number(view_get(v, "n")), 42);
	assert_int_equal(view_number(list), 0);
	assert_int_equal(view_type(NULL), VIEW_NULL);
	assert_int_equal(view_type(list), VIEW_LIST);
	assert_string_equal(json(NULL), "null");
}

static void thousands_of_members_are_all_found(void **state)
{
	struct view *v = view_obj(&arena), *list = view_list(&arena);

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char *key = arena_printf(&arena, "%.*s%d", i % 23, "columns-have-long-names", i);

		view_int(v, key, i);
		view_push_str(list, key);
	}
	for (int i = 0; i < 5000; i += 3)
		view_int(v, view_text(view_at(list, (size_t)i)), -i);
	assert_int_equal(view_len(v), 5000);
	for (int i = 0; i < 5000; i++) {
		const char *key = view_text(view_at(list, (size_t)i));

		assert_int_equal(view_number(view_get(v, key)), i % 3 ? i : -i);
		assert_null(view_get(v, arena_printf(&arena, "%s-", key)));
	}
}

/* A row like another: the same members in any order, fewer, and more, with and without an index. */
static void a_row_is_made_like_another(void **state)
{
	static char keys[40][16];

	(void)state;
	for (int n = 3; n <= 40; n += 37) {
		struct view *model = view_obj(&arena), *row;

		for (int i = 0; i < n; i++) {
			snprintf(keys[i], sizeof keys[i], "k%d", i);
			view_int(model, keys[i], i);
		}
		row = view_like(&arena, model);
		for (int i = 0; i < n; i += 2)
			view_int(row, keys[i], 100 + i);
		view_int(row, "k1", 7);
		assert_int_equal(view_len(row), n);
		assert_int_equal(view_number(view_get(row, "k1")), 7);
		assert_int_equal(view_number(view_get(row, "k2")), 102);
		assert_int_equal(
		    view_type(view_get(row, n > 3 ? "k3" : "k1")), n > 3 ? VIEW_NULL : VIEW_INT);
		for (int i = 0; i < 30; i++)
			view_int(row, arena_printf(&arena, "more%d", i), i);
		view_int(row, "k0", 1);
		assert_int_equal(view_len(row), n + 30);
		assert_int_equal(view_number(view_get(row, "more29")), 29);
		assert_int_equal(view_number(view_get(row, "k2")), 102);
		assert_int_equal(view_number(view_get(row, "k0")), 1);
		/* The model is as it was. */
		assert_int_equal(view_len(model), n);
		assert_int_equal(view_number(view_get(model, "k0")), 0);
		assert_int_equal(view_number(view_get(model, "k2")), 2);
		assert_null(view_get(model, "more0"));
	}
}

static void json_text_may_stand_in_a_page(void **state)
{
	struct view *v = view_list(&arena);

	(void)state;
	view_push_str(v, "</script>&\"\\\n\x01\x7f");
	view_push_str(v, "a\xe2\x80\xa8"
			 "b\xe2\x80\xa9\xe2\x80\xaa\xc3\xa4\xe2\x80");
	assert_string_equal(json(v),
	    "[\"\\u003c/script\\u003e\\u0026\\\"\\\\\\u000a\\u0001\\u007f\","
	    "\"a\\u2028b\\u2029\xe2\x80\xaa\xc3\xa4\xe2\x80\"]");
}

static void reals_print_shortest(void **state)
{
	static const struct {
		double d;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {-0.0, "0"},
	    {1, "1"},
	    {-1.5, "-1.5"},
	    {0.1, "0.1"},
	    {0.1 + 0.2, "0.30000000000000004"},
	    {1.21, "1.21"},
	    {100, "100"},
	    {1e20, "100000000000000000000"},
	    {1e21, "1e+21"},
	    {123456.789, "123456.789"},
	    {1e-6, "0.000001"},
	    {1.5e-6, "0.0000015"},
	    {1e-7, "1e-7"},
	    {1.25e-9, "1.25e-9"},
	    {5e-324, "5e-324"},
	    {1.7976931348623157e308, "1.7976931348623157e+308"},
	    {0.05, "0.05"},
	    {12.0625, "12.0625"},
	    {1.0 / 3, "0.3333333333333333"},
	    {__builtin_nan(""), "null"},
	    {-__builtin_inf(), "null"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct view *v = view_obj(&arena);

		view_real(v, "d", cases[i].d);
		assert_string_equal(json(v), arena_printf(&arena, "{\"d\":%s}", cases[i].text));
	}
}

static const char *reparsed(const char *text)
{
	struct err err = {0};
	struct view *v;

	if (view_parse(&arena, text, strlen(text), &v, &err) != RC_OK)
		return arena_strdup(&arena, err.text);
	return json(v);
}

static void parsing_reads_every_kind_of_value(void **state)
{
	static const char text[] =
	    "{\"a\":[1,-2.5,\"t\\u00e4\",true,false,null,{},[]],\"b\":{\"c\":\"\"}}";

	(void)state;
	assert_string_equal(reparsed(text),
	    "{\"a\":[1,-2.5,\"t\xc3\xa4\",true,false,null,{},[]],\"b\":{\"c\":\"\"}}");
	assert_string_equal(reparsed("7"), "7");
	assert_string_equal(reparsed(" \"x\" "), "\"x\"");
	assert_string_equal(reparsed("[9223372036854775807,1e3]"), "[9223372036854775807,1000]");
}

static void parsing_names_line_and_column(void **state)
{
	(void)state;
	assert_string_equal(reparsed("{\n  \"a\": }"), "2:8: unexpected token near '}'");
	assert_non_null(strstr(reparsed("{\"a\":1,\n\"a\":2}"), "2:3: duplicate"));
	assert_int_equal(strncmp(reparsed(""), "1:1: ", 5), 0);
	assert_int_equal(strncmp(reparsed("{}x"), "1:3: ", 5), 0);
	assert_int_equal(strncmp(reparsed("[\"\xff\"]"), "1:", 2), 0);
	assert_int_equal(strncmp(reparsed("[\"\\u0000\"]"), "1:", 2), 0);
}

static void parsing_bounds_the_depth(void **state)
{
	char deep[4000];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		deep[i] = '[';
		deep[1000 + i] = ']';
	}
	deep[2000] = '\0';
	assert_string_equal(reparsed(deep), deep);
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	assert_string_equal(reparsed(deep), "1:1001: nested deeper than 1000 levels");
	memcpy(deep, "[\"\\\"[\\\\\",\n\"", 11);
	memset(deep + 11, '[', 1000);
	memcpy(deep + 1011, "\"]", 3);
	assert_int_equal(strncmp(reparsed(deep), "[\"\\\"[\\\\\",\"[[[", 12), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_keep_order_and_the_later_value),
	    cmocka_unit_test(reading_answers_null_for_what_is_absent),
	    cmocka_unit_test(thousands_of_members_are_all_found),
	    cmocka_unit_test(a_row_is_made_like_another),
	    cmocka_unit_test(json_text_may_stand_in_a_page),
	    cmocka_unit_test(reals_print_shortest),
	    cmocka_unit_test(parsing_reads_every_kind_of_value),
	    cmocka_unit_test(parsing_names_line_and_column),
	    cmocka_unit_test(parsing_bounds_the_depth),
	};

	return cmocka_run_group_tests_name("view", tests, set_up, tear_down);
}
