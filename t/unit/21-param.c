/* Parameters of job types: declarations, values, and what becomes of them in a command. */
#include <stdlib.h>
#include <string.h>

#include "core/jobtype.h"
#include "t/unit/arena_fixture.h"

#define HEAD "[job t]\ntitle = T\naccept = *\n"

/* The type with these lines behind the head. */
static struct jobtype type_of(const char *lines)
{
	const char *text = arena_printf(&arena, HEAD "%s\n", lines);
	struct jobtypes types = {0};
	struct err err;

	if (jobtype_parse(&types, "x.conf", text, strlen(text), &arena, &err) != RC_OK)
		fail_msg("%s", err.text);
	return types.list[0];
}

static struct param declared(const char *text)
{
	struct param p;
	struct err err;

	if (param_parse("x", text, &arena, &p, &err) != RC_OK)
		fail_msg("%s: %s", text, err.text);
	return p;
}

/* ---- declarations ---- */

static void a_whole_declaration(void **state)
{
	struct jobtype t = type_of(
	    "command = p {size} {n}\n"
	    "param.size = choice 200x200 \"4 x 4\" default \"4 x 4\" label \"Largest side\" "
	    "help 'In pixels' required\n"
	    "param.n = integer min 0010 max 99 default 050 flag --count\n"
	    "param.word = text pattern [a-z]+ min 2 max 5\n"
	    "param.bare = number\nparam.on = boolean\nparam.off = boolean default true\n");
	const struct param *p = t.params.list;

	(void)state;
	assert_int_equal(t.params.n, 6);
	assert_string_equal(p[0].name, "size");
	assert_int_equal(p[0].kind, PARAM_KIND_CHOICE);
	assert_string_equal(p[0].choices[1], "4 x 4");
	assert_null(p[0].choices[2]);
	assert_string_equal(p[0].def, "4 x 4");
	assert_string_equal(p[0].label, "Largest side");
	assert_string_equal(p[0].help, "In pixels");
	assert_true(p[0].required);
	assert_string_equal(p[1].min, "10");
	assert_string_equal(p[1].def, "50");
	assert_string_equal(p[1].flag, "--count");
	assert_string_equal(p[2].pattern, "[a-z]+");
	assert_string_equal(p[3].label, "bare");
	assert_string_equal(p[3].help, "");
	assert_null(p[3].def);
	assert_false(p[3].required);
	assert_string_equal(p[4].def, "no");
	assert_string_equal(p[5].def, "yes");
	assert_ptr_equal(param_find(&t.params, "word2", 4), &p[2]);
	assert_null(param_find(&t.params, "word2", 5));
}

