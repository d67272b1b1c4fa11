/*
 * What the database tests share: a database in a directory of its own, and parts played by child
 * processes, since a connection belongs to one process. Static, for one program per test file.
 */
#ifndef T_UNIT_DB_FIXTURE_H
#define T_UNIT_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/db.h"
#include "core/migrate.h"

static char fixture_dir[64], fixture_path[96];
static const struct config fixture_config = {.database = fixture_path};

/* An empty directory, and the path of a database that is not there yet. */
static inline void fixture_make_dir(void)
{
	snprintf(fixture_dir, sizeof fixture_dir, "/tmp/dropmill-db-XXXXXX");
	if (!mkdtemp(fixture_dir))
		fail_msg("mkdtemp: %s", strerror(errno));
	snprintf(fixture_path, sizeof fixture_path, "%s/test.db", fixture_dir);
}

static inline void fixture_remove(void)
{
	DIR *dir = opendir(fixture_dir);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(fixture_dir);
}

#define must(call) must_at((call), &err, #call, __FILE__, __LINE__)
static inline void must_at(
    enum rc rc, const struct err *err, const char *call, const char *file, int line)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "# %s:%d: %s: %s: %s\n", file, line, call, rc_name(rc), err->text);
	abort();
}

/* A process that plays a part; its end is its answer. It never returns into the test. */
static inline pid_t fixture_start(void (*part)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		fail_msg("fork: %s", strerror(errno));
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		part(arg);
		fflush(NULL);
		_exit(0);
	}
	return pid;
}

/* Its wait status, within a minute; then it is killed. */
static inline int fixture_wait(pid_t pid)
{
	int status = -1;

	for (int i = 0; i < 60000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

/* Migrating opens the database, so a child does it: the test's own process may fork later. */
static inline void fixture_migrate(void *unused)
{
	struct err err = {0};
	int applied;

	(void)unused;
	must(migrate_run(&fixture_config, &applied, &err));
}

static inline int fixture_set_up(void **state)
{
	(void)state;
	/* A test that hangs ends all of them. */
	alarm(120);
	fixture_make_dir();
	return fixture_wait(fixture_start(fixture_migrate, NULL));
}

static inline int fixture_tear_down(void **state)
{
	(void)state;
	fixture_remove();
	return 0;
}

static inline struct db *fixture_open(void)
{
	struct err err = {0};
	struct db *db;

	must(db_open(&fixture_config, &db, &err));
	return db;
}

/* For a part that is meant to end in a message and abort. */
static inline void fixture_hush(void)
{
	if (!freopen("/dev/null", "w", stderr))
		abort();
}

/* One byte says go. Waiting gives up after `ms` (false). */
static inline void signal_go(int fd)
{
	if (write(fd, "g", 1) != 1)
		abort();
}

static inline bool wait_go(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, ms) == 1 && read(fd, &c, 1) == 1;
}

/* A setting, as a row to write and read back. */
static inline void put(struct db *db, const char *key, const char *value)
{
	struct err err = {0};

	must(db_exec(db, SQL_SETTING_PUT, DB_ARGS(DB_TEXT(key), DB_TEXT(value)), &err));
}

/* Copy of the value, or NULL; the caller frees it. */
static inline char *get(struct db *db, const char *key)
{
	struct db_cursor cur;
	struct err err = {0};
	enum rc rc = db_one(db, &cur, SQL_SETTING_GET, DB_ARGS(DB_TEXT(key)), &err);
	char *value;

	if (rc == RC_NOTFOUND)
		return NULL;
	must(rc);
	value = strdup(db_text(&cur, 0, NULL));
	db_finish(&cur);
	return value;
}

static inline void assert_setting(struct db *db, const char *key, const char *expected)
{
	char *value = get(db, key);

	if (strcmp(value ? value : "(absent)", expected ? expected : "(absent)") != 0)
		fail_msg("%s is %.60s, not %.60s", key, value ? value : "absent",
		    expected ? expected : "absent");
	free(value);
}

#endif
