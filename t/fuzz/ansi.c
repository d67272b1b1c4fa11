/*
 * Fuzzes what a page shows of a log: whatever the bytes, the text is UTF-8 without control
 * characters, classes are of the known vocabulary, a part gets on, and the style at its end can be
 * carried over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "fcgi/ansi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_runs(const struct view *list)
{
	for (size_t i = 0; i < view_len(list); i++) {
		const struct view *run = view_at(list, i), *text = view_get(run, "text");
		const char *s = view_text(text), *class = view_text(view_get(run, "class"));

		check(s && view_len(text) > 0 && str_utf8(s, view_len(text)));
		for (; *s; s++)
			check((unsigned char)*s >= 0x20 ? *s != 0x7f : *s == '\n' || *s == '\t');
		check(!class || (*class && strspn(class, "abcdefghijklmnopqrstuvwxyz0123456789 ") ==
					       strlen(class)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ansi_style plain;
	struct ansi_page page, rest;
	struct ansi_style again;
	char code[ANSI_CODE_SIZE];
	const char *text = (const char *)data;
	struct arena a;

	arena_init(&a);
	ansi_render(&a, text, size, &plain, &page);
	check_runs(page.lines);
	check_runs(page.line);
	check(page.line_at <= size && (size < ANSI_LINE_MAX || page.line_at > 0));
	check(ansi_code_read(ansi_code(&page.line_style, code), &again));
	check(memcmp(&again.fg, &page.line_style.fg, sizeof again.fg) == 0 &&
	      again.bg == page.line_style.bg && again.inverse == page.line_style.inverse);
	ansi_render(&a, text + page.line_at, size - page.line_at, &again, &rest);
	check(
	    rest.line_at == 0 || size - page.line_at >= ANSI_LINE_MAX || view_len(rest.lines) == 0);
	arena_release(&a);
	return 0;
}
