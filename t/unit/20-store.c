/*
 * Store and doorbell on a directory of their own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/doorbell.h"
#include "core/store.h"

struct fixture {
	char dir[64], store[96], run[96];
	struct config cfg;
	struct store st;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	snprintf(f->dir, sizeof f->dir, "/tmp/dropmill-store.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->store, sizeof f->store, "%s/store", f->dir);
	snprintf(f->run, sizeof f->run, "%s/run", f->dir);
	f->cfg.store = f->store;
	f->cfg.run_dir = f->run;
	f->cfg.run_user = "nobody";
	assert_int_equal(store_open(&f->cfg, &f->st, &f->err), RC_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	store_close(&f->st);
	snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void write_all(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_temp_to_file(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_SIZE], name[64], path[192], text[8] = "";
	struct stat sb;
	int fd;

	uuid_new(uuid);
	assert_int_equal(store_temp(&f->st, &fd, &f->err), RC_OK);
	write_all(fd, "hello");
	assert_int_equal(store_link(&f->st, fd, uuid, &f->err), RC_OK);
	close(fd);
	assert_int_equal(store_sync(&f->st, &f->err), RC_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f->st.touched[i], 0);
	snprintf(path, sizeof path, "%s/%s", f->store, store_name(uuid, name));
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0640);
	assert_int_equal(store_read(&f->st, uuid, &fd, &f->err), RC_OK);
	assert_int_equal(read(fd, text, sizeof text), 5);
	assert_string_equal(text, "hello");
	close(fd);
	store_remove(&f->st, uuid);
	assert_int_equal(store_read(&f->st, uuid, &fd, &f->err), RC_NOTFOUND);
}

static void test_names(void **state)
{
	const char *uuid = "0190f3a2-1111-7abc-8def-0123456789ab";
	char out[64];

	(void)state;
	assert_string_equal(store_name(uuid, out), "ab/0190f3a2-1111-7abc-8def-0123456789ab");
	assert_string_equal(
	    store_uri(uuid, out), "/_store/ab/0190f3a2-1111-7abc-8def-0123456789ab");
	assert_string_equal(
	    store_log_uri(uuid, 27, out), "/_store/log/ab/0190f3a2-1111-7abc-8def-0123456789ab-b");
}

/* A file that is there is never replaced. */
static void test_link_twice(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_SIZE], text[8] = "";
	int a, b, fd;

	uuid_new(uuid);
	assert_int_equal(store_temp(&f->st, &a, &f->err), RC_OK);
	assert_int_equal(store_temp(&f->st, &b, &f->err), RC_OK);
	write_all(a, "first");
	write_all(b, "other");
	assert_int_equal(store_link(&f->st, a, uuid, &f->err), RC_OK);
	assert_int_equal(store_link(&f->st, b, uuid, &f->err), RC_SYS);
	assert_int_equal(store_read(&f->st, uuid, &fd, &f->err), RC_OK);
	assert_int_equal(read(fd, text, sizeof text), 5);
	assert_string_equal(text, "first");
	close(fd);
	close(a);
	close(b);
}

static void test_named_file_keeps_its_name(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_SIZE], path[96];
	struct stat sb;
	int fd;

	snprintf(path, sizeof path, "%s/spooled", f->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	write_all(fd, "x");
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	assert_int_equal(store_link(&f->st, fd, uuid_new(uuid), &f->err), RC_OK);
	assert_int_equal(fstat(fd, &sb), 0);
	assert_int_equal(sb.st_nlink, 2);
	close(fd);
}

static void test_log(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_SIZE], text[16];
	int old, fd;

	uuid_new(uuid);
	assert_int_equal(store_log_read(&f->st, uuid, 1, &fd, &f->err), RC_NOTFOUND);
	for (int i = 1; i <= STORE_LOGS_MAX + 1; i++) {
		assert_int_equal(store_log_open(&f->st, uuid, i, &fd, &f->err), RC_OK);
		write_all(fd, i % 2 ? "odd\n" : "even\n");
		close(fd);
		if (i == 1)
			assert_int_equal(store_log_read(&f->st, uuid, 1, &old, &f->err), RC_OK);
	}
	assert_int_equal(store_log_read(&f->st, uuid, 2, &fd, &f->err), RC_OK);
	assert_int_equal(read(fd, text, sizeof text), 5);
	close(fd);
	/* The first gave its slot to the last; who reads it goes on reading it. */
	assert_int_equal(store_log_read(&f->st, uuid, 1, &fd, &f->err), RC_OK);
	assert_int_equal(read(fd, text, sizeof text), 4);
	assert_int_equal(read(old, text, sizeof text), 4);
	close(fd);
	close(old);
	store_log_remove(&f->st, uuid);
	for (int i = 1; i <= STORE_LOGS_MAX; i++)
		assert_int_equal(store_log_read(&f->st, uuid, i, &fd, &f->err), RC_NOTFOUND);
}

