/*
 * profile.html: the profile as a view, rendered by a template that is part of the program. Figures
 * are put into words here, their looks are the template's business.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/mustache.h"
#include "core/str.h"
#include "core/view.h"
#include "tools/lib/report.h"

#define CARDS_MAX 500 /* columns with a chart: a page with more is of no use and no small size */
#define SHOWN 60      /* bytes of a text in a table cell */
#define BAR_STEP 10   /* from one bar of the chart to the next; the template draws them 9 wide */

/* The template, byte for byte, as the assembler found it. */
extern const char profile_template[], profile_template_end[];
__asm__(".section .rodata\n"
        ".global profile_template\n"
        ".global profile_template_end\n"
        "profile_template:\n"
        ".incbin \"templates/tools/profile.mustache\"\n"
        "profile_template_end:\n"
        ".byte 0\n"
        ".previous\n");

/* Set a count as text with thousands set off by thin gaps, "1 234 567". */
static void put_count(struct view *v, const char *key, uint64_t n)
{
	char digits[24], text[64] = "";
	size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			at += (size_t)snprintf(text + at, sizeof text - at, "\u202f");
		text[at++] = digits[i];
	}
	view_strn(v, key, text, at);
}

static void put_real(struct view *v, const char *key, double d)
{
	char text[40];

	snprintf(text, sizeof text, "%.6g", d);
	view_str(v, key, text);
}

/* Set a text cut to what fits into a table cell. */
static void put_text(struct view *v, const char *key, const char *s, size_t len)
{
	char text[SHOWN + 8];
	size_t cut = len;

	if (len > SHOWN)
		for (cut = SHOWN; cut && ((unsigned char)s[cut] & 0xc0) == 0x80;)
			cut--;
	snprintf(text, sizeof text, "%.*s%s", (int)cut, s, cut < len ? "…" : "");
	view_str(v, key, text);
}

/* A place on the axis of the column's chart. */
static void put_place(struct view *v, const char *key, const struct column *c, double at)
{
	char date[32];

	if (column_is_dated(c)) {
		celltype_date(at, c->type == CELL_DATETIME, date);
		view_str(v, key, date);
	} else {
		put_real(v, key, at);
	}
}

static void put_extremes(struct view *v, const struct column *c)
{
	bool number = column_is_numeric(c);
	const struct extreme *min = number ? &c->number_min : &c->text_min;
	const struct extreme *max = number ? &c->number_max : &c->text_max;

	put_text(v, "min", min->text.data, min->text.len);
	put_text(v, "max", max->text.data, max->text.len);
}

static void put_histogram(struct view *v, const struct column *c, struct arena *a)
{
	struct histogram_bin bins[REPORT_BINS];
	size_t n = report_bins(c, bins);
	struct view *chart, *bars;
	uint64_t most = 1;

	if (n < 2)
		return;
	for (size_t i = 0; i < n; i++)
		most = bins[i].count > most ? bins[i].count : most;
	chart = view_obj(a);
	bars = view_list(a);
	for (size_t i = 0; i < n; i++) {
		struct view *bar = view_obj(a);
		double height = ceil(1000.0 * (double)bins[i].count / (double)most) / 10;

		view_int(bar, "x", (int64_t)i * BAR_STEP);
		put_real(bar, "y", 100 - height);
		put_real(bar, "height", height);
		put_place(bar, "from", c, bins[i].from);
		put_place(bar, "to", c, bins[i].to);
		put_count(bar, "count", bins[i].count);
		view_push(bars, bar);
	}
	view_int(chart, "width", (int64_t)n * BAR_STEP - 1);
	put_place(chart, "from", c, bins[0].from);
	put_place(chart, "to", c, bins[n - 1].to);
	view_put(chart, "bars", bars);
	view_put(v, "histogram", chart);
}

static void put_top(struct view *v, const struct column *c, struct arena *a)
{
	struct value top[REPORT_TOP];
	size_t n = values_top(c->values, REPORT_TOP, top);
	struct view *object = view_obj(a), *list = view_list(a);

	if (!n || column_is_dated(c) || (column_is_numeric(c) && c->distinct > REPORT_TOP))
		return;
	for (size_t i = 0; i < n; i++) {
		struct view *row = view_obj(a);

		put_text(row, "value", top[i].text, top[i].len);
		put_count(row, "count", top[i].count);
		put_real(row, "percent",
		    ceil(1000.0 * (double)top[i].count / (double)top[0].count) / 10);
		view_push(list, row);
	}
	view_put(object, "list", list);
	view_put(v, "top", object);
}

