/*
 * The reader scans a window of the stream. Cells are slices of the window, unless quotes in them
 * had to be taken out: then they are copied to a scratch area as large as the window, which they
 * cannot outgrow. A row cut off by the window's end is scanned again after the window has been
 * moved and filled up; the window doubles when a row fills it, so that costs little.
 */
#include "tools/lib/csv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (64u << 10)
#define SNIFF_ROWS 200

struct csv {
	csv_read *read;
	void *ctx;
	char *window, *scratch;
	size_t cap, at, end; /* unread bytes are window[at..end) */
	bool eof;
	char delimiter;
	bool stop[256]; /* bytes that end a cell outside quotes */
	struct csv_cell *cells;
	size_t cells_cap;
	uint64_t line, blank_lines, open_quote;
};

/* The scan of one row: where it stands, and what it found. */
struct scan {
	const char *p, *end;
	char *spare; /* free part of scratch */
	size_t count;
	uint64_t lines; /* line ends passed inside the row and at its end */
	uint64_t open_quote;
};

enum outcome { ROW, CUT, TOO_WIDE };

static void *allocate(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		bug("csv: out of memory bytes=%zu", size);
	return p;
}

struct csv *csv_new(char delimiter, csv_read *read, void *ctx)
{
	struct csv *c = allocate(NULL, sizeof *c);

	*c = (struct csv){ .read = read, .ctx = ctx, .cap = WINDOW, .delimiter = delimiter,
		.cells_cap = 64, .line = 1 };
	c->window = allocate(NULL, WINDOW);
	c->scratch = allocate(NULL, WINDOW);
	c->cells = allocate(NULL, c->cells_cap * sizeof *c->cells);
	c->stop[(unsigned char)delimiter] = c->stop['\n'] = c->stop['\r'] = true;
	return c;
}

void csv_free(struct csv *c)
{
	if (!c)
		return;
	free(c->cells);
	free(c->scratch);
	free(c->window);
	free(c);
}

/* Move what is unread to the front, make the window larger if that fills it, and read once. */
static enum rc fill(struct csv *c, struct err *err)
{
	ssize_t n;

	if (c->at) {
		memmove(c->window, c->window + c->at, c->end - c->at);
		c->end -= c->at;
		c->at = 0;
	}
	if (c->end == c->cap) {
		if (c->cap >= CSV_ROW_BYTES_MAX)
			return err_set(err, RC_INVALID,
			    "line %" PRIu64 ": the row is longer than %u MiB; "
			    "is a quote left open?",
			    c->line, CSV_ROW_BYTES_MAX >> 20);
		c->cap *= 2;
		c->window = allocate(c->window, c->cap);
		c->scratch = allocate(c->scratch, c->cap);
	}
	n = c->read(c->ctx, c->window + c->end, c->cap - c->end);
	if (n < 0)
		return err_sys(err, "cannot read the file");
	c->end += (size_t)n;
	c->eof = n == 0;
	return RC_OK;
}

static bool add_cell(struct csv *c, struct scan *s, struct csv_cell cell)
{
	if (s->count == c->cells_cap) {
		if (c->cells_cap >= CSV_CELLS_MAX)
			return false;
		c->cells_cap *= 2;
		c->cells = allocate(c->cells, c->cells_cap * sizeof *c->cells);
	}
	c->cells[s->count++] = cell;
	return true;
}

static void copy(struct scan *s, const char *data, size_t len)
{
	memcpy(s->spare, data, len);
	s->spare += len;
}

/* Take the line end at s->p, which may be the end of the file instead. */
static enum outcome end_row(const struct csv *c, struct scan *s)
{
	if (s->p == s->end)
		return ROW;
	if (*s->p++ == '\r') {
		if (s->p == s->end && !c->eof)
			return CUT;
		if (s->p < s->end && *s->p == '\n')
			s->p++;
	}
	s->lines++;
	return ROW;
}

/* The next quote, NULL if the window has none; line ends on the way are counted. */
static const char *find_quote(struct scan *s)
{
	const char *quote = memchr(s->p, '"', (size_t)(s->end - s->p));
	const char *stop = quote ? quote : s->end;

	for (const char *p = s->p; p < stop; p++)
		s->lines += *p == '\n' || (*p == '\r' && !(p + 1 < stop && p[1] == '\n'));
	return quote;
}

static void skip_to_stop(const struct csv *c, struct scan *s)
{
	while (s->p < s->end && !c->stop[(unsigned char)*s->p])
		s->p++;
}

