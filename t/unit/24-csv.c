/* CSV: rows and cells as Python's csv module has them, whatever pieces the stream comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/buf.h"
#include "tools/lib/csv.h"

struct pieces {
	const char *data;
	size_t left, at_once;
};

static ssize_t read_piece(void *ctx, char *to, size_t cap)
{
	struct pieces *p = ctx;
	size_t n = p->left < p->at_once ? p->left : p->at_once;

	n = n < cap ? n : cap;
	memcpy(to, p->data, n);
	p->data += n;
	p->left -= n;
	return (ssize_t)n;
}

/* Rows joined: cells by '|', rows by '/', each row led by its line number. */
static void rows(const char *text, char delimiter, size_t at_once, struct buf *out)
{
	struct pieces pieces = { text, strlen(text), at_once };
	struct csv *csv = csv_new(delimiter, read_piece, &pieces);
	struct csv_row row;
	struct err err;

	buf_clear(out);
	while (csv_next(csv, &row, &err) == RC_OK) {
		buf_printf(out, "%s%d:", out->len ? "/" : "", (int)row.line);
		for (size_t i = 0; i < row.count; i++) {
			buf_adds(out, i ? "|" : "");
			buf_add(out, row.cells[i].data, row.cells[i].len);
		}
	}
	csv_free(csv);
}

static const struct {
	const char *text, *rows;
} cases[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "a", "1:a" },
	{ "a,b", "1:a|b" },
	{ "a,b\n", "1:a|b" },
	{ "a,\n", "1:a|" },
	{ "a,", "1:a|" },
	{ ",", "1:|" },
	{ "a\r\nb\rc\nd", "1:a/2:b/3:c/4:d" },
	{ "a\n\nb\r\n\r\nc", "1:a/3:b/5:c" },
	{ "\"\"\n", "1:" },
	{ " \n", "1: " },
	{ "\"a,b\",c", "1:a,b|c" },
	{ "\"a\nb\",c\nd", "1:a\nb|c/3:d" },
	{ "\"a\r\nb\"\nd", "1:a\r\nb/3:d" },
	{ "\"say \"\"hi\"\"\",x", "1:say \"hi\"|x" },
	{ "\"\"\"\"", "1:\"" },
	{ "\"\"\"\"\"\",b", "1:\"\"|b" },
	{ "a\"b\",c", "1:a\"b\"|c" },
	{ "\"a\"b\"c,d", "1:ab\"c|d" },
	{ "\"a\" ,d", "1:a |d" },
	{ " \"a\",d", "1: \"a\"|d" },
	{ "\"a,b\nc", "1:a,b\nc" },
	{ "x\n\"a\"\"", "1:x/2:a\"" },
	{ "1;2\n", "1:1;2" },
};

static void cells_are_pythons(void **state)
{
	struct buf found;

	(void)state;
	buf_init(&found);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t at_once = 1; at_once < 40; at_once += 1 + at_once / 4) {
			rows(cases[i].text, ',', at_once, &found);
			assert_string_equal(found.data, cases[i].rows);
		}
	rows("a;\"b;c\"\n", ';', 3, &found);
	assert_string_equal(found.data, "1:a|b;c");
	buf_release(&found);
}

static void a_row_may_be_larger_than_the_window(void **state)
{
	struct buf text;
	struct pieces pieces;
	struct csv_row row;
	struct err err;
	struct csv *csv;

	(void)state;
	buf_init(&text);
	buf_adds(&text, "a,b\n\"");
	for (int i = 0; i < 1000000; i++)
		buf_adds(&text, i % 10 ? "x" : "\"\"");
	buf_adds(&text, "\",last\nnext,row\n");
	pieces = (struct pieces){ text.data, text.len, 100000 };
	csv = csv_new(',', read_piece, &pieces);
	assert_int_equal(csv_next(csv, &row, &err), RC_OK);
	assert_int_equal(csv_next(csv, &row, &err), RC_OK);
	assert_int_equal(row.count, 2);
	assert_int_equal(row.cells[0].len, 1000000);
	assert_int_equal(row.cells[0].data[0], '"');
	assert_int_equal(row.cells[0].data[999999], 'x');
	assert_memory_equal(row.cells[1].data, "last", 4);
	assert_int_equal(csv_next(csv, &row, &err), RC_OK);
	assert_memory_equal(row.cells[1].data, "row", 3);
	assert_int_equal(csv_next(csv, &row, &err), RC_DONE);
	csv_free(csv);
	buf_release(&text);
}

static enum rc read_through(const char *data, size_t len, struct err *err)
{
	struct pieces pieces = { data, len, SIZE_MAX };
	struct csv *csv = csv_new(',', read_piece, &pieces);
	struct csv_row row;
	enum rc rc;

	while ((rc = csv_next(csv, &row, err)) == RC_OK)
		;
	csv_free(csv);
	return rc;
}

static void limits_are_told_with_their_line(void **state)
{
	size_t len = CSV_ROW_BYTES_MAX + 100;
	char *text = malloc(len);
	struct err err;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "a\nb\n\"", 5);
	assert_int_equal(read_through(text, len, &err), RC_INVALID);
	assert_string_equal(
	    err.text, "line 3: the row is longer than 16 MiB; is a quote left open?");

	memset(text, ',', len);
	text[CSV_CELLS_MAX - 1] = '\n';
	text[CSV_CELLS_MAX] = 'x';
	assert_int_equal(read_through(text, CSV_CELLS_MAX + 1, &err), RC_DONE);
	memset(text, ',', len);
	assert_int_equal(read_through(text, CSV_CELLS_MAX + 1, &err), RC_INVALID);
	assert_string_equal(err.text, "line 1: more than 16384 cells in one row");
	free(text);
}

static void what_was_passed_over_is_counted(void **state)
{
	const char text[] = "a,b\n\n\r\n1,\"2\n3";
	struct pieces pieces = { text, strlen(text), 2 };
	struct csv *csv = csv_new(',', read_piece, &pieces);
	struct csv_row row;
	struct err err;

	(void)state;
	while (csv_next(csv, &row, &err) == RC_OK)
		;
	assert_int_equal(csv_blank_lines(csv), 2);
	assert_int_equal(csv_open_quote(csv), 4);
	csv_free(csv);
}

static void delimiters_are_found_out(void **state)
{
	static const struct {
		const char *text;
		char delimiter;
	} samples[] = {
		{ "a,b\n1,2\n", ',' },
		{ "a;b\n1,5;2,5\n", ';' },
		{ "a\tb\n1,5\t2\n", '\t' },
		{ "a|b|c\n1|2|3\n", '|' },
		{ "name, first;age;town\nM, H;3;X\n", ';' },
		{ "a,b,c;d\n1,2,3\n", ',' },
		{ "\"a;b\",c\n\"1;2\",3\n", ',' },
		{ "comment\nI came; I saw\nagain; and again\n", ',' },
		{ "one\n1\n", ',' },
		{ "", ',' },
		{ "a;b;c", ';' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		assert_int_equal(csv_sniff(samples[i].text, strlen(samples[i].text), true),
		    samples[i].delimiter);
	/* The last row of a sample is cut off and says nothing. */
	assert_int_equal(csv_sniff("a;b,c\n1;2\n3;4\n5;6,7", 19, false), ';');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_pythons),
		cmocka_unit_test(a_row_may_be_larger_than_the_window),
		cmocka_unit_test(limits_are_told_with_their_line),
		cmocka_unit_test(what_was_passed_over_is_counted),
		cmocka_unit_test(delimiters_are_found_out),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
