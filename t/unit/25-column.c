/* Columns: types of cells, exact counts with and without spilling, extremes, histograms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/lib/column.h"
#include "tools/lib/distinct.h"
#include "tools/lib/report.h"

static enum celltype type_of(const char *s)
{
	double value;

	return celltype_of(s, strlen(s), &value);
}

static void cells_have_types(void **state)
{
	static const struct {
		enum celltype type;
		const char *cells[16];
	} kinds[] = {
	    {CELL_EMPTY, {""}},
	    {CELL_INTEGER, {"0", "-1", "+5", "007", "99999999999999999999999999"}},
	    {CELL_NUMBER, {"1.5", "-.5", "5.", "1e5", "1E-5", "+1.25e+3", "0.1e0"}},
	    {CELL_BOOLEAN, {"true", "FALSE", "Yes", "no"}},
	    {CELL_DATE, {"2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01"}},
	    {CELL_DATETIME,
		{"2026-11-23T09:30", "2026-11-23 09:30:15", "2026-11-23T09:30:15.123Z",
		    "2026-11-23T09:30:15+01:00", "2026-11-23T09:30-0100", "2026-11-23 23:59:60"}},
	    {CELL_TEXT, {"x", " 1", "1 ", "-", "+", ".", "e5", "1e", "1e+", "1,5", "0x10", "nan",
			    "inf", "1e999", "--1", "1.2.3"}},
	    {CELL_TEXT,
		{"2025-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-01-32", "2026-1-1",
		    "2026-11-23x", "2026-11-23T", "2026-11-23T24:00", "2026-11-23T09:60",
		    "2026-11-23T09:30+", "2026-11-23T09:30:15.", "truely", "yess", "0000-01-01"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t k = 0; k < 16 && kinds[i].cells[k]; k++)
			if (type_of(kinds[i].cells[k]) != kinds[i].type)
				fail_msg("\"%s\" is %s", kinds[i].cells[k],
				    celltype_name(type_of(kinds[i].cells[k])));
}

static void figures_are_the_nearest_doubles(void **state)
{
	static const char *const cells[] = {"0.1", "123456.789", "1e22", "1e23", "9007199254740993",
	    "123456789012345678901234567890", "1e-400", "2.2250738585072014e-308", "-0.3",
	    "0.000000000000000000000000000001", "179769313486231570000000000000000000000"};
	double value;

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		celltype_of(cells[i], strlen(cells[i]), &value);
		if (value != strtod(cells[i], NULL))
			fail_msg("%s is %.17g", cells[i], value);
	}
}

static void days_go_there_and_back(void **state)
{
	char text[32];
	double days;

	(void)state;
	celltype_of("1970-01-01", 10, &days);
	assert_true(days == 0);
	celltype_of("2026-11-23T12:00", 16, &days);
	celltype_date(days, true, text);
	assert_string_equal(text, "2026-11-23 12:00");
	for (double day = -719162; day < 100000; day += 97) {
		double back;

		celltype_date(day, false, text);
		assert_int_equal(celltype_of(text, strlen(text), &back), CELL_DATE);
		assert_true(back == day);
	}
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t count_hashes(size_t bytes, uint64_t different, uint64_t added, uint64_t *spilled)
{
	struct distinct_pool *pool = distinct_pool_new(1, bytes, "/tmp");
	struct distinct *d = distinct_new(pool);
	uint64_t count = 0;
	struct err err;

	for (uint64_t i = 0; i < added; i++) {
		uint64_t n = i < different ? i : mix(i) % different;

		distinct_add(d, (struct hash){ mix(n + 1), mix(n + 0x123456789) });
	}
	assert_int_equal(distinct_count(d, &count, &err), RC_OK);
	*spilled = distinct_pool_spilled(pool);
	distinct_free(d);
	distinct_pool_free(pool);
	return count;
}

static void distinct_is_exact_however_little_memory(void **state)
{
	static const size_t bytes[] = { 1, 16 << 10, 1 << 20, 64 << 20 };
	static const uint64_t different[] = { 1, 47, 48, 1000, 100003 };
	uint64_t spilled = 0;

	(void)state;
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
		for (size_t k = 0; k < sizeof different / sizeof *different; k++) {
			assert_int_equal(count_hashes(bytes[i], different[k], 250000, &spilled),
			    different[k]);
			assert_true((spilled > 0) == (different[k] >= 48 && (i == 0 ||
			    (i == 1 && different[k] >= 768) || (i == 2 && different[k] >= 49152))));
		}
}

static void a_spill_that_fails_is_told(void **state)
{
	struct distinct_pool *pool = distinct_pool_new(1, 1, "/nowhere");
	struct distinct *d = distinct_new(pool);
	struct err err;
	uint64_t count;

	(void)state;
	for (uint64_t i = 1; i < 100; i++)
		distinct_add(d, (struct hash){ mix(i), i });
	assert_int_equal(distinct_pool_check(pool, &err), RC_SYS);
	assert_int_equal(distinct_count(d, &count, &err), RC_SYS);
	assert_non_null(strstr(err.text, "temporary file"));
	distinct_free(d);
	distinct_pool_free(pool);
}

/* A column of the given cells, ended by NULL. */
static struct column column_of(struct values_pool *pool, const char *const *cells)
{
	struct column c;
	struct err err;

