/* Mustache: every rule of the language, its white space, inheritance, errors, bounds, sets and
 * lint. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mustache.h"
#include "t/unit/arena_fixture.h"

struct partial {
	const char *name, *text;
};

/* A template "t" with up to three partials, JSON data, and what they make or the error they end
 * with. */
struct sample {
	const char *text, *data, *expected;
	struct partial partials[3];
};

static const char *attempt(const struct sample *s)
{
	struct mustache_set *set = mustache_set_new();
	struct err err = {0};
	struct view *data;
	const char *result;
	struct buf out;
	enum rc rc;

	buf_init(&out);
	rc = view_parse(&arena, s->data, strlen(s->data), &data, &err);
	for (int i = 0; i < 3 && s->partials[i].name && rc == RC_OK; i++)
		rc = mustache_set_add(set, s->partials[i].name, s->partials[i].text,
		    strlen(s->partials[i].text), &err);
	if (rc == RC_OK)
		rc = mustache_set_add(set, "t", s->text, strlen(s->text), &err);
	if (rc == RC_OK)
		rc = mustache_render(mustache_find(set, "t"), data, &out, &err);
	result = arena_strdup(&arena, rc == RC_OK ? out.data : err.text);
	buf_release(&out);
	mustache_set_free(set);
	return result;
}

static void check(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = attempt(samples + i);

		if (strcmp(got, samples[i].expected) != 0)
			fail_msg(
			    "\n%s\ngave\n%s\nnot\n%s", samples[i].text, got, samples[i].expected);
	}
}

#define T(template, json, result, ...)                                                         \
	{                                                                                      \
		.text = template, .data = json, .expected = result, .partials = {__VA_ARGS__}, \
	}

#define CHECK(...)                                                    \
	do {                                                          \
		static const struct sample samples[] = {__VA_ARGS__}; \
		(void)state;                                          \
		check(samples, sizeof samples / sizeof *samples);     \
	} while (0)

static void interpolation(void **state)
{
	CHECK(T("no tags, \\ \" { } }}\n", "{}", "no tags, \\ \" { } }}\n"),
	    T("{{a}}|{{ a }}|{{{a}}}|{{{ a }}}|{{&a}}|{{& a }}", "{\"a\":\"x\"}", "x|x|x|x|x|x"),
	    T("{{a}}", "{\"a\":\"<a href=\\\"x\\\" b='y'>&amp;</a>`=/\"}",
		"&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;`=/"),
	    T("{{{a}}}{{&a}}", "{\"a\":\"<&\\\"'>\"}", "<&\"'><&\"'>"),
	    T("{{a}} {{b}} {{c}}", "{\"a\":0,\"b\":-12,\"c\":9223372036854775807}",
		"0 -12 9223372036854775807"),
	    T("{{a}} {{b}} {{c}}", "{\"a\":0.5,\"b\":3.0,\"c\":1e25}", "0.5 3 1e+25"),
	    T("[{{a}}{{b}}{{c}}{{d}}{{e}}]", "{\"a\":null,\"b\":[1],\"c\":{\"x\":1},\"d\":true}",
		"[true]"),
	    T("{{.}}|{{{.}}}", "\"<\"", "&lt;|<"),
	    T("{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep"),
	    T("[{{a.b.c}}{{a.x}}{{x.a}}]", "{\"a\":{\"b\":1}}", "[]"),
	    T("{{l.0}}{{l.2.n}}[{{l.9}}]", "{\"l\":[\"a\",1,{\"n\":\"c\"}]}", "ac[]"),
	    T("{{a\n}}\n{{\nb}}", "{\"a\":1,\"b\":2}", "1\n2"),
	    T("  {{a}}\n", "{\"a\":1}", "  1\n"));
}

