/*
 * The base of core: readers of small texts, clocks, ids, arena, buffer, URLs, job states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/job_state.h"
#include "core/rc.h"
#include "core/str.h"
#include "core/url.h"

static void integers_are_read_whole_or_not_at_all(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_true(str_int("0", 0, 10, &n) && n == 0);
	assert_true(str_int("-12", -20, 10, &n) && n == -12);
	assert_true(str_int("9223372036854775807", 0, INT64_MAX, &n) && n == INT64_MAX);
	n = 7;
	static const char *const bad[] = {"", "-", " 1", "1 ", "1x", "+1", "0x10", "11", "-1",
	    "--1", "9223372036854775808", "99999999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(str_int(bad[i], 0, 10, &n));
	assert_int_equal(n, 7);
}

static void durations_and_sizes_have_units(void **state)
{
	int64_t n;

	(void)state;
	assert_true(str_duration("30s", &n) && n == 30000);
	assert_true(str_duration("2m", &n) && n == 120000);
	assert_true(str_duration("500ms", &n) && n == 500);
	assert_true(str_duration("30d", &n) && n == INT64_C(2592000000));
	assert_true(str_duration("5", &n) && n == 5000);
	assert_true(str_size("64K", &n) && n == 65536);
	assert_true(str_size("2G", &n) && n == INT64_C(2147483648));
	assert_true(str_size("10MiB", &n) && n == 10485760);
	static const char *const bad[] = {
	    "", "s", "M", "-1s", "1.5G", "1 G", "1g", "99999999999T", "5w"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(str_duration(bad[i], &n));
		assert_false(str_size(bad[i], &n));
	}
}

static void utf8_is_checked_strictly(void **state)
{
	(void)state;
	assert_true(str_utf8("M\xc3\xa4rz \xf0\x9f\x98\x80", 10));
	assert_true(str_utf8("", 0));
	static const char *const bad[] = {"\xc0\x80", "\xe0\x80\xaf", "\xed\xa0\x80",
	    "\xf4\x90\x80\x80", "\xff", "\xc3", "a\x80", "\xf0\x9f\x98"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(str_utf8(bad[i], strlen(bad[i])));
	assert_false(str_utf8("a\0b", 3));
}

static void names_are_cleaned_for_display(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
	    {"a.csv", "a.csv"},
	    {"../../etc/passwd", "passwd"},
	    {"C:\\Users\\me\\report.pdf", "report.pdf"},
	    {"  spaced  name.txt ", "spaced  name.txt"},
	    {"new\nline\r.txt", "newline.txt"},
	    {"\xe2\x80\xaegnp.exe", "gnp.exe"},
	    {"quo\"te's.csv", "quo\"te's.csv"},
	    {"..", NULL},
	    {".", NULL},
	    {"dir/", NULL},
	    {"", NULL},
	    {"\x01\x02", NULL},
	    {"bad\xff.txt", NULL},
	};
	char out[256], longer[400];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool ok = str_clean_name(cases[i].in, strlen(cases[i].in), out);

		assert_int_equal(ok, cases[i].out != NULL);
		if (ok)
			assert_string_equal(out, cases[i].out);
	}
	assert_false(str_clean_name("a\0b", 3, out));
	memset(longer, 'x', sizeof longer);
	longer[254] = '\xc3';
	longer[255] = '\xa4';
	assert_true(str_clean_name(longer, sizeof longer, out));
	assert_int_equal(strlen(out), 254);
	assert_true(str_utf8(out, strlen(out)));
	memcpy(longer + 390, "/short.csv", 10);
	assert_true(str_clean_name(longer, sizeof longer, out));
	assert_string_equal(out, "short.csv");
}

static void byte_counts_read_well(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(str_bytes(0, out), "0 B");
	assert_string_equal(str_bytes(-1, out), "0 B");
	assert_string_equal(str_bytes(999, out), "999 B");
	assert_string_equal(str_bytes(1000, out), "1.0 kB");
	assert_string_equal(str_bytes(9949, out), "9.9 kB");
	assert_string_equal(str_bytes(9950, out), "10 kB");
	assert_string_equal(str_bytes(999499, out), "999 kB");
	assert_string_equal(str_bytes(999500, out), "1.0 MB");
	assert_string_equal(str_bytes(INT64_MAX, out), "9223 PB");
	assert_string_equal(str_bytes(1400000, out), "1.4 MB");
	assert_string_equal(str_bytes(9990, out), "10 kB");
	assert_string_equal(str_bytes(INT64_C(5000000000000), out), "5.0 TB");
}

static void counts_have_thousands(void **state)
{
	char out[32];

	(void)state;
	assert_string_equal(str_count(0, out), "0");
	assert_string_equal(str_count(999, out), "999");
	assert_string_equal(str_count(1000, out), "1,000");
	assert_string_equal(str_count(-123456, out), "-123,456");
	assert_string_equal(str_count(INT64_MIN, out), "-9,223,372,036,854,775,808");
}

static void iso_times_equal_the_c_library(void **state)
{
	char ours[CLOCK_ISO_SIZE], theirs[64];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		int64_t s = ((int64_t)rand() << 16 ^ rand()) % INT64_C(250000000000);
		time_t t = (time_t)s;
		struct tm tm;

		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.007Z", gmtime_r(&t, &tm));
		assert_string_equal(clock_iso(s * 1000 + 7, ours), theirs);
	}
	assert_string_equal(clock_iso(-1, ours), "1969-12-31T23:59:59.999Z");
}

static void times_are_read_as_they_are_shown(void **state)
{
	static const char *const bad[] = {"", "+", "+x", "+-5m", "30m", "2026-11-22",
	    "2026-11-22T09:30", "2026-11-22T09:30:00", "2026-11-22T09:30+01:00",
	    "2026-11-22 09:30Z", "2026-11-22T09:30Z ", " 2026-11-22T09:30Z", "2026-13-01T00:00Z",
	    "2026-00-01T00:00Z", "2026-11-31T00:00Z", "2025-02-29T00:00Z", "2100-02-29T00:00Z",
	    "2026-01-00T00:00Z", "2026-11-22T24:00Z", "2026-11-22T09:60Z", "2026-11-22T09:30:60Z",
	    "2026-11-22T09:30:00.12Z", "2026-11-22T9:30Z", "1969-12-31T23:59Z",
	    "10000-01-01T00:00Z", "+9223372036854775807s", "2026-11-22T09:30:00.123456Z",
	    "2026-11-22t09:30z"};
	char text[CLOCK_ISO_SIZE];
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (clock_read(bad[i], 1000, &n))
			fail_msg("read: \"%s\"", bad[i]);
	assert_int_equal(n, 7);
	assert_true(clock_read("+30m", 1000, &n) && n == 1801000);
	assert_true(clock_read("1970-01-01T00:00Z", 0, &n) && n == 0);
	assert_true(clock_read("2024-02-29T23:59:59Z", 0, &n) && n == INT64_C(1709251199000));
	assert_true(clock_read("2000-02-29T00:00Z", 0, &n) && n == INT64_C(951782400000));
	/* Every day of four centuries and more, there and back. */
	for (int64_t day = 0; day < 170000; day++) {
		int64_t ms = day * 86400000 + day * 507 % 86400000;

		assert_true(clock_read(clock_iso(ms, text), 0, &n));
		assert_int_equal(n, ms);
	}
}