static struct view *column_view(const struct table *t, size_t i, struct arena *a)
{
	const struct column *c = &t->columns[i];
	struct view *v = view_obj(a);

	view_int(v, "number", (int64_t)i + 1);
	put_text(v, "name", c->name.data, c->name.len);
	view_str(v, "type", celltype_name(c->type));
	put_count(v, "cells", c->cells);
	view_str(v, "cells_word", c->cells == 1 ? "cell" : "cells");
	put_count(v, "nulls", c->nulls);
	/* Set in every column: an inner name that is absent would be looked for outside. */
	view_null(v, "nulls_percent");
	view_null(v, "deviation");
	view_null(v, "histogram");
	view_null(v, "top");
	view_str(v, "mean", "");
	if (c->nulls)
		put_real(
		    v, "nulls_percent", round(1000.0 * (double)c->nulls / (double)t->rows) / 10);
	put_count(v, "distinct", c->distinct);
	put_extremes(v, c);
	if (column_is_numeric(c)) {
		put_real(v, "mean", c->mean);
		put_real(v, "deviation", column_deviation(c));
	}
	put_count(v, "longest", c->longest);
	view_str(v, "longest_word", c->longest == 1 ? "character" : "characters");
	view_bool(v, "leading_zeros", c->type == CELL_INTEGER && c->leading_zeros);
	view_bool(v, "card", i < CARDS_MAX);
	if (i < CARDS_MAX) {
		put_histogram(v, c, a);
		put_top(v, c, a);
	}
	return v;
}

static void note(struct view *notes, struct arena *a, uint64_t n, const char *one, const char *many)
{
	if (n)
		view_push_str(notes, arena_printf(a, "%" PRIu64 " %s", n, n == 1 ? one : many));
}

static struct view *table_view(const struct table *t, struct arena *a)
{
	struct view *v = view_obj(a), *notes = view_list(a), *columns = view_list(a);
	char size[16];

	view_str(v, "name", str_utf8(t->name, strlen(t->name)) ? t->name : "table");
	put_count(v, "rows", t->rows);
	view_str(v, "rows_word", t->rows == 1 ? "row" : "rows");
	put_count(v, "columns_count", t->column_count);
	view_str(v, "columns_word", t->column_count == 1 ? "column" : "columns");
	view_str(v, "size", str_bytes((int64_t)t->size, size));
	view_str(v, "encoding", encoding_name(t->encoding));
	view_str(v, "delimiter", report_delimiter(t->delimiter));
	note(notes, a, t->short_rows,
	    "row has fewer cells than the header; what is missing counts as empty.",
	    "rows have fewer cells than the header; what is missing counts as empty.");
	note(notes, a, t->long_rows,
	    "row has more cells than the header; what is too much is left out.",
	    "rows have more cells than the header; what is too much is left out.");
	note(notes, a, t->blank_lines, "empty line was passed over.",
	    "empty lines were passed over.");
	note(notes, a, t->replaced, "piece stands for no character and was replaced.",
	    "pieces stand for no character and were replaced.");
	if (t->open_quote)
		view_push_str(notes, arena_printf(a, "The quote opened in line %" PRIu64
		    " is never closed: the last cell runs to the end of the file.", t->open_quote));
	if (t->column_count > CARDS_MAX)
		view_push_str(notes, arena_printf(a, "Charts are shown for the first %d columns.",
		    CARDS_MAX));
	for (size_t i = 0; i < t->column_count; i++)
		view_push(columns, column_view(t, i, a));
	view_put(v, "notes", notes);
	view_put(v, "columns", columns);
	return v;
}

enum rc report_html(const struct table *t, struct buf *out, struct err *err)
{
	struct mustache_set *set = mustache_set_new();
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = mustache_set_add(set, "profile", profile_template,
	    (size_t)(profile_template_end - profile_template), err);
	if (!rc)
		rc = mustache_render(mustache_find(set, "profile"), table_view(t, &a), out, err);
	arena_release(&a);
	mustache_set_free(set);
	return rc;
}