/* Escaping goes eight bytes at a time: an odd character at any place of a text of any length. */
static void escaping_at_every_place(void **state)
{
	static const char *const odd[][2] = {{"<", "&lt;"}, {">", "&gt;"}, {"&", "&amp;"},
	    {"\\\"", "&quot;"}, {"'", "&#39;"}, {"\xc3\xa4", "\xc3\xa4"}, {";", ";"}, {"?", "?"},
	    {"#", "#"}, {"=", "="}, {"%", "%"}, {"(", "("}};
	char clean[40];

	(void)state;
	memset(clean, '~', sizeof clean);
	for (int len = 0; len < 26; len++)
		for (int at = 0; at <= len; at++)
			for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
				struct sample s = {.text = "{{a}}|"};

				s.data = arena_printf(&arena, "{\"a\":\"%.*s%s%.*s\"}", at, clean,
				    odd[i][0], len - at, clean);
				s.expected = arena_printf(
				    &arena, "%.*s%s%.*s|", at, clean, odd[i][1], len - at, clean);
				check(&s, 1);
			}
}

static void long_texts(void **state)
{
	char *text = malloc(300001), *data = malloc(300020);
	struct sample s = {.text = "{{{a}}}", .data = data, .expected = text};

	(void)state;
	memset(text, 'x', 300000);
	text[300000] = '\0';
	sprintf(data, "{\"a\":\"%s\"}", text);
	check(&s, 1);
	s.text = "{{a}}";
	check(&s, 1);
	s.text = text;
	check(&s, 1);
	free(text);
	free(data);
}

static void sections(void **state)
{
	CHECK(T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":true}", "yes"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":false}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":null}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":[]}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0.0}", "no"),
	    T("{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":{}}", "yes"),
	    T("{{#a}}{{.}}!{{/a}}", "{\"a\":\"<x>\"}", "&lt;x&gt;!"),
	    T("{{#l}}({{.}}){{/l}}", "{\"l\":[1,\"b\",2.5,true]}", "(1)(b)(2.5)(true)"),
	    T("{{#l}}{{#.}}{{.}}{{/.}};{{/l}}", "{\"l\":[[1,2],[3]]}", "12;3;"),
	    T("{{#l}}{{n}}{{^n}}-{{/n}}{{/l}}", "{\"n\":\"\",\"l\":[{\"n\":1},{},{\"n\":3}]}",
		"1-3"),
	    T("{{#a}}{{#b}}{{x}}{{y}}{{z}}{{/b}}{{/a}}",
		"{\"x\":1,\"a\":{\"y\":2,\"b\":{\"z\":3}}}", "123"),
	    /* What is null hides what stands further out, and so does the first part of a dotted
	       name. */
	    T("{{#a}}[{{x}}{{y.z}}]{{/a}}", "{\"x\":1,\"y\":{\"z\":2},\"a\":{\"x\":null,\"y\":{}}}",
		"[]"),
	    T("{{#a.b}}{{c}}{{/a.b}}", "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}]}}", "12"),
	    T("{{# a }}x{{/ a }}{{^ b }}y{{/ b }}", "{\"a\":1}", "xy"));
}

static void names_of_any_length(void **state)
{
	(void)state;
	/* Keys that differ in one place only, long and short, in an object of many. */
	for (size_t len = 1; len < 40; len++) {
		struct sample s = {.expected = "122"};
		struct buf data;
		char name[48];

		buf_init(&data);
		buf_adds(&data, "{\"in\":{");
		for (size_t i = 0; i < len; i++) {
			memset(name, 'a', len);
			name[i] = 'b';
			buf_printf(&data, "\"%.*s\":2,", (int)len, name);
		}
		memset(name, 'a', len);
		buf_printf(&data, "\"%.*s\":1}}", (int)len, name);
		s.data = arena_strdup(&arena, data.data);
		s.text = arena_printf(&arena, "{{#in}}{{%.*s}}{{b%.*s}}{{%.*sb}}{{%.*sx}}{{/in}}",
		    (int)len, name, (int)len - 1, name, (int)len - 1, name, (int)len, name);
		check(&s, 1);
		buf_release(&data);
	}
}

static void comments_and_delimiters(void **state)
{
	CHECK(T("a{{! not }}b{{!-- }}c", "{}", "abc"), T("a\n  {{! not }}  \nb", "{}", "a\nb"),
	    T("a\n{{!\n not\n}}\nb", "{}", "a\nb"), T("a {{! not }}\nb", "{}", "a \nb"),
	    T("{{=<% %>=}}<%a%>{{a}}<%={{ }}=%>{{a}}", "{\"a\":1}", "1{{a}}1"),
	    T("{{={{ }}=}}{{a}}{{=}} {{=}}}}a{{", "{\"a\":1}", "11"),
	    T("{{= | | =}}|a|", "{\"a\":1}", "1"),
	    T("x\n {{=<% %>=}} \n<%a%>", "{\"a\":1}", "x\n1"),
	    T("{{=<% %>=}}<%{a}%><%&a%>", "{\"a\":\"<\"}", "<<"),
	    T("{{=| |=}}|>p||#a|{{a}}|/a|", "{\"a\":1}", "1|{{a}}", {"p", "{{a}}|"}),
	    T("{{>p}}{{a}}", "{\"a\":1}", "11", {"p", "{{=| |=}}|a|"}));
}

