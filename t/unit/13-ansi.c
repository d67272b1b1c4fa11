/* Terminal output as runs of text: colours, lines that are written over, and bytes that are nothing
 * of the kind. */
#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "fcgi/ansi.h"
#include "t/unit/arena_fixture.h"

static struct ansi_page page;
static char shown[65536];

/* Runs as "text" or "<class|text>", one behind the other. */
static const char *flat(const struct view *list)
{
	size_t n = 0;

	*shown = '\0';
	for (size_t i = 0; i < view_len(list); i++) {
		const struct view *run = view_at(list, i);
		const char *class = view_text(view_get(run, "class")),
			   *text = view_text(view_get(run, "text"));

		n += (size_t)snprintf(shown + n, sizeof shown - n, class ? "<%s|%s>" : "%s%s",
		    class ? class : "", text);
	}
	return shown;
}

static void render(const char *data, size_t len)
{
	static const struct ansi_style plain;

	arena_clear(&arena);
	ansi_render(&arena, data, len, &plain, &page);
}

static void text_and_colours(void **state)
{
	static const struct {
		const char *in, *lines, *line;
	} cases[] = {
	    {"", "", ""},
	    {"a", "", "a"},
	    {"a\nb\n", "a\nb\n", ""},
	    {"a\tb\r\nc", "a\tb\n", "c"},
	    {"\033[31mred\033[0m plain\n", "<f1|red> plain\n", ""},
	    {"\033[1;4;92mdone\033[m\n", "<f10 b u|done>\n", ""},
	    {"\033[31mtwo\nlines\033[39m\n", "<f1|two>\n<f1|lines>\n", ""},
	    {"\033[41;97mx\033[49my\n", "<f15 k1|x><f15|y>\n", ""},
	    {"\033[38;5;208mo\033[48;5;17mb\n", "<f208|o><f208 k17|b>\n", ""},
	    {"\033[38;2;255;0;0mt\033[38:2::0:255:0mg\033[38:2:0:0:255mb\n",
		"<f196|t><f46|g><f21|b>\n", ""},
	    {"\033[7mi\033[31mj\033[44mk\033[27ml\n", "<fx kx|i><fx k1|j><f4 k1|k><f1 k4|l>\n", ""},
	    {"\033[4:3mwavy\033[4:0mnot\033[9mout\033[29m\n", "<u|wavy>not<s|out>\n", ""},
	    {"\033[2;3mx\033[22;23my\n", "<d i|x>y\n", ""},
	    /* nonsense is no colour, and does not stop what follows */
	    {"\033[38;5;999mx\033[38mx\033[38;9mx\033[48;2;1mx\033[999mx\033[;;mx\n", "xxxxxx\n",
		""},
	    {"\033[38;5mx\033[1my\n", "x<b|y>\n", ""},
	    /* written over */
	    {"10%\r50%\r100%\n", "100%\n", ""},
	    {"before\n10%\r50%\r", "before\n", "50%"},
	    {"\033[31mold\r\033[32mnew\n", "<f2|new>\n", ""},
	    {"x\r\r\ny\n", "x\ny\n", ""},
	    {"gone\033[2Kstays\n", "stays\n", ""},
	    {"a\033[Kb\n", "ab\n", ""},
	    /* sequences that do nothing */
	    {"a\033[2J\033[10;5Hb\033[?25lc\033[>4;2md\n", "abcd\n", ""},
	    {"a\033]0;title\ab\033]8;;http://x\033\\link\033]8;;\033\\c\n", "ablinkc\n", ""},
	    {"a\033Pdevice\033\\b\033_app\033\\c\033(Bd\033=e\n", "abcde\n", ""},
	    {"a\033]never ends\nb\n", "a\nb\n", ""},
	    {"a\033[31\nb\n", "a\nb\n", ""},
	    {"a\033", "", "a"},
	    {"a\033[3", "", "a"},
	    /* made visible */
	    {"a\bb\001c\177\n", "a<odd|\xe2\x90\x88>b<odd|\xe2\x90\x81>c<odd|\xe2\x90\xa1>\n", ""},
	    {"\xff\xc0\xaf\xed\xa0\x80.\xe2\x82\n",
		"<odd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"\xef\xbf\xbd\xef\xbf\xbd>.<odd|\xef\xbf\xbd\xef\xbf\xbd>\n",
		""},
	    {"a\xc2\x9b"
	     "31mb\n",
		"a<odd|\xef\xbf\xbd>31mb\n", ""},
	    {"x\xe2\x80\xaey\xe2\x81\xa6z\n", "x<odd|U+202E>y<odd|U+2066>z\n", ""},
	    {"\xe2\x80\xa8|\xd8\x9c\n", "<odd|U+2028>|<odd|U+061C>\n", ""},
	    {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\n", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\n", ""},
	    {"<script>alert(1)</script>&\n", "<script>alert(1)</script>&\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		render(cases[i].in, strlen(cases[i].in));
		assert_string_equal(flat(page.lines), cases[i].lines);
		assert_string_equal(flat(page.line), cases[i].line);
	}
	render("a\0b\n", 4);
	assert_string_equal(flat(page.lines), "a<odd|\xe2\x90\x80>b\n");
}

static void the_next_part_begins_where_the_line_does(void **state)
{
	static const struct {
		const char *in, *code;
		size_t at;
	} cases[] = {{"one\ntwo", "", 4}, {"\033[1;31mone\ntwo", "1;38;5;1", 11},
	    {"\033[1mone\r\033[4mtwo", "1", 8}, {"10%\r20%\r", "", 4}, {"x\n", "", 2},
	    {"\033[7;9;48;5;200m\n", "7;9;48;5;200", 16}};
	char code[ANSI_CODE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		render(cases[i].in, strlen(cases[i].in));
		assert_int_equal(page.line_at, cases[i].at);
		assert_string_equal(ansi_code(&page.line_style, code), cases[i].code);
	}
}

static void codes_are_read_again(void **state)
{
	static const char *const good[] = {"", "1", "1;2;3;4;7;9;38;5;255;48;5;0"};
	static const char *const bad[] = {"x", "1m", "1 ", "\033[1m", "1:2", "-1"};
	struct ansi_style s;
	char code[ANSI_CODE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(ansi_code_read(good[i], &s));
		assert_string_equal(ansi_code(&s, code), good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ansi_code_read(bad[i], &s));
}

/* A log read in parts shows what it shows as a whole, wherever the parts end. */
static void parts_make_the_whole(void **state)
{
	static const char text[] =
	    "plain\n\033[1;33mwarn\033[0m: x\n10%\r20%\r\033[32m30%\ndone\r\n"
	    "gr\xc3\xbc\xc3\x9f\n\033[7mtwo\nlines\033[m end\n\n\nlast\n";
	char whole[1024];

	(void)state;
	render(text, sizeof text - 1);
	snprintf(whole, sizeof whole, "%s", flat(page.lines));
	for (size_t cut = 0; cut < sizeof text; cut++) {
		struct ansi_page rest;
		char joined[1024];

		render(text, cut);
		snprintf(joined, sizeof joined, "%s", flat(page.lines));
		ansi_render(&arena, text + page.line_at, sizeof text - 1 - page.line_at,
		    &page.line_style, &rest);
		strcat(joined, flat(rest.lines));
		assert_string_equal(joined, whole);
	}
}

static void long_lines_are_broken(void **state)
{
	static char text[50000];
	size_t lines = 0, longest = 0, at = 0;

	(void)state;
	for (size_t i = 0; i + 2 <= sizeof text; i += 2)
		memcpy(text + i, i % 4 ? "\xc3\xbc" : "ab", 2);
	render(text, sizeof text);
	flat(page.lines);
	for (size_t i = 0; shown[i]; i++)
		if (shown[i] == '\n') {
			longest = i - at > longest ? i - at : longest;
			at = i + 1;
			lines++;
		}
	assert_int_equal(lines, sizeof text / ANSI_LINE_MAX);
	assert_in_range(longest, ANSI_LINE_MAX - 4, ANSI_LINE_MAX + 4);
	assert_true(str_utf8(shown, strlen(shown)));
	assert_in_range(sizeof text - page.line_at, 0, ANSI_LINE_MAX);
	/* what shows nothing gets on as well */
	memset(text, 033, sizeof text);
	render(text, sizeof text);
	assert_in_range(sizeof text - page.line_at, 0, ANSI_LINE_MAX);
	memset(text, '\r', sizeof text);
	render(text, sizeof text);
	assert_in_range(sizeof text - page.line_at, 0, ANSI_LINE_MAX);
	memset(text, 'x', sizeof text);
	memcpy(text, "\033]", 2);
	render(text, sizeof text);
	assert_in_range(sizeof text - page.line_at, 0, ANSI_LINE_MAX);
	/* and empty lines are one run */
	memset(text, '\n', sizeof text);
	render(text, sizeof text);
	assert_int_equal(view_len(page.lines), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_and_colours),
	    cmocka_unit_test(the_next_part_begins_where_the_line_does),
	    cmocka_unit_test(codes_are_read_again),
	    cmocka_unit_test(parts_make_the_whole),
	    cmocka_unit_test(long_lines_are_broken),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