/* A cell whose opening quote is at s->p. */
static enum outcome quoted_cell(struct csv *c, struct scan *s, struct csv_cell *cell)
{
	const char *begin = ++s->p, *quote, *rest;
	uint64_t opened = c->line + s->lines;
	char *copied = s->spare;

	while ((quote = find_quote(s))) {
		s->p = quote + 1;
		if (s->p == s->end || *s->p != '"')
			break;
		copy(s, begin, (size_t)(s->p - begin)); /* up to and with the first of the two */
		begin = ++s->p;
	}
	if (!quote) {
		s->open_quote = opened;
		s->p = quote = s->end;
	}
	rest = s->p;
	skip_to_stop(c, s);
	if (s->p == s->end && !c->eof)
		return CUT;
	if (s->spare == copied && rest == s->p) {
		*cell = (struct csv_cell){ begin, (size_t)(quote - begin) };
		return ROW;
	}
	copy(s, begin, (size_t)(quote - begin));
	copy(s, rest, (size_t)(s->p - rest));
	*cell = (struct csv_cell){ copied, (size_t)(s->spare - copied) };
	return ROW;
}

static enum outcome scan_row(struct csv *c, struct scan *s)
{
	for (;; s->p++) {
		struct csv_cell cell = { s->p, 0 };

		if (s->p < s->end && *s->p == '"') {
			if (quoted_cell(c, s, &cell) == CUT)
				return CUT;
		} else {
			skip_to_stop(c, s);
			if (s->p == s->end && !c->eof)
				return CUT;
			cell.len = (size_t)(s->p - cell.data);
		}
		if (!add_cell(c, s, cell))
			return TOO_WIDE;
		if (s->p == s->end || *s->p != c->delimiter)
			return end_row(c, s);
	}
}

enum rc csv_next(struct csv *c, struct csv_row *row, struct err *err)
{
	for (;;) {
		struct scan s = { .p = c->window + c->at, .end = c->window + c->end,
			.spare = c->scratch };
		bool blank = s.p < s.end && (*s.p == '\n' || *s.p == '\r');
		enum outcome outcome = CUT;
		enum rc rc;

		if (s.p < s.end)
			outcome = blank ? end_row(c, &s) : scan_row(c, &s);
		else if (c->eof)
			return RC_DONE;
		if (outcome == TOO_WIDE)
			return err_set(err, RC_INVALID,
			    "line %" PRIu64 ": more than %d cells in one row", c->line,
			    CSV_CELLS_MAX);
		if (outcome == CUT) {
			rc = fill(c, err);
			if (rc)
				return rc;
			continue;
		}
		*row = (struct csv_row){ c->cells, s.count, c->line };
		c->at = (size_t)(s.p - c->window);
		c->line += s.lines;
		c->blank_lines += blank;
		if (s.open_quote)
			c->open_quote = s.open_quote;
		if (!blank)
			return RC_OK;
	}
}

uint64_t csv_blank_lines(const struct csv *c)
{
	return c->blank_lines;
}

uint64_t csv_open_quote(const struct csv *c)
{
	return c->open_quote;
}

struct memory {
	const char *data;
	size_t left;
};

static ssize_t read_memory(void *ctx, char *to, size_t cap)
{
	struct memory *m = ctx;
	size_t n = m->left < cap ? m->left : cap;

	memcpy(to, m->data, n);
	m->data += n;
	m->left -= n;
	return (ssize_t)n;
}

/* Columns of the header, weighted by the share of rows that have as many; 0: no candidate. */
static double sniff_score(const char *sample, size_t len, bool whole, char delimiter)
{
	struct memory memory = { sample, len };
	struct csv *c = csv_new(delimiter, read_memory, &memory);
	size_t columns = 0, rows = 0, agree = 0;
	bool last_agrees = false;
	struct csv_row row;

	if (csv_next(c, &row, NULL) == RC_OK)
		columns = row.count;
	while (columns > 1 && rows < SNIFF_ROWS && csv_next(c, &row, NULL) == RC_OK) {
		rows++;
		last_agrees = row.count == columns;
		agree += last_agrees;
	}
	if (!whole && rows > 0 && rows < SNIFF_ROWS) { /* the sample ends inside the last one */
		rows--;
		agree -= last_agrees;
	}
	csv_free(c);
	if (columns < 2)
		return 0;
	return rows ? (double)columns * (double)agree / (double)rows : (double)columns;
}

char csv_sniff(const char *sample, size_t len, bool whole)
{
	static const char candidates[] = ",;\t|";
	char best = ',';
	double best_score = 0;

	for (const char *d = candidates; *d; d++) {
		double score = sniff_score(sample, len, whole, *d);

		if (score > best_score) {
			best = *d;
			best_score = score;
		}
	}
	return best;
}