static const struct {
	const char *lines, *why;
} slips[] = {
    {"command = p\nparam.x = strin\n", "x.conf:5: param.x: unknown kind \"strin\" (allowed"},
    {"param.x =\n", "x.conf:4: param.x: unknown kind \"\""},
    {"param. = text\n", "param.: bad name \"\""},
    {"param.X = text\n", "bad name \"X\""},
    {"param.1x = text\n", "bad name \"1x\""},
    {"param.a-b = text\n", "bad name \"a-b\""},
    {"param.a.b = text\n", "bad name \"a.b\""},
    {"param.abcdefghijklmnopqrstuvwxyzabcdef = text\n", "bad name"},
    {"param.input = text\n", "x.conf:4: param.input: the name \"input\" is reserved"},
    {"param.inputs = text\n", "reserved"},
    {"param.output = text\n", "reserved"},
    {"param.stem = text\n", "reserved"},
    {"param.ext = text\n", "reserved"},
    {"param.name = text\n", "reserved"},
    {"param.x = text lable \"A b\"\n", "unknown word \"lable\""},
    {"param.x = text label A b\n", "unknown word \"b\""},
    {"param.x = text label\n", "label needs a value behind it"},
    {"param.x = text label ''\n", "label needs a value behind it"},
    {"param.x = text label a label b\n", "label stands there twice"},
    {"param.x = text required required\n", "required stands there twice"},
    {"param.x = text label 'a\n", "a quote is not closed"},
    {"param.x = text pattern [a\n", "the pattern is no regular expression"},
    {"param.x = text pattern a)|(b\n", "the pattern is no regular expression"},
    {"param.x = text pattern (a)\\\\1\n", "the pattern must not refer back"},
    {"param.x = text pattern ((a{1,255}){1,255}){1,255}\n", "repeats too much"},
    {"param.x = text pattern a{1,99999999999}\n", "repeats too much"},
    {"param.x = text pattern [a-c]{3} default abcd\n",
	"x.conf:4: param.x: bad default: x does not have the form"},
    {"param.x = text max 3 default abcd\n", "bad default: x must have at most 3 characters"},
    {"param.x = text min -1\n", "bad value \"-1\" for min"},
    {"param.x = text max 5000\n", "bad value \"5000\" for max"},
    {"param.x = text min 5 max 4\n", "bad value \"4\" for max"},
    {"param.x = integer min 1.5\n", "bad value \"1.5\" for min"},
    {"param.x = integer min 5 max 4\n", "bad value \"4\" for max"},
    {"param.x = integer min 5 default 4\n", "bad default: x must be a whole number, at least 5"},
    {"param.x = integer pattern 1\n", "pattern means nothing for kind integer"},
    {"param.x = number max inf\n", "bad value \"inf\" for max"},
    {"param.x = number default 0x10\n", "bad default: x must be a number"},
    {"param.x = choice\n", "a choice has 2 to"},
    {"param.x = choice a\n", "a choice has 2 to"},
    {"param.x = choice a default a\n", "a choice has 2 to"},
    {"param.x = choice a b a\n", "\"a\" can be chosen twice"},
    {"param.x = choice a ''\n", "a word to choose must not be empty"},
    {"param.x = choice a b default c\n", "bad default: x must be one of: a, b"},
    {"param.x = choice a b min 1\n", "min means nothing for kind choice"},
    {"param.x = boolean required\n", "required means nothing for kind boolean"},
    {"param.x = boolean default maybe\n", "bad default: x must be yes or no"},
    {"param.x = date min 2026-02-29\n", "bad value \"2026-02-29\" for min"},
    {"param.x = date min 2026-03-01 default 2026-02-28\n",
	"bad default: x must be a date such as 2026-11-24, at least 2026-03-01"},
    {"param.x = secret default hunter2\n", "default means nothing for kind secret"},
    {"param.x = secret flag -p\n", "flag means nothing for kind secret"},
    {"param.x = file default a\n", "default means nothing for kind file"},
    {"param.x = file min 1\n", "min means nothing for kind file"},
    {"param.x = text\nparam.x = text\n", "x.conf:5: "},
    {"command = p {y}\nparam.x = text\n", "x.conf:4: bad placeholder {y} in command"},
    {"command = {x} {input}\nparam.x = text\n", "bad placeholder {x} in command"},
    {"\n\ncommand = p -p{x}\nparam.x = secret\n", "x.conf:6: secret {x} in command"},
    {"command = p a{x}\nparam.x = boolean flag -x\n", "{x} has a flag"},
    {"command = p\ninputs = two\n", "(allowed: one, many)"},
};

static void errors_name_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
		const char *text = arena_printf(&arena, HEAD "%s%s", slips[i].lines,
		    strstr(slips[i].lines, "command") ? "" : "command = p\n");
		struct jobtypes types = {0};
		struct err err = {0};

		if (jobtype_parse(&types, "x.conf", text, strlen(text), &arena, &err) != RC_INVALID)
			fail_msg("taken: %s", slips[i].lines);
		if (!strstr(err.text, slips[i].why) || strncmp(err.text, "x.conf:", 7) != 0)
			fail_msg("%s: \"%s\"", slips[i].lines, err.text);
		assert_int_equal(types.n, 0);
	}
}