static void lines_of_lone_tags_leave_no_trace(void **state)
{
	CHECK(T("a\n{{#x}}\nb\n{{/x}}\nc\n", "{\"x\":1}", "a\nb\nc\n"),
	    T("a\n  {{#x}}  \nb\n\t{{/x}}\t\nc", "{\"x\":1}", "a\nb\nc"),
	    T("a\r\n{{#x}}\r\nb\r\n{{/x}}\r\nc", "{\"x\":1}", "a\r\nb\r\nc"),
	    T("  {{#x}}\na\n  {{/x}}", "{\"x\":1}", "a\n"), T("{{^x}}\na\n{{/x}}\n", "{}", "a\n"),
	    T(" {{#x}}a{{/x}} \n", "{\"x\":1}", " a \n"),
	    T("a {{#x}}\nb\n{{/x}}\n", "{\"x\":1}", "a \nb\n"),
	    T("{{#x}}\n{{#y}}\na\n{{/y}}\n{{/x}}\n", "{\"x\":1,\"y\":[1,2]}", "a\na\n"),
	    T("a\n{{#x}}{{/x}}\nb", "{\"x\":1}", "a\nb"),
	    T("\n\n{{#x}}\n\n{{/x}}\n\n", "{\"x\":1}", "\n\n\n\n"));
}

static void partials(void **state)
{
	CHECK(T("[{{>p}}]", "{\"a\":1}", "[1]", {"p", "{{a}}"}), T("[{{>none}}]", "{}", "[]"),
	    T("{{#l}}{{> p }}{{/l}}", "{\"l\":[{\"a\":1},{\"a\":2}]}", "<1><2>", {"p", "<{{a}}>"}),
	    T("{{>dir/p.q-r_s}}", "{}", "x", {"dir/p.q-r_s", "x"}),
	    T("a\n  {{>p}}\nb\n", "{}", "a\n  1\n  2\nb\n", {"p", "1\n2\n"}),
	    T("a\n  {{>p}}\nb\n", "{}", "a\n  1\n  2b\n", {"p", "1\n2"}),
	    T("a {{>p}} b\n", "{}", "a 1\n2\n b\n", {"p", "1\n2\n"}),
	    T("\t{{>p}}\n", "{}", "\t1\n\n\t2\n", {"p", "1\n\n2\n"}),
	    T(" {{>p}}\n", "{}", " 1\r\n\r\n 2\r\n", {"p", "1\r\n\r\n2\r\n"}),
	    /* What a value brings along is not indented. */
	    T(" {{>p}}\n", "{\"a\":\"x\\ny\"}", " x\ny\n .\n", {"p", "{{a}}\n.\n"}),
	    T(" {{>p}}\n", "{\"l\":[1,2]}", " <\n 1\n 2\n >\n",
		{"p", "<\n{{#l}}\n{{.}}\n{{/l}}\n>\n"}),
	    T(" {{>p}}\n", "{\"l\":[1,2]}", " 12\n 3\n", {"p", "{{#l}}{{.}}{{/l}}\n3\n"}),
	    T(" {{>p}}\n", "{}", " \n 3\n", {"p", "{{#l}}{{.}}{{/l}}\n3\n"}),
	    T(" {{>p}}\n", "{}", " 1\n   2\n   3\n 4\n", {"p", "1\n  {{>q}}\n4\n"},
		{"q", "2\n3\n"}),
	    T(" {{>p}}\n", "{}", " 1 2\n3\n 4\n", {"p", "1 {{>q}}4\n"}, {"q", "2\n3\n "}),
	    T("{{>n}}", "{\"v\":1,\"k\":[{\"v\":2,\"k\":[{\"v\":3,\"k\":[]}]},{\"v\":4,\"k\":[]}]}",
		"(1(2(3))(4))", {"n", "({{v}}{{#k}}{{>n}}{{/k}})"}));
}

