/* The log of an attempt as it is written and as it is read: whole, cut, and while it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/logfile.h"
#include "processor/joblog.h"

static char path[64];
static struct joblog jl;
static struct buf text;
static int fd;

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/dm-joblog-XXXXXX");
	fd = mkstemp(path);
	buf_init(&text);
	return fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	joblog_release(&jl);
	buf_release(&text);
	close(fd);
	return unlink(path);
}

/* The file as it lies. */
static const char *whole(void)
{
	struct stat st;

	buf_clear(&text);
	assert_int_equal(fstat(fd, &st), 0);
	text.len +=
	    (size_t)pread(fd, buf_reserve(&text, (size_t)st.st_size), (size_t)st.st_size, 0);
	text.data[text.len] = '\0';
	return text.data;
}

static struct logfile_part part_from(int64_t from, size_t most)
{
	struct logfile_part part;
	struct err err;

	buf_clear(&text);
	assert_int_equal(logfile_read(fd, false, from, most, &text, &part, &err), RC_OK);
	buf_addc(&text, '\0');
	text.len--;
	assert_int_equal(part.next - part.from, text.len);
	return part;
}

static void write_lines(int from, int to)
{
	for (int i = from; i < to; i++) {
		char line[32];

		joblog_write(&jl, line, (size_t)snprintf(line, sizeof line, "line %5d\n", i));
	}
}

static void what_fits_is_kept_as_it_is(void **state)
{
	struct logfile_part part;

	(void)state;
	joblog_init(&jl, fd, 4096);
	joblog_write(&jl, "first\n", 6);
	assert_string_equal(whole(), "first\n"); /* at once */
	joblog_note(&jl, "said %d", 1);
	assert_string_equal(whole(), "first\n[dropmill] said 1\n");
	joblog_flush(&jl);
	part = part_from(0, 1000);
	assert_string_equal(text.data, "first\n[dropmill] said 1\n");
	assert_int_equal(part.total, 24);
	part = part_from(6, 4);
	assert_string_equal(text.data, "[dro");
	assert_int_equal(part.next, 10);
	for (int64_t from = 24; from < 30; from++) {
		part = part_from(from, 10);
		assert_string_equal(text.data, "");
		assert_int_equal(part.next, 24);
	}
	/* up to the last byte that fits */
	joblog_write(&jl, whole(), 0);
	while (jl.total < 4096 - LOGFILE_MARK - LOGFILE_TRAILER)
		joblog_write(&jl, "x", 1);
	joblog_flush(&jl);
	assert_int_equal(strlen(whole()), 4096 - LOGFILE_MARK - LOGFILE_TRAILER);
	assert_null(strstr(whole(), "left out"));
}

static void a_log_that_is_too_long_keeps_head_and_tail(void **state)
{
	struct logfile_part part;
	int64_t tail;

	(void)state;
	joblog_init(&jl, fd, 4096);
	for (int i = 0; i < 5000; i += 50) {
		write_lines(i, i + 50);
		if (i % 350 == 0)
			joblog_flush(&jl);
		assert_in_range(strlen(whole()), 1, 4096);
	}
	joblog_flush(&jl);
	assert_int_equal(strlen(whole()), 4096);
	assert_int_equal(strncmp(text.data, "line     0\nline     1\n", 22), 0);
	assert_non_null(strstr(text.data, "\n[dropmill] 51051 bytes left out here "));
	assert_non_null(
	    strstr(text.data, "line  4998\nline  4999\n\n[dropmill] 55000 bytes in all"));
	/* by position: head, a gap, tail */
	tail = 55000 - (int64_t)jl.ring_size;
	part = part_from(0, 100000);
	assert_int_equal(part.next, jl.head_max);
	assert_int_equal(part.total, 55000);
	part = part_from(part.next, 22);
	assert_int_equal(part.from, tail);
	assert_int_equal(part.left_out, tail - jl.head_max);
	part = part_from(30000, 100000);
	assert_int_equal(part.from, tail);
	assert_int_equal(part.next, 55000);
	assert_string_equal(text.data + text.len - 22, "line  4998\nline  4999\n");
	for (int i = 4990; i < 5000; i++) {
		char line[32];

		part = part_from(i * 11, 11);
		snprintf(line, sizeof line, "line %5d\n", i);
		assert_string_equal(text.data, line);
		assert_int_equal(part.from, i * 11);
	}
	part = part_from(55000, 10);
	assert_int_equal(text.len, 0);
	part = part_from(99999999, 10);
	assert_int_equal(part.next, 55000);
}

static void a_bound_of_next_to_nothing_holds(void **state)
{
	(void)state;
	joblog_init(&jl, fd, 1024);
	write_lines(0, 1000);
	joblog_flush(&jl);
	assert_in_range(strlen(whole()), 900, 1024);
	joblog_release(&jl);
	assert_int_equal(ftruncate(fd, 0), 0);
	joblog_init(&jl, fd, 0);
	write_lines(0, 1000);
	joblog_flush(&jl);
	assert_in_range(strlen(whole()), 0, 200);
	part_from(0, 100);
}