static void too_many(void **state)
{
	char *text = arena_strdup(&arena, HEAD "command = p\n");
	struct jobtypes types = {0};
	struct err err;

	(void)state;
	for (int i = 0; i <= PARAMS_MAX; i++)
		text = arena_printf(&arena, "%sparam.p%d = text\n", text, i);
	assert_int_equal(jobtype_parse(&types, "x", text, strlen(text), &arena, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "x:69: more than 64 parameters"));
}

static void a_json_round_trip(void **state)
{
	struct jobtype t = type_of(
			   "command = p {a}\ninputs = many\n"
			   "param.a = choice 'x y' z label \"<b>\" help h flag -f required\n"
			   "param.b = date min 2026-01-01 max 2026-12-31 default 2026-06-01\n"
			   "param.c = secret pattern ^.*$ min 1 max 9\nparam.d = file\n"
			   "param.e = boolean\nparam.f = integer\nparam.g = number\n"),
		       back;
	struct buf first, second;
	struct err err;

	(void)state;
	buf_init(&first);
	buf_init(&second);
	view_json(jobtype_view(&t, &arena), &first);
	assert_int_equal(jobtype_from_json(first.data, first.len, &arena, &back, &err), RC_OK);
	view_json(jobtype_view(&back, &arena), &second);
	assert_string_equal(first.data, second.data);
	assert_true(back.many);
	assert_int_equal(back.params.n, 7);
	assert_string_equal(back.params.list[0].choices[0], "x y");
	assert_true(back.params.list[0].required);
	assert_int_equal(back.params.list[3].kind, PARAM_KIND_FILE);
	buf_release(&first);
	buf_release(&second);
}

/* ---- values ---- */