static void dynamic_names(void **state)
{
	CHECK(T("{{>*a}}{{> * b.c }}", "{\"a\":\"p\",\"b\":{\"c\":\"q\"}}", "PQ", {"p", "P"},
		  {"q", "Q"}),
	    T("[{{>*a}}{{>*b}}{{>*c}}]", "{\"a\":\"none\",\"b\":[\"p\"]}", "[]", {"p", "P"}),
	    T("{{>*a}}", "{\"a\":7}", "seven", {"7", "seven"}),
	    T("[{{>**a}}]", "{\"a\":\"b\",\"b\":\"p\"}", "[]", {"p", "P"}),
	    T("  {{>*a}}\n", "{\"a\":\"p\"}", "  1\n  2\n", {"p", "1\n2\n"}),
	    T("{{<*a}}{{$b}}x{{/b}}{{/*a}}", "{\"a\":\"p\"}", "<x>", {"p", "<{{$b}}{{/b}}>"}),
	    T("{{< * a }}{{/ * a}}", "{\"a\":\"p\"}", "<d>", {"p", "<{{$b}}d{{/b}}>"}),
	    T("{{#l}}{{>*k}}{{/l}}", "{\"l\":[{\"k\":\"p\",\"v\":1},{\"k\":\"q\",\"v\":2}]}",
		"P1Q2", {"p", "P{{v}}"}, {"q", "Q{{v}}"}));
}

static void inheritance(void **state)
{
	CHECK(T("{{$b}}default {{a}}{{/b}}", "{\"a\":1}", "default 1"),
	    T("{{<p}}{{/p}}", "{}", "[d]", {"p", "[{{$b}}d{{/b}}]"}),
	    T("{{<p}}{{$b}}x{{/b}}{{/p}}", "{}", "[x]", {"p", "[{{$b}}d{{/b}}]"}),
	    T("{{<p}} text {{a}} {{#a}}{{$c}}no{{/c}}{{/a}} {{$b}}x{{/b}}{{! }} {{>p}}{{/p}}",
		"{\"a\":1}", "[xd]", {"p", "[{{$b}}d{{/b}}{{$c}}d{{/c}}]"}),
	    T("{{<none}}{{$b}}x{{/b}}{{/none}}!", "{}", "!"),
	    T("{{<p}}{{$b}}1{{/b}}{{$b}}2{{/b}}{{/p}}", "{}", "2", {"p", "{{$b}}d{{/b}}"}),
	    /* The outermost wins, through any number of levels; a partial hands them on. */
	    T("{{<p}}{{$b}}t{{/b}}{{/p}}", "{}", "(t,q)", {"p", "{{<q}}{{$b}}p{{/b}}{{/q}}"},
		{"q", "({{$b}}q{{/b}},{{$c}}q{{/c}})"}),
	    T("{{<p}}{{$b}}t{{/b}}{{/p}}", "{}", "(t)", {"p", "({{>q}})"}, {"q", "{{$b}}q{{/b}}"}),
	    /* Data is that of the place where the block stands in the parent. */
	    T("{{<p}}{{$b}}{{v}}{{/b}}{{/p}}", "{\"v\":0,\"l\":[{\"v\":1},{\"v\":2}]}", "12",
		{"p", "{{#l}}{{$b}}{{/b}}{{/l}}"}),
	    /* A name is the business of the template it was written in. */
	    T("{{<p}}{{$b}}page{{/b}}{{$c}}{{<q}}{{$b}}card{{/b}}{{/q}}{{/c}}{{/p}}", "{}",
		"page:(card)", {"p", "{{$b}}{{/b}}:{{$c}}{{/c}}"}, {"q", "({{$b}}q{{/b}})"}),
	    T("{{<p}}{{$b}}{{<p}}{{$b}}in{{/b}}{{/p}}{{/b}}{{/p}}", "{}", "[[in]]",
		{"p", "[{{$b}}{{/b}}]"}),
	    T("{{<p}}{{$b}}1{{$b}}x{{/b}}{{/b}}{{/p}}", "{}", "[1x]", {"p", "[{{$b}}{{/b}}]"}),
	    T("{{<p}}{{$b}}1{{$c}}x{{/c}}{{/b}}{{$c}}2{{/c}}{{/p}}", "{}", "[12]",
		{"p", "[{{$b}}{{/b}}]"}),
	    T("{{<p}}{{$c}}3{{/c}}{{/p}}", "{}", "[13]",
		{"p", "{{<q}}{{$b}}1{{$c}}2{{/c}}{{/b}}{{/q}}"}, {"q", "[{{$b}}{{/b}}]"}));
}