static void lookalikes_confuse_nobody(void **state)
{
	static const struct logfile_shape shapes[] = {{.total = 500, .head = 20, .tail = 30},
	    {.total = 50, .head = 20, .tail = 30}, {.total = INT64_MAX, .head = 0, .tail = 0},
	    {.total = 10, .head = -5, .tail = 5}, {.total = 1 << 20, .head = 0, .tail = 1 << 19}};
	char trailer[LOGFILE_TRAILER + 1], bytes[100] = "";

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct logfile_part part;

		assert_int_equal(ftruncate(fd, 0), 0);
		logfile_trailer(&shapes[i], trailer);
		assert_int_equal(pwrite(fd, bytes, 100, 0), 100);
		assert_int_equal(pwrite(fd, trailer, LOGFILE_TRAILER, 100), LOGFILE_TRAILER);
		part = part_from(0, 1000);
		assert_int_equal(part.total, 196);
		assert_int_equal(part.next, 196);
	}
	/* One that is true to the last byte is believed: the figures are within the file. */
	assert_int_equal(ftruncate(fd, 0), 0);
	logfile_trailer(&shapes[0], trailer);
	assert_int_equal(
	    pwrite(fd, trailer, LOGFILE_TRAILER, 20 + LOGFILE_MARK + 30), LOGFILE_TRAILER);
	assert_int_equal(part_from(0, 1000).next, 20);
	assert_int_equal(part_from(20, 1000).from, 470);
	assert_int_equal(part_from(480, 1000).next, 500);
}

static void a_writer_that_died_is_told_from_one_that_writes(void **state)
{
	struct logfile_part part;
	char busy[LOGFILE_TRAILER + 1];
	struct err err;

	(void)state;
	joblog_init(&jl, fd, 4096);
	write_lines(0, 1000);
	joblog_flush(&jl);
	logfile_trailer_busy(busy);
	assert_int_equal(
	    pwrite(fd, busy, LOGFILE_TRAILER, 4096 - LOGFILE_TRAILER), LOGFILE_TRAILER);
	buf_clear(&text);
	assert_int_equal(logfile_read(fd, true, 0, 100, &text, &part, &err), RC_BUSY);
	assert_int_equal(text.len, 0);
	part = part_from(0, 100000);
	assert_int_equal(part.total, 4096);
	assert_int_equal(part.next, 4096);
}

/* A reader that follows a writer gets every byte in its place, however the tail goes round. */
static void following_is_consistent(void **state)
{
	int64_t at = 0, end = clock_boot_ms() + 1000, parts = 0, gaps = 0;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		joblog_init(&jl, fd, 256 * 1024);
		for (int64_t i = 0; clock_boot_ms() < end; i++) {
			char line[32];

			snprintf(line, sizeof line, "%15lld\n", (long long)i);
			joblog_write(&jl, line, 16);
			if (i % 100 == 0)
				joblog_flush(&jl);
		}
		_exit(0);
	}
	while (clock_boot_ms() < end + 200) {
		struct logfile_part part;
		struct err err;
		enum rc rc;

		buf_clear(&text);
		rc = logfile_read(fd, true, at, 65536 + (size_t)(parts % 7), &text, &part, &err);
		if (rc == RC_BUSY)
			continue;
		assert_int_equal(rc, RC_OK);
		assert_true(part.from >= at);
		for (int64_t i = part.from + (16 - part.from % 16) % 16; i + 16 <= part.next;
		     i += 16)
			if (atoll(text.data + (i - part.from)) != i / 16)
				fail_msg(
				    "at %lld: %.16s", (long long)i, text.data + (i - part.from));
		parts += part.next > at;
		gaps += part.left_out > 0;
		at = part.next;
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(parts > 10 && gaps > 0);
	print_message("# %lld parts, %lld gaps, %lld MiB\n", (long long)parts, (long long)gaps,
	    (long long)(at >> 20));
}

static void a_full_disk_is_said_at_the_end(void **state)
{
	struct rlimit was, limit;
	struct joblog log;
	char line[101], kept[9000];
	int disk = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	(void)state;
	assert_true(disk >= 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = (struct rlimit){8192, was.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	joblog_init(&log, disk, 1 << 20);
	memset(line, 'x', sizeof line);
	line[100] = '\n';
	for (int i = 0; i < 100; i++)
		joblog_write(&log, line, sizeof line);
	joblog_flush(&log);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(log.total, 10100);
	assert_int_equal(pread(disk, kept, sizeof kept, 0), 8192);
	kept[8192] = '\0';
	assert_string_equal(strchr(kept, '['), "[dropmill] the log ends here: File too large\n");
	joblog_release(&log);
	close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_fits_is_kept_as_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_log_that_is_too_long_keeps_head_and_tail, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_bound_of_next_to_nothing_holds, setup, teardown),
	    cmocka_unit_test_setup_teardown(lookalikes_confuse_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_writer_that_died_is_told_from_one_that_writes, setup, teardown),
	    cmocka_unit_test_setup_teardown(following_is_consistent, setup, teardown),
	    cmocka_unit_test(a_full_disk_is_said_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