	column_init(&c, "c", 1, pool);
	for (; *cells; cells++)
		column_add(&c, *cells, strlen(*cells));
	assert_int_equal(column_end(&c, &err), RC_OK);
	return c;
}

#define COLUMN(pool, ...) column_of(pool, (const char *const[]){ __VA_ARGS__, NULL })

static void types_of_columns_are_the_narrowest(void **state)
{
	struct values_pool *pool = values_pool_new(1, "/tmp");
	const struct {
		enum celltype type;
		struct column column;
	} all[] = {
		{ CELL_EMPTY, COLUMN(pool, "", "") },
		{ CELL_INTEGER, COLUMN(pool, "", "1", "-2") },
		{ CELL_NUMBER, COLUMN(pool, "1", "2.5", "") },
		{ CELL_BOOLEAN, COLUMN(pool, "true", "no") },
		{ CELL_DATE, COLUMN(pool, "2026-01-01") },
		{ CELL_DATETIME, COLUMN(pool, "2026-01-01", "2026-01-01T10:00") },
		{ CELL_TEXT, COLUMN(pool, "1", "true") },
		{ CELL_TEXT, COLUMN(pool, "1", "2026-01-01") },
		{ CELL_TEXT, COLUMN(pool, "1", "x", "2") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct column column = all[i].column;

		assert_string_equal(celltype_name(column.type), celltype_name(all[i].type));
		column_release(&column);
	}
	values_pool_free(pool);
}

static void extremes_are_exact(void **state)
{
	struct values_pool *pool = values_pool_new(1, "/tmp");
	struct column c = COLUMN(pool, "10", "9", "-3", "0");

	(void)state;
	assert_string_equal(c.number_min.text.data, "-3");
	assert_string_equal(c.number_max.text.data, "10");
	assert_string_equal(c.text_max.text.data, "9");
	assert_true(fabs(c.mean - 4) < 1e-12 && fabs(column_deviation(&c) - sqrt(31.5)) < 1e-12);
	column_release(&c);
	/* All the same double. */
	c = COLUMN(pool, "9007199254740993", "9007199254740992", "009007199254740994",
	    "-9007199254740992", "-9007199254740993");
	assert_string_equal(c.number_max.text.data, "009007199254740994");
	assert_string_equal(c.number_min.text.data, "-9007199254740993");
	column_release(&c);
	/* Prefixes equal, one text the beginning of the other, bytes above 0x7f. */
	c = COLUMN(pool, "abcdefgh", "abcdefghi", "abcdefg", "abcdefgh", "z", "\xc3\xa9");
	assert_string_equal(c.text_min.text.data, "abcdefg");
	assert_string_equal(c.text_max.text.data, "\xc3\xa9");
	assert_int_equal(c.distinct, 5);
	assert_int_equal(c.longest, 9);
	column_release(&c);
	values_pool_free(pool);
}

static void integers_are_written_as_json_has_them(void **state)
{
	static const char *const pairs[][2] = {{"7", "7"}, {"+7", "7"}, {"007", "7"},
	    {"-007", "-7"}, {"-0", "0"}, {"000", "0"}, {"+0", "0"}, {"-100", "-100"}};
	struct buf text;

	(void)state;
	buf_init(&text);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		buf_clear(&text);
		report_integer(&text, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(text.data, pairs[i][1]);
	}
	buf_release(&text);
}

static void bins_hold_what_their_limits_say(void **state)
{
	static const double scales[] = { 1, 1e-300, 1e300, 1e-9, 12345.678 };

	(void)state;
	for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
		struct histogram h = { 0 };
		struct histogram_bin bins[HISTOGRAM_BINS];
		double values[1000];
		size_t n;

		for (size_t i = 0; i < 1000; i++) {
			values[i] = ((double)(mix(i + 1) % 100000) - 30000) * scales[k];
			histogram_add(&h, values[i]);
		}
		n = histogram_bins(&h, 24, INT_MIN, bins);
		assert_true(n >= 12 && n <= 24);
		for (size_t b = 0; b < n; b++) {
			uint64_t count = 0;

			for (size_t i = 0; i < 1000; i++)
				count += values[i] >= bins[b].from && values[i] < bins[b].to;
			assert_int_equal(bins[b].count, count);
		}
	}
}