static void inheritance_and_lines(void **state)
{
	CHECK(T("a\n  {{<p}}{{/p}}\nb\n", "{}", "a\n  1\n  2\nb\n", {"p", "1\n2\n"}),
	    T("a\n  {{<p}}\n  ignored\n  {{/p}}\nb\n", "{}", "a\n  1\n  2\nb\n", {"p", "1\n2\n"}),
	    T(" {{<p}}{{$b}}x\ny\n{{/b}}{{/p}}\nb\n", "{}", " 1\n x\n y\n 2\nb\n",
		{"p", "1\n{{$b}}\n{{/b}}\n2\n"}),
	    T("{{<p}}{{$b}}x\ny{{/b}}{{/p}}", "{}", "1\n  x\n  y\n2\n",
		{"p", "1\n  {{$b}}d{{/b}}\n2\n"}),
	    T("{{<p}}{{$b}}x\ny{{/b}}{{/p}}", "{}", "1 x\ny\n2\n", {"p", "1 {{$b}}d{{/b}}\n2\n"}),
	    T("{{<p}}{{$b}}x\ny{{/b}}{{/p}}", "{}", "  x\ny 2\n", {"p", "  {{$b}}d{{/b}} 2\n"}),
	    T("{{<p}}\n{{$b}}\n      x\n        y\n\n      z\n{{/b}}\n{{/p}}\n", "{}",
		"<\n  x\n    y\n\n  z\n>\n", {"p", "<\n  {{$b}}\n  {{/b}}\n>\n"}),
	    T("{{<p}}\n{{$b}}\nx\n{{/b}}\n{{/p}}\n", "{}", "<\n    x\n>\n",
		{"p", "<\n{{$b}}\n    default\n{{/b}}\n>\n"}),
	    /* A default is printed as it was written. */
	    T("{{<p}}{{/p}}", "{}", "<\n    a\n   b\n      c\n\n>\n",
		{"p", "<\n {{$b}}\n    a\n   b\n      c\n\n {{/b}}\n>\n"}),
	    T(" {{>p}}\n", "{}", " <\n   d\n     e\n >\n", {"p", "<\n  {{$b}}d\n    e{{/b}}\n>\n"}),
	    T("{{<p}}\n{{$n}}\nthree\n{{/n}}\n{{/p}}\n", "{}", "one\n  three\n",
		{"p", "{{<q}}\n{{$b}}\n  one\n  {{$n}}\n    two\n  {{/n}}\n{{/b}}\n{{/q}}\n"},
		{"q", "{{$b}}default{{/b}}"}),
	    T("{{<p}}{{$b}} {{/b}}{{/p}}", "{}", "a b", {"p", "a{{$b}}, {{/b}}b"}),
	    T("{{<p}}\n{{$b}}\n  {{>q}}\n  {{#x}}\n  y\n  {{/x}}\n{{/b}}\n{{/p}}\n", "{\"x\":1}",
		"    1\n    2\n    y\n", {"p", "    {{$b}}\n    {{/b}}\n"}, {"q", "1\n2\n"}));
}

