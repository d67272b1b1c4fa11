/*
 * Terminal output as a page can show it: runs of text with the classes of their colours.
 *
 * Understood are SGR (16 and 256 colours, true colour as the nearest of those, bold, dim, italic,
 * underlined, struck out, inverse), a carriage return, which begins the line anew, and "erase the
 * line". Every other escape sequence is dropped; other control characters are made visible, as are
 * marks that turn the direction of text; what is not UTF-8 becomes U+FFFD. Any bytes may come: the
 * text is well-formed UTF-8 without control characters but tab and line end, and the classes are
 * of the fixed vocabulary of public/vendor/ansi.css.
 */
#ifndef FCGI_ANSI_H
#define FCGI_ANSI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/view.h"

/* A line longer than this is broken. */
#define ANSI_LINE_MAX 8192
#define ANSI_CODE_SIZE 64

/* Zeroed is plain. Colours are 1 + 0…255; 0: none. */
struct ansi_style {
	uint16_t fg, bg;
	bool bold, dim, italic, underline, strike, inverse;
};

/* A style as the parameters of SGR, to be carried from one part of a log to the next; "" for plain.
 * Reading is false for text that is no such list. */
char *ansi_code(const struct ansi_style *s, char out[static ANSI_CODE_SIZE]);
bool ansi_code_read(const char *text, struct ansi_style *s);

/* Lines that have ended, and the one that has not yet: lists of {text, class?}. The latter begins
 * at byte line_at of the input, in style line_style: the next part begins there as well. */
struct ansi_page {
	struct view *lines, *line;
	size_t line_at;
	struct ansi_style line_style;
};

/* Render len bytes that begin in this style. */
void ansi_render(struct arena *a, const char *data, size_t len, const struct ansi_style *style,
    struct ansi_page *out);

#endif