static const struct {
	const char *declaration, *value, *canonical; /* NULL: refused */
} kinds[] = {
    {"text", "a b; $(x) `y` \"z\" 'q' \\", "a b; $(x) `y` \"z\" 'q' \\"},
    {"text", "a\nb", NULL},
    {"text", "a\tb", NULL},
    {"text", "a\x7f", NULL},
    {"text", "\xc3\xa4", "\xc3\xa4"},
    {"text", "\xc3", NULL},
    {"text", "\xed\xa0\x80", NULL},
    {"text max 2", "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
    {"text max 2", "abc", NULL},
    {"text min 2", "\xc3\xa4", NULL},
    {"text pattern [a-z]+", "abc", "abc"},
    {"text pattern [a-z]+", "abc1", NULL},
    {"text pattern [a-z]+", "1abc", NULL},
    {"text pattern a|ab", "ab", "ab"},
    {"text pattern a|b", "ab", NULL},
    {"text pattern .{3}", "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6\xc3\xbc"},
    {"text pattern [[:digit:]]{2,4}", "2026", "2026"},
    {"text pattern [[:digit:]]{2,4}", "20260", NULL},
    {"integer", "007", "7"},
    {"integer", "-9223372036854775807", "-9223372036854775807"},
    {"integer", "9223372036854775808", NULL},
    {"integer", "+1", NULL},
    {"integer", " 1", NULL},
    {"integer", "1 ", NULL},
    {"integer", "1.0", NULL},
    {"integer", "1e3", NULL},
    {"integer", "0x1", NULL},
    {"integer min 1 max 9", "0", NULL},
    {"integer min 1 max 9", "10", NULL},
    {"integer min 1 max 9", "9", "9"},
    {"number", "-0.50", "-0.50"},
    {"number", "1e3", "1e3"},
    {"number", "1E-3", "1E-3"},
    {"number", "1e999", NULL},
    {"number", ".5", NULL},
    {"number", "5.", NULL},
    {"number", "1e", NULL},
    {"number", "nan", NULL},
    {"number", "inf", NULL},
    {"number", "0x1p3", NULL},
    {"number", "1,5", NULL},
    {"number", "--1", NULL},
    {"number", "-", NULL},
    {"number", "00000000000000000000000000000000000000001", NULL},
    {"number min -1.5 max 1.5", "-1.5", "-1.5"},
    {"number min -1.5 max 1.5", "1.50001", NULL},
    {"choice a 'b c'", "b c", "b c"},
    {"choice a 'b c'", "A", NULL},
    {"choice a 'b c'", "b", NULL},
    {"boolean", "yes", "yes"},
    {"boolean", "on", "yes"},
    {"boolean", "1", "yes"},
    {"boolean", "false", "no"},
    {"boolean", "Yes", NULL},
    {"boolean", "2", NULL},
    {"date", "2024-02-29", "2024-02-29"},
    {"date", "2000-02-29", "2000-02-29"},
    {"date", "1900-02-29", NULL},
    {"date", "2026-02-29", NULL},
    {"date", "2026-13-01", NULL},
    {"date", "2026-00-10", NULL},
    {"date", "2026-04-31", NULL},
    {"date", "2026-4-30", NULL},
    {"date", "0000-01-01", NULL},
    {"date", "2026-11-24T00:00", NULL},
    {"date min 2026-01-01 max 2026-12-31", "2027-01-01", NULL},
    {"date min 2026-01-01 max 2026-12-31", "2025-12-31", NULL},
    {"secret min 4", "hunter2", "hunter2"},
    {"secret min 4", "abc", NULL},
    {"file", "a.css", NULL},
};

static void each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct param p = declared(kinds[i].declaration);
		const char *canonical = NULL;
		struct err err = {0};
		enum rc rc = param_value(
		    &p, kinds[i].value, strlen(kinds[i].value), &arena, &canonical, &err);

		if (rc != (kinds[i].canonical ? RC_OK : RC_INVALID))
			fail_msg("%s: %s: %s", kinds[i].declaration, kinds[i].value, err.text);
		if (rc == RC_OK)
			assert_string_equal(canonical, kinds[i].canonical);
		else if (strncmp(err.text, "x ", 2) != 0 ||
			 (strlen(kinds[i].value) > 3 && strstr(err.text, kinds[i].value)))
			fail_msg("%s: \"%s\"", kinds[i].declaration, err.text);
	}
}

#define GIVEN(n, v)                                                                          \
	{                                                                                    \
		.name = n, .name_len = sizeof(n) - 1, .value = v, .value_len = sizeof(v) - 1 \
	}

static void all_that_was_given(void **state)
{
	struct params p = type_of("command = p\nparam.a = text required label \"The A\"\n"
				  "param.n = integer default 3\nparam.on = boolean\n"
				  "param.f = file\nparam.s = secret\n")
			      .params;
	const struct param_given
	    fine[] = {GIVEN("a", "x"), GIVEN("n", ""), GIVEN("on", "no"), GIVEN("on", "yes"),
		GIVEN("s", "hunter2"),
		{.name = "f",
		    .name_len = 1,
		    .value = "C:\\dir\\s.css",
		    .value_len = 12,
		    .is_file = true}},
	    twice[] = {GIVEN("a", "x"), GIVEN("a", "y")},
	    unknown[] = {GIVEN("a", "x"), GIVEN("b", "")}, nul[] = {GIVEN("a", "x\0y")},
	    bytes[] = {GIVEN("\xff", "x")},
	    file[] = {{.name = "a", .name_len = 1, .value = "x", .value_len = 1, .is_file = true}},
	    no_file[] = {GIVEN("a", "x"), GIVEN("f", "/etc/passwd")};
	const struct {
		const struct param_given *given;
		size_t n;
		const char *field, *why;
	} bad[] = {
	    {NULL, 0, "params.a", "The A is required"},
	    {twice, 2, "params.a", "The A was given more than once"},
	    {unknown, 2, "params.b", "there is no parameter \"b\" here"},
	    {nul, 1, "params.a", "The A must be text in UTF-8 without NUL"},
	    {bytes, 1, "params", "there is no such parameter"},
	    {file, 1, "params.a", "The A must not be a file"},
	    {no_file, 2, "params.f", "f must be a file"},
	};
	const char **values, *field;
	struct err err;

	(void)state;
	assert_int_equal(param_check(&p, fine, 6, &arena, &values, &field, &err), RC_OK);
	assert_null(field);
	assert_string_equal(values[0], "x");
	assert_string_equal(values[1], "3");
	assert_string_equal(values[2], "yes");
	assert_string_equal(values[3], "s.css");
	assert_string_equal(values[4], "hunter2");
	assert_string_equal(params_json(&p, values, &arena),
	    "{\"a\":\"x\",\"n\":\"3\",\"on\":\"yes\",\"f\":\"s.css\",\"s\":\"" PARAM_HIDDEN "\"}");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(
		    param_check(&p, bad[i].given, bad[i].n, &arena, &values, &field, &err),
		    RC_INVALID);
		assert_string_equal(field, bad[i].field);
		assert_string_equal(err.text, bad[i].why);
	}
}