static void durations_read_well(void **state)
{
	char out[CLOCK_ISO_SIZE];

	(void)state;
	assert_string_equal(clock_words(850, out), "850 ms");
	assert_string_equal(clock_words(12000, out), "12 s");
	assert_string_equal(clock_words(120000, out), "2 min");
	assert_string_equal(clock_words(125000, out), "2 min 5 s");
	assert_string_equal(clock_words(11040000, out), "3 h 4 min");
}

static void uuids_sort_by_time_and_differ(void **state)
{
	char a[UUID_SIZE], b[UUID_SIZE];
	struct timespec pause = {.tv_nsec = 2000000};

	(void)state;
	uuid_new(a);
	nanosleep(&pause, NULL);
	uuid_new(b);
	assert_true(uuid_valid(a) && uuid_valid(b));
	assert_int_equal(a[14], '7');
	assert_non_null(strchr("89ab", a[19]));
	assert_true(strcmp(a, b) < 0);
	assert_false(uuid_valid("0190f3a2-1111-7111-8111-11111111111"));
	assert_false(uuid_valid("0190f3a2-1111-7111-8111-11111111111g"));
	assert_false(uuid_valid("0190f3a201111-7111-8111-111111111111"));
}

static void an_arena_gives_separate_aligned_memory(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	for (int round = 0; round < 3; round++) {
		char *last = NULL;

		for (size_t size = 1; size < 40000; size = size * 2 + 1) {
			char *p = arena_alloc(&a, size);

			assert_int_equal((uintptr_t)p % 16, 0);
			assert_ptr_not_equal(p, last);
			memset(p, round, size);
			last = p;
		}
		assert_string_equal(arena_printf(&a, "%s-%d", "x", round), round == 0   ? "x-0"
									   : round == 1 ? "x-1"
											: "x-2");
		assert_null(arena_strdup(&a, NULL));
		arena_clear(&a);
	}
	arena_release(&a);
}

