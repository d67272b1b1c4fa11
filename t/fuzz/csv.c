/*
 * Fuzzes the way from bytes to columns, and holds the CSV reader to an oracle: the state machine of
 * Python's csv module, one byte at a time, with nothing clever in it. The first two bytes choose
 * the delimiter, the encoding and how large the pieces are in which the reader gets its input.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/rc.h"
#include "tools/lib/column.h"
#include "tools/lib/csv.h"
#include "tools/lib/encoding.h"
#include "tools/lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
	const char *data;
	size_t left, at_once;
};

static ssize_t read_piece(void *ctx, char *to, size_t cap)
{
	struct pieces *p = ctx;
	size_t n = p->left < p->at_once ? p->left : p->at_once;

	if (n > cap)
		n = cap;
	memcpy(to, p->data, n);
	p->data += n;
	p->left -= n;
	return (ssize_t)n;
}

/* Rows as text: cells in brackets, rows ended by LF. */
static void print_cell(struct buf *out, const char *s, size_t len)
{
	buf_addc(out, '[');
	buf_add(out, s, len);
	buf_addc(out, ']');
}

static void rows_of_oracle(const char *s, size_t len, char delimiter, struct buf *out)
{
	enum { ROW_START, CELL_START, PLAIN, QUOTED, QUOTE_IN_QUOTED } state = ROW_START;
	struct buf cell;

	buf_init(&cell);
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool line_end = c == '\n' || c == '\r';

		if (state == QUOTED) {
			if (c == '"')
				state = QUOTE_IN_QUOTED;
			else
				buf_addc(&cell, c);
		} else if (state == QUOTE_IN_QUOTED && c == '"') {
			buf_addc(&cell, c);
			state = QUOTED;
		} else if (line_end && state == ROW_START) {
			continue; /* an empty line, or the LF of CR LF */
		} else if (line_end || c == delimiter) {
			print_cell(out, cell.data, cell.len);
			buf_clear(&cell);
			state = line_end ? ROW_START : CELL_START;
			if (line_end)
				buf_addc(out, '\n');
		} else if (c == '"' && (state == ROW_START || state == CELL_START)) {
			state = QUOTED;
		} else {
			buf_addc(&cell, c);
			state = PLAIN;
		}
	}
	if (state != ROW_START) {
		print_cell(out, cell.data, cell.len);
		buf_addc(out, '\n');
	}
	buf_release(&cell);
}

/* The same from the reader under test; every cell goes to its column too. */
static void rows_of_reader(struct csv *csv, struct column *columns, size_t count, struct buf *out)
{
	struct csv_row row;
	struct err err;
	enum rc rc;

	while ((rc = csv_next(csv, &row, &err)) == RC_OK) {
		for (size_t i = 0; i < row.count; i++) {
			print_cell(out, row.cells[i].data, row.cells[i].len);
			column_add(&columns[i % count], row.cells[i].data, row.cells[i].len);
		}
		buf_addc(out, '\n');
	}
	if (rc != RC_DONE && rc != RC_INVALID)
		abort();
	if (rc == RC_INVALID)
		buf_clear(out); /* over a limit: nothing to compare */
}

static void check_column(struct column *c)
{
	struct histogram_bin bins[HISTOGRAM_BINS];
	struct value top[10];
	uint64_t sum = 0;
	struct err err;

	if (column_end(c, &err) || c->distinct > c->cells)
		abort();
	if (column_is_numeric(c) || column_is_dated(c)) {
		size_t n = histogram_bins(&c->histogram, 24, INT32_MIN, bins);

		for (size_t i = 0; i < n; i++)
			sum += bins[i].count;
		if (sum != c->cells || n > 24)
			abort();
	}
	values_top(c->values, 10, top);
	column_release(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = { ',', ';', '\t', '|' };
	struct column columns[4];
	struct values_pool *pool;
	struct encoding_check check;
	struct decoder decoder;
	struct buf text, expected, found;
	struct csv *csv;

	if (size < 2 || size > 1 << 16)
		return 0;
	buf_init(&text);
	buf_init(&expected);
	buf_init(&found);
	encoding_check_init(&check);
	encoding_check_feed(&check, data + 2, size - 2);
	decoder_init(&decoder, data[0] & 4 ? encoding_check_guess(&check, true) : ENCODING_UTF8);
	decoder_feed(&decoder, data + 2, size - 2, &text);
	decoder_end(&decoder, &text);

	struct pieces pieces = { text.data, text.len, data[1] ? data[1] : SIZE_MAX };
	char delimiter = delimiters[data[0] & 3];

	pool = values_pool_new(4, "/tmp");
	for (size_t i = 0; i < 4; i++)
		column_init(&columns[i], "c", 1, pool);
	csv = csv_new(delimiter, read_piece, &pieces);
	rows_of_reader(csv, columns, 4, &found);
	csv_free(csv);
	rows_of_oracle(text.data, text.len, delimiter, &expected);
	if (found.len &&
	    (found.len != expected.len || memcmp(found.data, expected.data, found.len)))
		abort();
	csv_sniff(text.data, text.len, data[1] & 1);
	for (size_t i = 0; i < 4; i++)
		check_column(&columns[i]);
	values_pool_free(pool);
	buf_clear(&found);
	json_string(&found, text.data, text.len);
	buf_release(&found);
	buf_release(&expected);
	buf_release(&text);
	return 0;
}
