/*
 * CSV: rows of cells from a stream of UTF-8, one at a time, in memory bounded by the longest row.
 *
 * What a row is, is what Python's csv module reads with its default dialect, so that people can
 * check our figures with the tool they know: a cell that begins with a quote runs to the closing
 * quote, over line ends too; a doubled quote inside is one quote; text after the closing quote
 * belongs to the cell; a quote inside a cell that does not begin with one is an ordinary
 * character; a line ends with LF, CR or CR LF; an empty line is no row; a quote never closed ends
 * with the file. Only the delimiter may differ.
 */
#ifndef TOOLS_LIB_CSV_H
#define TOOLS_LIB_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/rc.h"

#define CSV_CELLS_MAX 16384         /* in a row, as in a spreadsheet */
#define CSV_ROW_BYTES_MAX (16u << 20)

struct csv_cell {
	const char *data; /* not NUL-terminated */
	size_t len;
};

struct csv_row {
	struct csv_cell *cells;
	size_t count; /* at least 1 */
	uint64_t line; /* on which the row begins, from 1 */
};

struct csv;

/* Up to cap bytes into to; 0 at the end, -1 with errno. */
typedef ssize_t csv_read(void *ctx, char *to, size_t cap);

/* A reader with that delimiter over the stream. Heap; pair with csv_free. */
struct csv *csv_new(char delimiter, csv_read *read, void *ctx);
void csv_free(struct csv *c);

/* The next row that is not an empty line. RC_DONE at the end; RC_INVALID for a row over the limits
 * above (the text names its line), RC_SYS when reading failed. The row is borrowed until the next
 * call. */
enum rc csv_next(struct csv *c, struct csv_row *row, struct err *err);

/* Empty lines passed over so far. */
uint64_t csv_blank_lines(const struct csv *c);
/* Line on which a quote was opened that the file ended without closing; 0: none. */
uint64_t csv_open_quote(const struct csv *c);

/* Which of , ; tab | separates the cells in this beginning of a stream. The header decides who is a
 * candidate, the rows under it who agrees with the header most often; in doubt the comma. `whole`:
 * the sample is all there is. */
char csv_sniff(const char *sample, size_t len, bool whole);

#endif