/* Whatever is left of the chunk: printing first tries what room there is. */
static void an_arena_prints_and_joins(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3000; i++) {
			char *p = arena_printf(&a, "%s-%d", "text", i);
			char *j = arena_join(&a, p, "+", "", p, NULL);
			char expect[64];

			snprintf(expect, sizeof expect, "text-%d+text-%d", i, i);
			assert_string_equal(j, expect);
			arena_alloc(&a, (size_t)i % 50);
			assert_memory_equal(p, expect, strlen(p));
		}
		arena_clear(&a);
	}
	assert_string_equal(arena_join(&a, "", NULL), "");
	arena_release(&a);
	assert_string_equal(arena_printf(&a, "%d", 1), "1");
	arena_release(&a);
}

static void a_buffer_grows_and_ends_in_nul(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	assert_string_equal(b.data, "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_int_equal(b.len, 3890);
	assert_int_equal(strlen(b.data), 3890);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	buf_release(&b);
}

static void urls_are_escaped(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_string_equal(url_escape(&a, "a b/\xc3\xa4?#%\"<"), "a%20b%2F%C3%A4%3F%23%25%22%3C");
	assert_string_equal(url_escape_path(&a, "plots/a b.svg"), "plots/a%20b.svg");
	arena_release(&a);
}

static void states_follow_the_table(void **state)
{
	(void)state;
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		assert_int_equal(job_status_parse(job_status_name((enum job_status)s)), s);
	assert_int_equal(job_status_parse("QUEUED"), JOB_PENDING);
	assert_int_equal(job_status_parse("Ok"), JOB_COMPLETED);
	assert_int_equal(job_status_parse("canceled"), JOB_CANCELLED);
	assert_int_equal(job_status_parse("nonsense"), JOB_STATUS_MAX);
	assert_int_equal(job_next(JOB_PENDING, JOB_CANCEL), JOB_CANCELLED);
	assert_int_equal(job_next(JOB_FAILED, JOB_RETRY), JOB_PENDING);
	assert_int_equal(job_next(JOB_PROCESSING, JOB_PAUSE), JOB_PAUSED);
	assert_int_equal(job_next(JOB_PAUSED, JOB_PAUSE), JOB_STATUS_MAX);
	assert_int_equal(job_next(JOB_PAUSED, JOB_RESUME), JOB_PENDING);
	assert_int_equal(job_next(JOB_COMPLETED, JOB_PAUSE), JOB_STATUS_MAX);
	assert_int_equal(job_next(JOB_COMPLETED, JOB_CANCEL), JOB_STATUS_MAX);
	assert_int_equal(job_next(JOB_CANCELLED, JOB_COMPLETE), JOB_STATUS_MAX);
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		assert_int_equal(job_next((enum job_status)s, JOB_DELETE), s);
}

static void errors_carry_code_and_text(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, RC_INVALID, "bad \"%s\"", "x"), RC_INVALID);
	assert_string_equal(err.text, "bad \"x\"");
	errno = ENOSPC;
	assert_int_equal(err_sys(&err, "cannot write"), RC_LIMIT);
	errno = EACCES;
	assert_int_equal(err_sys(&err, "cannot write"), RC_SYS);
	assert_string_equal(err.text, "cannot write: Permission denied");
	assert_int_equal(err_set(NULL, RC_BUSY, "x"), RC_BUSY);
	for (int i = 0; i < RC_MAX; i++)
		assert_string_not_equal(rc_name((enum rc)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers_are_read_whole_or_not_at_all),
	    cmocka_unit_test(durations_and_sizes_have_units),
	    cmocka_unit_test(utf8_is_checked_strictly),
	    cmocka_unit_test(names_are_cleaned_for_display),
	    cmocka_unit_test(byte_counts_read_well),
	    cmocka_unit_test(counts_have_thousands),
	    cmocka_unit_test(iso_times_equal_the_c_library),
	    cmocka_unit_test(times_are_read_as_they_are_shown),
	    cmocka_unit_test(durations_read_well),
	    cmocka_unit_test(uuids_sort_by_time_and_differ),
	    cmocka_unit_test(an_arena_gives_separate_aligned_memory),
	    cmocka_unit_test(an_arena_prints_and_joins),
	    cmocka_unit_test(a_buffer_grows_and_ends_in_nul),
	    cmocka_unit_test(urls_are_escaped),
	    cmocka_unit_test(states_follow_the_table),
	    cmocka_unit_test(errors_carry_code_and_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