static void extremes_of_doubles_have_bins(void **state)
{
	static const double values[] = { 0, -0.0, 1e308, -1e308, 5e-324, -5e-324, 1, -1, 3e-308 };
	struct histogram_bin bins[HISTOGRAM_BINS];
	struct histogram h = { 0 };
	uint64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		histogram_add(&h, values[i]);
	for (size_t n = histogram_bins(&h, 2, 0, bins); n--;)
		sum += bins[n].count;
	assert_int_equal(sum, sizeof values / sizeof *values);
}

static void frequent_values_are_counted(void **state)
{
	struct values_pool *pool = values_pool_new(1, "/tmp");
	struct values *v = values_new(pool);
	struct value top[3];
	struct err err;
	uint64_t count;
	char text[200];

	(void)state;
	for (int i = 0; i < 600; i++)
		values_add(v, i % 3 ? "often" : "seldom", i % 3 ? 5 : 6);
	memset(text, 'y', sizeof text);
	values_add(v, text, sizeof text);
	assert_int_equal(values_top(v, 3, top), 3);
	assert_int_equal(top[0].count, 400);
	assert_memory_equal(top[0].text, "often", 5);
	assert_int_equal(top[1].count, 200);
	assert_true(top[2].cut && top[2].len == VALUES_SHOWN);
	for (int i = 0; i < 5000; i++)
		values_add(v, text, (size_t)snprintf(text, sizeof text, "%d", i));
	assert_int_equal(values_top(v, 3, top), 0);
	assert_int_equal(values_distinct(v, &count, &err), RC_OK);
	assert_int_equal(count, 5003);
	values_free(v);
	values_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_have_types),
		cmocka_unit_test(figures_are_the_nearest_doubles),
		cmocka_unit_test(days_go_there_and_back),
		cmocka_unit_test(distinct_is_exact_however_little_memory),
		cmocka_unit_test(a_spill_that_fails_is_told),
		cmocka_unit_test(types_of_columns_are_the_narrowest),
		cmocka_unit_test(extremes_are_exact),
		cmocka_unit_test(integers_are_written_as_json_has_them),
		cmocka_unit_test(bins_hold_what_their_limits_say),
		cmocka_unit_test(extremes_of_doubles_have_bins),
		cmocka_unit_test(frequent_values_are_counted),
	};

	return cmocka_run_group_tests_name("column", tests, NULL, NULL);
}