static void errors_have_a_place(void **state)
{
	CHECK(T("a\n  {{a", "{}", "t:2:3: tag is not closed"),
	    T("{{}}", "{}", "t:1:1: tag without a name"),
	    T("{{# }}", "{}", "t:1:1: tag without a name"),
	    T("\xc3\xa4\xe2\x82\xac{{a b}}", "{}", "t:1:3: white space inside a name"),
	    T("{{#a}}\n{{#b}}\n{{/a}}", "{}",
		"t:3:1: end tag \"a\" does not close \"b\" of line 2"),
	    T("x\n{{/a}}", "{}", "t:2:1: end tag closes nothing: \"a\""),
	    T("{{#a}}\n  {{^b}}", "{}", "t:2:3: \"b\" is not closed"),
	    T("{{<p}}{{$b}}{{/p}}", "{}", "t:1:13: end tag \"p\" does not close \"b\" of line 1"),
	    T("{{{a}}", "{}", "t:1:1: tag is not closed"),
	    T("{{=<% %>}}", "{}", "t:1:1: set-delimiter tag does not end with ="),
	    T("{{=<%=}}", "{}",
		"t:1:1: set-delimiter tag needs two delimiters of 1 to 31 characters"),
	    T("{{=a b c=}}", "{}",
		"t:1:1: set-delimiter tag needs two delimiters without white space or ="),
	    T("{{a..b}}", "{}", "t:1:1: name has an empty part: \"a..b\""),
	    T("{{.a}}", "{}", "t:1:1: name has an empty part: \".a\""),
	    T("{{#a.}}{{/a.}}", "{}", "t:1:1: name has an empty part: \"a.\""),
	    T("x", "{}", "p:2:1: \"a\" is not closed", {"p", "\n{{#a}}"}));
}

static void a_long_path_is_cut_at_its_head(void **state)
{
	struct mustache_set *set = mustache_set_new();
	char name[501] = "";
	struct err err = {0};

	(void)state;
	memset(name, 'a', 500);
	name[499] = 'z';
	assert_int_equal(mustache_set_add(set, name, "\n\n {{x", 7, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "aaaaaz:3:2: tag is not closed"));
	mustache_set_free(set);
}

static void depth_and_work_are_bounded(void **state)
{
	struct mustache_set *set = mustache_set_new();
	const char text[] = "{{#l}}{{#l}}{{#l}}x{{/l}}{{/l}}{{/l}}";
	struct err err = {0};
	struct view *data;
	struct buf out;

	CHECK(T("{{>p}}", "{}", "p:2:2: sections and partials nested too deep", {"p", "\n {{>p}}"}),
	    T("{{>p}}", "{\"a\":[1,2]}", "p:1:7: sections and partials nested too deep",
		{"p", "{{#a}}{{>p}}{{>p}}{{/a}}"}),
	    T("{{<p}}{{$b}}{{<p}}{{/p}}{{/b}}{{/p}}", "{}", "", {"p", "{{$b}}{{/b}}"}),
	    T("{{<p}}{{/p}}", "{}", "p:1:7: sections and partials nested too deep",
		{"p", "{{$b}}{{<p}}{{/p}}{{/b}}"}),
	    T("{{>p}}", "{}", "p:1:41: indented too far",
		{"p", "                                        {{>p}}"}));
	buf_init(&out);
	assert_int_equal(view_parse(&arena, "{\"l\":[1,2,3,4]}", 15, &data, &err), RC_OK);
	assert_int_equal(mustache_set_add(set, "t", text, strlen(text), &err), RC_OK);
	mustache_set_budget(set, 84);
	assert_int_equal(mustache_render(mustache_find(set, "t"), data, &out, &err), RC_OK);
	assert_int_equal(out.len, 64);
	mustache_set_budget(set, 83);
	assert_int_equal(mustache_render(mustache_find(set, "t"), data, &out, &err), RC_LIMIT);
	assert_string_equal(err.text, "t:1:13: rendering takes too long");
	buf_release(&out);
	mustache_set_free(set);
}

static void nesting_in_a_template_is_bounded(void **state)
{
	struct sample s = {.data = "{}", .expected = "t:1:601: tags nested too deep"};
	struct buf text;

	(void)state;
	buf_init(&text);
	for (int i = 0; i < MUSTACHE_NEST_MAX + 1; i++)
		buf_adds(&text, "{{#a}}");
	for (int i = 0; i < MUSTACHE_NEST_MAX + 1; i++)
		buf_adds(&text, "{{/a}}");
	s.text = text.data;
	check(&s, 1);
	memmove(text.data, text.data + 6, text.len - 12);
	text.data[text.len - 12] = '\0';
	s.expected = "";
	check(&s, 1);
	buf_release(&text);
}