static void test_log_owner(void **state)
{
	static const char *const bad[] = {"", "0190f3a2-1111-7abc-8def-0123456789ab",
	    "0190f3a2-1111-7abc-8def-0123456789ab-", "0190f3a2-1111-7abc-8def-0123456789ab-g",
	    "0190f3a2-1111-7abc-8def-0123456789ab-1 ", "0190f3a2-1111-7abc-8def-0123456789abc1",
	    "x190f3a2-1111-7abc-8def-0123456789ab-1"};
	char uuid[UUID_SIZE];

	(void)state;
	assert_true(store_log_owner("0190f3a2-1111-7abc-8def-0123456789ab-f", uuid));
	assert_string_equal(uuid, "0190f3a2-1111-7abc-8def-0123456789ab");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(store_log_owner(bad[i], uuid));
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool rings(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void test_doorbell(void **state)
{
	struct fixture *f = *state;
	char bell[128], *path[3];
	int fd[3];

	doorbell_ring(&f->cfg); /* nobody there: nothing happens */
	assert_int_equal(doorbell_open(&f->cfg, &fd[0], &path[0], &f->err), RC_OK);
	assert_int_equal(doorbell_open(&f->cfg, &fd[1], &path[1], &f->err), RC_OK);
	doorbell_drain(fd[0]);
	assert_false(rings(fd[0]));
	doorbell_ring(&f->cfg);
	assert_true(rings(fd[0]));
	assert_true(rings(fd[1]));
	doorbell_drain(fd[0]);
	assert_false(rings(fd[0]));
	/* A full queue neither blocks nor fails. */
	for (int i = 0; i < 5000; i++)
		doorbell_ring(&f->cfg);
	doorbell_drain(fd[0]);
	/* The second dies without cleaning up; the next to open does it. */
	close(fd[1]);
	snprintf(bell, sizeof bell, "%s/bell", f->run);
	assert_int_equal(entries(bell), 2);
	assert_int_equal(doorbell_open(&f->cfg, &fd[2], &path[2], &f->err), RC_OK);
	assert_int_equal(entries(bell), 2);
	doorbell_close(fd[0], path[0]);
	doorbell_close(fd[2], path[2]);
	doorbell_close(-1, path[1]);
	assert_int_equal(entries(bell), 0);
}

/* Who is there is remembered once the directory has been left alone for a while. */
static void test_doorbell_of_old(void **state)
{
	static const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct fixture *f = *state;
	char bell[128], *path[2];
	int fd[2];

	snprintf(bell, sizeof bell, "%s/bell", f->run);
	assert_int_equal(doorbell_open(&f->cfg, &fd[0], &path[0], &f->err), RC_OK);
	assert_int_equal(utimensat(AT_FDCWD, bell, old, 0), 0);
	for (int i = 0; i < 2; i++) {
		doorbell_ring(&f->cfg);
		assert_true(rings(fd[0]));
		doorbell_drain(fd[0]);
	}
	/* One more comes. */
	assert_int_equal(doorbell_open(&f->cfg, &fd[1], &path[1], &f->err), RC_OK);
	doorbell_drain(fd[0]);
	doorbell_ring(&f->cfg);
	assert_true(rings(fd[0]));
	assert_true(rings(fd[1]));
	doorbell_close(fd[0], path[0]);
	doorbell_close(fd[1], path[1]);
	/* The directory is another. */
	assert_int_equal(rmdir(bell), 0);
	doorbell_ring(&f->cfg);
	assert_int_equal(doorbell_open(&f->cfg, &fd[0], &path[0], &f->err), RC_OK);
	doorbell_ring(&f->cfg);
	assert_true(rings(fd[0]));
	doorbell_close(fd[0], path[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_temp_to_file, setup, teardown),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test_setup_teardown(test_link_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_named_file_keeps_its_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_log, setup, teardown),
	    cmocka_unit_test(test_log_owner),
	    cmocka_unit_test_setup_teardown(test_doorbell, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_doorbell_of_old, setup, teardown),
	};

	return cmocka_run_group_tests_name("store and doorbell", tests, NULL, NULL);
}
