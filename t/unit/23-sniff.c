/*
 * The sniffer: what it says of common files, that its child is locked down and holds nothing of
 * ours, and that it gets over a child that dies.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sniff.h"

static int file_with(const void *data, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	return fd;
}

static void expect(struct sniff *s, const void *data, size_t len, const char *type)
{
	char out[SNIFF_TYPE_SIZE];
	int fd = file_with(data, len);

	assert_string_equal(sniff_type(s, fd, out), type);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), (off_t)len);
	close(fd);
}

#define EXPECT(s, text, type) expect(s, text, sizeof text - 1, type)

static void common_files(void **state)
{
	struct sniff *s = sniff_open();
	static char large[100000];

	(void)state;
	EXPECT(s, "", "application/x-empty");
	EXPECT(s, "hello world\n", "text/plain");
	EXPECT(s, "a,b,c\n1,2,3\n4,5,6\n", "text/csv");
	EXPECT(s, "{\"a\": [1, 2, 3]}\n", "application/json");
	EXPECT(s, "#!/bin/sh\necho\n", "text/x-shellscript");
	EXPECT(s, "<?xml version=\"1.0\"?>\n<a/>\n", "text/xml");
	EXPECT(s, "<!DOCTYPE html>\n<html><body></body></html>\n", "text/html");
	EXPECT(s, "\x89PNG\r\n\x1a\n....", "image/png");
	EXPECT(s, "\xff\xd8\xff\xe0", "image/jpeg");
	EXPECT(s, "%PDF-1.7\n", "application/pdf");
	EXPECT(s, "\x1f\x8b\x08\0\0\0\0\0", "application/gzip");
	EXPECT(s, "PK\x03\x04\x14\0\0\0\x08\0", "application/zip");
	EXPECT(s, "\x01\x02\x03\xff\xfe\0\0\x07", SNIFF_UNKNOWN);
	/* JSON that is longer than the first look. */
	memset(large, ' ', sizeof large);
	memcpy(large, "[1,", 3);
	memcpy(large + sizeof large - 2, "2]", 2);
	expect(s, large, sizeof large, "application/json");
	/* Many short lines are settled at a glance; of few long ones more is read. */
	memset(large, 'x', sizeof large);
	for (size_t i = 15; i < sizeof large; i += 16)
		large[i] = '\n';
	expect(s, large, sizeof large, "text/plain");
	memset(large, 'x', sizeof large);
	for (size_t i = 1499; i < sizeof large; i += 1500) {
		large[i - 700] = ',';
		large[i] = '\n';
	}
	expect(s, large, sizeof large, "text/csv");
	sniff_close(s);
}

/* The child of this process, 0 if there is none. */
static int child_pid(void)
{
	char path[64], text[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	assert_non_null(f);
	if (!fgets(text, sizeof text, f))
		text[0] = '\0';
	fclose(f);
	return atoi(text);
}

static int descriptors(int pid)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool status_has(int pid, const char *line)
{
	char path[64], text[8192];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return strstr(text, line) != NULL;
}

static void the_child_is_locked_down(void **state)
{
	int ours = file_with("secret", 6), leaked = dup(ours);
	struct sniff *s = sniff_open();
	int pid;

	(void)state;
	assert_int_equal(child_pid(), 0);
	EXPECT(s, "hello\n", "text/plain");
	pid = child_pid();
	assert_true(pid > 0);
	/* 0, 1, 2 and its socket, though `leaked` is inherited by whoever does not take care. */
	assert_int_equal(descriptors(pid), 4);
#ifndef __SANITIZE_ADDRESS__
	assert_true(status_has(pid, "Seccomp:\t2"));
#endif
	assert_true(status_has(pid, "NoNewPrivs:\t1"));
	close(leaked);
	close(ours);
	sniff_close(s);
	assert_int_equal(child_pid(), 0);
}

static void a_dead_child_is_replaced(void **state)
{
	struct sniff *s = sniff_open();
	char out[SNIFF_TYPE_SIZE];
	int fd, pid;

	(void)state;
	EXPECT(s, "hello\n", "text/plain");
	kill(child_pid(), SIGKILL);
	EXPECT(s, "hello\n", "text/plain");
	/* One that does not answer costs its time and the answer, nothing more. */
	pid = child_pid();
	kill(pid, SIGSTOP);
	fd = file_with("hello\n", 6);
	assert_string_equal(sniff_type(s, fd, out), SNIFF_UNKNOWN);
	close(fd);
	EXPECT(s, "hello\n", "text/plain");
	assert_int_not_equal(child_pid(), pid);
	sniff_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(common_files),
	    cmocka_unit_test(the_child_is_locked_down),
	    cmocka_unit_test(a_dead_child_is_replaced),
	};

	sniff_child(argc, argv);
	return cmocka_run_group_tests_name("sniff", tests, NULL, NULL);
}
