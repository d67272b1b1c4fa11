/*
 * Drawing on a terminal: columns and bars.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#define TERM_BAR_COLUMNS 20

/* Whether stdout is a terminal, and how large it is. */
bool term_size(int *columns, int *rows);

/* Put at most `columns` characters of s, control characters replaced; padded with blanks if wanted.
 * s may be NULL. */
void term_put(const char *s, int columns, bool pad);

/* "[####................]  20%" */
void term_bar(int percent);

/* How far something is that has `total` of it: a bar on a terminal, drawn over at most ten times a
 * second; nothing elsewhere. */
struct term_progress {
	const char *what;
	int64_t total, done, drawn_at;
	bool shown;
};
void term_progress_begin(struct term_progress *p, const char *what, int64_t total);
void term_progress_add(struct term_progress *p, int64_t bytes);
/* Take the bar away. */
void term_progress_end(struct term_progress *p);

/* The rest of the line is blank; on to the next. */
void term_end_line(void);

#endif
