/*
 * Drawing on a terminal: columns and bars.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>

#define TERM_BAR_COLUMNS 20

/* Whether stdout is a terminal, and how large it is. */
bool term_size(int *columns, int *rows);

/* Put at most `columns` characters of s, control characters replaced; padded with blanks if wanted.
 * s may be NULL. */
void term_put(const char *s, int columns, bool pad);

/* "[####................]  20%" */
void term_bar(int percent);

/* The rest of the line is blank; on to the next. */
void term_end_line(void);

#endif
