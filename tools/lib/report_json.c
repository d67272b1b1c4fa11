/*
 * profile.json.
 */
#include <inttypes.h>
#include <limits.h>

#include "tools/lib/json.h"
#include "tools/lib/report.h"

const char *report_delimiter(char delimiter)
{
	switch (delimiter) {
	case ',':
		return "comma";
	case ';':
		return "semicolon";
	case '\t':
		return "tab";
	case '|':
		return "pipe";
	}
	return "other";
}

size_t report_bins(const struct column *c, struct histogram_bin out[static REPORT_BINS])
{
	bool whole = c->type == CELL_INTEGER || c->type == CELL_DATE;

	if (!column_is_numeric(c) && !column_is_dated(c))
		return 0;
	return histogram_bins(&c->histogram, REPORT_BINS, whole ? 0 : INT_MIN, out);
}

void report_integer(struct buf *out, const char *s, size_t len)
{
	bool negative = *s == '-';

	while (len > 1 && (*s == '-' || *s == '+' || *s == '0')) {
		s++;
		len--;
	}
	if (negative && *s != '0')
		buf_addc(out, '-');
	buf_add(out, s, len);
}

static void add_extreme(const struct column *c, const struct extreme *text,
    const struct extreme *number, struct buf *out)
{
	if (c->type == CELL_EMPTY)
		buf_adds(out, "null");
	else if (c->type == CELL_INTEGER)
		report_integer(out, number->text.data, number->text.len);
	else if (c->type == CELL_NUMBER)
		json_real(out, number->number);
	else
		json_string(out, text->text.data, text->text.len);
}

static void add_limit(const struct column *c, double at, struct buf *out)
{
	char date[32];

	if (column_is_dated(c)) {
		celltype_date(at, c->type == CELL_DATETIME, date);
		json_text(out, date);
	} else {
		json_real(out, at);
	}
}

static void add_histogram(const struct column *c, struct buf *out)
{
	struct histogram_bin bins[REPORT_BINS];
	size_t n = report_bins(c, bins);

	if (!n)
		return;
	buf_adds(out, ",\"histogram\":[");
	for (size_t i = 0; i < n; i++) {
		buf_adds(out, i ? ",{\"from\":" : "{\"from\":");
		add_limit(c, bins[i].from, out);
		buf_adds(out, ",\"to\":");
		add_limit(c, bins[i].to, out);
		buf_printf(out, ",\"count\":%" PRIu64 "}", bins[i].count);
	}
	buf_addc(out, ']');
}

static void add_top(const struct column *c, struct buf *out)
{
	struct value top[REPORT_TOP];
	size_t n = values_top(c->values, REPORT_TOP, top);

	if (!n)
		return;
	buf_adds(out, ",\"top\":[");
	for (size_t i = 0; i < n; i++) {
		buf_adds(out, i ? ",{\"value\":" : "{\"value\":");
		json_string(out, top[i].text, top[i].len);
		buf_printf(out, "%s,\"count\":%" PRIu64 "}", top[i].cut ? ",\"cut\":true" : "",
		    top[i].count);
	}
	buf_addc(out, ']');
}

static void add_column(const struct column *c, struct buf *out)
{
	buf_adds(out, "{\"name\":");
	json_string(out, c->name.data, c->name.len);
	buf_printf(out, ",\"type\":\"%s\",\"nulls\":%" PRIu64 ",\"distinct\":%" PRIu64 ",\"min\":",
	    celltype_name(c->type), c->nulls, c->distinct);
	add_extreme(c, &c->text_min, &c->number_min, out);
	buf_adds(out, ",\"max\":");
	add_extreme(c, &c->text_max, &c->number_max, out);
	if (column_is_numeric(c)) {
		buf_adds(out, ",\"mean\":");
		json_real(out, c->mean);
		buf_adds(out, ",\"stddev\":");
		json_real(out, column_deviation(c));
	}
	buf_printf(out, ",\"longest\":%" PRIu64, c->longest);
	if (c->type == CELL_INTEGER && c->leading_zeros)
		buf_adds(out, ",\"leading_zeros\":true");
	add_histogram(c, out);
	add_top(c, out);
	buf_addc(out, '}');
}

void report_json(const struct table *t, struct buf *out)
{
	buf_printf(out, "{\"rows\":%" PRIu64 ",\"columns\":[", t->rows);
	for (size_t i = 0; i < t->column_count; i++) {
		buf_adds(out, i ? ",\n" : "\n");
		add_column(&t->columns[i], out);
	}
	buf_adds(out, "\n],\"source\":{\"name\":");
	json_text(out, t->name);
	buf_printf(out, ",\"size\":%" PRIu64 ",\"encoding\":\"%s\",\"delimiter\":\"%s\"", t->size,
	    encoding_name(t->encoding), report_delimiter(t->delimiter));
	buf_printf(out, ",\"short_rows\":%" PRIu64 ",\"long_rows\":%" PRIu64
	    ",\"blank_lines\":%" PRIu64 ",\"replaced_characters\":%" PRIu64, t->short_rows,
	    t->long_rows, t->blank_lines, t->replaced);
	if (t->open_quote)
		buf_printf(out, ",\"open_quote_line\":%" PRIu64, t->open_quote);
	buf_adds(out, "}}\n");
}