static void rendering_appends(void **state)
{
	struct mustache_set *set = mustache_set_new();
	struct err err = {0};
	struct buf out;

	(void)state;
	buf_init(&out);
	buf_adds(&out, "head ");
	assert_int_equal(mustache_set_add(set, "t", "old", 3, &err), RC_OK);
	assert_int_equal(mustache_set_add(set, "t", "new {{a}}", 9, &err), RC_OK);
	assert_int_equal(mustache_set_add(set, "t", "{{bad", 5, &err), RC_INVALID);
	assert_int_equal(mustache_render(mustache_find(set, "t"), NULL, &out, &err), RC_OK);
	assert_string_equal(out.data, "head new ");
	assert_null(mustache_find(set, "u"));
	buf_release(&out);
	mustache_set_free(set);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	FILE *f = fopen(arena_printf(&arena, "%s/%s", dir, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void note(void *arg, const char *text)
{
	buf_printf(arg, "%s\n", text);
}

static void a_folder_is_loaded_and_linted(void **state)
{
	static const char *const raw[] = {"page:svg.icon", NULL};
	char dir[] = "/tmp/dropmill-mustache-XXXXXX";
	struct mustache_set *set = mustache_set_new();
	struct err err = {0};
	struct buf text;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(arena_printf(&arena, "%s/job", dir), 0700), 0);
	write_file(dir, "page.mustache", "{{>job/row}}\n{{{svg.icon}}}{{&name}}");
	write_file(dir, "job/row.mustache", "<{{id}}>{{>*kind}}");
	write_file(dir, ".hidden.mustache", "{{");
	write_file(dir, "notes.txt", "{{");
	assert_int_equal(mustache_set_load_dir(set, dir, &err), RC_OK);
	assert_non_null(mustache_find(set, "page"));
	assert_non_null(mustache_find(set, "job/row"));
	assert_null(mustache_find(set, "notes"));
	buf_init(&text);
	assert_int_equal(mustache_set_lint(set, raw, note, &text), 1);
	assert_string_equal(
	    text.data, arena_printf(&arena,
			   "%s/page.mustache:2:15: unescaped value is not on the list\n", dir));
	write_file(dir, "job/list.mustache", "{{>job/none}}");
	assert_int_equal(mustache_set_load_dir(set, dir, &err), RC_OK);
	buf_clear(&text);
	assert_int_equal(mustache_set_lint(set, NULL, note, &text), 3);
	assert_non_null(strstr(text.data,
	    arena_printf(&arena, "%s/job/list.mustache:1:1: no template \"job/none\"\n", dir)));
	write_file(dir, "job/list.mustache", "\n {{#x}}");
	assert_int_equal(mustache_set_load_dir(set, dir, &err), RC_INVALID);
	assert_string_equal(
	    err.text, arena_printf(&arena, "%s/job/list.mustache:2:2: \"x\" is not closed", dir));
	assert_int_equal(mustache_set_load_dir(set, "/nonexistent", &err), RC_SYS);
	buf_release(&text);
	mustache_set_free(set);
	for (size_t i = 0; i < 5; i++)
		unlink(arena_printf(&arena, "%s/%s", dir,
		    (const char *[]){"page.mustache", "job/row.mustache", "job/list.mustache",
			".hidden.mustache", "notes.txt"}[i]));
	assert_int_equal(rmdir(arena_printf(&arena, "%s/job", dir)), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(interpolation),
	    cmocka_unit_test(escaping_at_every_place),
	    cmocka_unit_test(long_texts),
	    cmocka_unit_test(sections),
	    cmocka_unit_test(names_of_any_length),
	    cmocka_unit_test(comments_and_delimiters),
	    cmocka_unit_test(lines_of_lone_tags_leave_no_trace),
	    cmocka_unit_test(partials),
	    cmocka_unit_test(dynamic_names),
	    cmocka_unit_test(inheritance),
	    cmocka_unit_test(inheritance_and_lines),
	    cmocka_unit_test(errors_have_a_place),
	    cmocka_unit_test(a_long_path_is_cut_at_its_head),
	    cmocka_unit_test(depth_and_work_are_bounded),
	    cmocka_unit_test(nesting_in_a_template_is_bounded),
	    cmocka_unit_test(rendering_appends),
	    cmocka_unit_test(a_folder_is_loaded_and_linted),
	};

	return cmocka_run_group_tests_name("mustache", tests, set_up, tear_down);
}
