/*
 * From a file to the figures of its columns: encoding, delimiter, header, rows, distinct values.
 */
#include "tools/lib/table.h"

#include <stdlib.h>

#include "tools/lib/csv.h"
#include "tools/lib/source.h"
#include "tools/lib/tool.h"

#define SAMPLE (256u << 10)
#define LOOK_EVERY 1024 /* rows between looks at progress and at failures of spilling */

/* Shares of the progress, in percent: where each step ends. */
enum { CHECKED = 5, READ = 92, COUNTED = 98 };

static void tell_checking(uint64_t done, uint64_t total)
{
	tool_progress_bytes(0, CHECKED, done, total, "checking the encoding");
}

static enum rc sniff(struct source *source, char *delimiter, struct err *err)
{
	char *sample = malloc(SAMPLE);
	size_t have = 0;
	ssize_t n = 1;

	if (!sample)
		bug("table: out of memory");
	while (n > 0 && have < SAMPLE) {
		n = source_read(source, sample + have, SAMPLE - have);
		have += n > 0 ? (size_t)n : 0;
	}
	*delimiter = csv_sniff(sample, have, n == 0);
	free(sample);
	if (n < 0)
		return err_sys(err, "cannot read the file");
	return source_rewind(source, err);
}

static bool taken(const struct table *t, size_t before, const char *name, size_t len)
{
	for (size_t i = 0; i < before; i++)
		if (t->columns[i].name.len == len && !memcmp(t->columns[i].name.data, name, len))
			return true;
	return false;
}

/* Name the columns after the header; an empty or repeated name is completed by the column's
 * number. */
static void name_columns(struct table *t, const struct csv_row *header, const char *directory)
{
	struct buf name;

	buf_init(&name);
	t->pool = values_pool_new(header->count, directory);
	t->columns = calloc(header->count, sizeof *t->columns);
	if (!t->columns)
		bug("table: out of memory");
	for (size_t i = 0; i < header->count; i++) {
		buf_clear(&name);
		buf_add(&name, header->cells[i].data, header->cells[i].len);
		if (!name.len)
			buf_printf(&name, "column_%zu", i + 1);
		while (taken(t, i, name.data, name.len))
			buf_printf(&name, "_%zu", i + 1);
		column_init(&t->columns[i], name.data, name.len, t->pool);
		t->column_count = i + 1;
	}
	buf_release(&name);
}

static void add_row(struct table *t, const struct csv_row *row)
{
	size_t cells = row->count < t->column_count ? row->count : t->column_count;

	t->rows++;
	t->short_rows += row->count < t->column_count;
	t->long_rows += row->count > t->column_count;
	for (size_t i = 0; i < cells; i++)
		column_add(&t->columns[i], row->cells[i].data, row->cells[i].len);
	for (size_t i = cells; i < t->column_count; i++)
		column_add_missing(&t->columns[i]);
}

static enum rc read_rows(struct table *t, struct source *source, const char *directory,
    struct err *err)
{
	struct csv *csv = csv_new(t->delimiter, source_read, source);
	struct csv_row row;
	enum rc rc = csv_next(csv, &row, err);

	if (rc == RC_DONE)
		rc = err_set(err, RC_INVALID, "the file has no header: every line is empty");
	if (!rc)
		name_columns(t, &row, directory);
	while (!rc && !(rc = csv_next(csv, &row, err))) {
		add_row(t, &row);
		if (t->rows % LOOK_EVERY)
			continue;
		tool_progress_bytes(CHECKED, READ, source->offset, source->size, "reading rows");
		rc = values_pool_check(t->pool, err);
	}
	t->blank_lines = csv_blank_lines(csv);
	t->open_quote = csv_open_quote(csv);
	t->replaced = source->decoder.replaced;
	csv_free(csv);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc table_profile(struct table *t, const char *path, char delimiter, const char *directory,
    struct err *err)
{
	struct source source;
	enum rc rc;

	*t = (struct table){ .name = tool_basename(path), .delimiter = delimiter };
	rc = source_open(&source, path, tell_checking, err);
	if (rc)
		return rc;
	t->size = source.size;
	t->encoding = source.encoding;
	if (!delimiter)
		rc = sniff(&source, &t->delimiter, err);
	if (!rc)
		rc = read_rows(t, &source, directory, err);
	source_close(&source);
	for (size_t i = 0; !rc && i < t->column_count; i++) {
		tool_progress_bytes(READ, COUNTED, i, t->column_count, "counting distinct values");
		rc = column_end(&t->columns[i], err);
	}
	return rc;
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		column_release(&t->columns[i]);
	free(t->columns);
	values_pool_free(t->pool);
	*t = (struct table){ 0 };
}