static void values_from_json(void **state)
{
	struct params p = type_of("command = p\nparam.a = text\nparam.b = text\n").params;
	const char **values;
	struct err err;

	(void)state;
	assert_int_equal(
	    params_from_json(&p, "{\"b\":\"x\",\"z\":\"y\"}", &arena, &values, &err), RC_OK);
	assert_null(values[0]);
	assert_string_equal(values[1], "x");
	assert_int_equal(params_from_json(&p, "{}", &arena, &values, &err), RC_OK);
	assert_int_equal(params_from_json(&p, "[", &arena, &values, &err), RC_INVALID);
}

static void patterns_for_browsers(void **state)
{
	static const char *const yes[] = {"[a-z]+", "[A-Za-z0-9_.]{2,8}", "(ab|cd)?x*", "\\.\\(",
	    "[^,]+", "20[0-9]{2}-[01][0-9]"};
	static const char *const no[] = {"[[:digit:]]+", "[a-]", "[]a]", "[a\\b]", "\\w", "a{x",
	    "[a", "[a&&b]", "[(]", "\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!param_pattern_portable(yes[i]))
			fail_msg("not portable: %s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (param_pattern_portable(no[i]))
			fail_msg("portable: %s", no[i]);
}

/* ---- commands ---- */

/* The argv, joined, or "refused", of a command with parameters t (text) i (integer) n (number)
 * c (choice) b (boolean) y (boolean with flag -y) s (text with flag --size). */
static const char *argv_of(const char *command, const char *values)
{
	static const char *const inputs[] = {"/in/1", "/in/2", NULL};
	struct jobtype t = type_of(arena_printf(&arena,
	    "command = %s\nparam.t = text\nparam.i = integer\nparam.n = number\n"
	    "param.c = choice -a -b\nparam.b = boolean\nparam.y = boolean flag -y\n"
	    "param.s = text flag --size\nparam.secret = secret\nparam.f = file\n",
	    command));
	struct jobtype_run run = {.inputs = inputs, .name = "a.txt", .output = "/out"};
	const char **argv, **list;
	char *joined = arena_strdup(&arena, "");
	struct err err;

	assert_int_equal(params_from_json(&t.params, values, &arena, &list, &err), RC_OK);
	run.values = list;
	if (jobtype_argv(&t, &run, &arena, &argv, &err) != RC_OK) {
		assert_non_null(strstr(err.text, "would pass as an option of p"));
		return "refused";
	}
	for (; *argv; argv++)
		joined = arena_printf(&arena, "%s%s|", joined, *argv);
	return joined;
}

static void into_the_argv(void **state)
{
	(void)state;
	assert_string_equal(argv_of("p {t} -o{t} x{t}y", "{\"t\":\"a b\"}"), "p|a b|-oa b|xa by|");
	assert_string_equal(argv_of("p {t} x{t}y --t={t} {s} {f}", "{}"), "p|xy|--t=|");
	assert_string_equal(
	    argv_of("p {y} {b} {input}", "{\"y\":\"yes\",\"b\":\"yes\"}"), "p|-y|yes|/in/1|");
	assert_string_equal(
	    argv_of("p {y} {b} {input}", "{\"y\":\"no\",\"b\":\"no\"}"), "p|no|/in/1|");
	assert_string_equal(argv_of("p {s} {inputs} {f}", "{\"s\":\"9\",\"f\":\"/in/s\"}"),
	    "p|--size|9|/in/1|/in/2|/in/s|");
	/* A value is never read again, and none reaches a shell. */
	assert_string_equal(argv_of("p x{t} {t}", "{\"t\":\"{output}\"}"), "p|x{output}|{output}|");
	assert_string_equal(argv_of("p {t}", "{\"t\":\"; rm -rf / $(x) `y` \\u0027\"}"),
	    "p|; rm -rf / $(x) `y` '|");
	assert_string_equal(argv_of("p {{t} x", "{\"t\":\"v\"}"), "p|{t}|x|");
}

static void never_an_option(void **state)
{
	(void)state;
	assert_string_equal(argv_of("p {t}", "{\"t\":\"-rf\"}"), "refused");
	assert_string_equal(argv_of("p {t}", "{\"t\":\"--output=/x\"}"), "refused");
	assert_string_equal(argv_of("p {t}", "{\"t\":\"-\"}"), "refused");
	assert_string_equal(argv_of("p {t}.x", "{\"t\":\"-rf\"}"), "refused");
	assert_string_equal(argv_of("p {f}{t}", "{\"t\":\"-rf\"}"), "refused");
	assert_string_equal(argv_of("p {s}", "{\"s\":\"-rf\"}"), "refused");
	assert_string_equal(argv_of("p {t} --", "{\"t\":\"-rf\"}"), "refused");
	assert_string_equal(argv_of("p {n}{t}", "{\"n\":\"-1\",\"t\":\"x\"}"), "refused");
	/* Behind --, behind what the author wrote, and what can be no option. */
	assert_string_equal(argv_of("p -- {t}", "{\"t\":\"-rf\"}"), "p|--|-rf|");
	assert_string_equal(argv_of("p -x={t} ./{t}", "{\"t\":\"-rf\"}"), "p|-x=-rf|./-rf|");
	assert_string_equal(argv_of("p {c} {i} {n}", "{\"c\":\"-a\",\"i\":\"-90\",\"n\":\"-0.5\"}"),
	    "p|-a|-90|-0.5|");
}

static void into_the_environment(void **state)
{
	struct jobtype t = type_of("command = p\nparam.a_1 = text\nparam.b = boolean\n"
				   "param.pw = secret\nparam.unset = text\n");
	const char *values[] = {"x=y", "no", "hunter2", NULL}, **env;

	(void)state;
	env = jobtype_environment(&t, values, &arena);
	assert_string_equal(env[0], "DROPMILL_PARAM_A_1=x=y");
	assert_string_equal(env[1], "DROPMILL_PARAM_B=no");
	assert_string_equal(env[2], "DROPMILL_PARAM_PW=hunter2");
	assert_null(env[3]);
	assert_null(jobtype_environment(&t, NULL, &arena)[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_declaration),
	    cmocka_unit_test(errors_name_file_and_line),
	    cmocka_unit_test(too_many),
	    cmocka_unit_test(a_json_round_trip),
	    cmocka_unit_test(each_kind),
	    cmocka_unit_test(all_that_was_given),
	    cmocka_unit_test(values_from_json),
	    cmocka_unit_test(patterns_for_browsers),
	    cmocka_unit_test(into_the_argv),
	    cmocka_unit_test(never_an_option),
	    cmocka_unit_test(into_the_environment),
	};

	return cmocka_run_group_tests_name("param", tests, set_up, tear_down);
}
