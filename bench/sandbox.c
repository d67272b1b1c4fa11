/*
 * Jobs in the sandbox beside bubblewrap alone.
 *
 *   sandbox fill CONF TYPE N: N pending jobs of a type
 *
 *   sandbox rate CONF MS: jobs that a processor completes per second, over MS
 *
 *   sandbox first CONF TYPE N: N jobs one after the other, from the commit to the first instruction
 *   of their command, which prints its own clock (bench/stamp.c); the median in ms
 *
 *   sandbox bare PROGRAM WORKERS MS: bubblewrap with the argv of our sandbox around PROGRAM,
 *   WORKERS at a time; runs per second
 *
 *   sandbox bare-first PROGRAM N: one after the other, from the start to the first instruction
 *
 * Prints the figure alone. Started by root, bubblewrap runs as nobody, like the commands of jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/job.h"
#include "core/jobtype.h"
#include "core/log.h"
#include "processor/sandbox.h"
#include "processor/seccomp.h"
#include "processor/stage.h"

#define FILL_BATCH 500

static struct config cfg;
static struct err err;
static struct arena arena, settings;

static void check(enum rc rc)
{
	if (rc != RC_OK)
		die(EX_SOFTWARE, "%s", err.text);
}

static struct db *open_database(const char *conf)
{
	struct db *db;

	check(config_load(&cfg, conf, &settings, &err));
	check(db_open(&cfg, &db, &err));
	return db;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *list, int n)
{
	qsort(list, (size_t)n, sizeof *list, compare);
	return list[n / 2];
}

/* ---- ours --------------------------------------------------------------------------------- */

static int64_t make_jobs(struct db *db, const char *type, int n)
{
	struct job_new jobs[FILL_BATCH];

	for (int i = 0; i < n; i++)
		jobs[i] = (struct job_new){.name = "bench", .job_type = type, .type_version = 1};
	check(db_begin(db, &err));
	check(job_create(db, &scope_local, jobs, (size_t)n, &err));
	check(db_commit_durable(db, &err));
	return jobs[0].id;
}

static void fill(const char *conf, const char *type, int n)
{
	struct db *db = open_database(conf);

	for (int done = 0; done < n; done += FILL_BATCH)
		make_jobs(db, type, n - done < FILL_BATCH ? n - done : FILL_BATCH);
	db_close(db);
}

static int64_t completed(struct db *db)
{
	int64_t counts[JOB_STATUS_MAX];

	check(job_counts(db, &scope_local, counts, &err));
	return counts[JOB_COMPLETED];
}

static double rate(const char *conf, int64_t ms)
{
	struct db *db = open_database(conf);
	int64_t n = completed(db), since = clock_boot_us();

	usleep((useconds_t)ms * 1000);
	n = completed(db) - n;
	since = clock_boot_us() - since;
	db_close(db);
	return (double)n * 1e6 / (double)since;
}

static double first(const char *conf, const char *type, int count)
{
	struct db *db = open_database(conf);
	double *ms = calloc((size_t)count, sizeof *ms);

	for (int i = 0; i < count; i++) {
		char key[24];
		struct job job;
		int64_t since;

		snprintf(key, sizeof key, "%lld", (long long)make_jobs(db, type, 1));
		since = clock_boot_us();
		doorbell_ring(&cfg);
		do {
			usleep(20000);
			arena_clear(&arena);
			check(job_find(db, &scope_local, key, &arena, &job, &err));
		} while (job.status == JOB_PENDING || job.status == JOB_PROCESSING);
		if (job.status != JOB_COMPLETED || !job.result)
			die(EX_SOFTWARE, "job failed: %s", job.error ? job.error : "?");
		ms[i] = (double)(atoll(job.result) - since) / 1000;
	}
	db_close(db);
	return median(ms, count);
}

/* ---- bubblewrap alone --------------------------------------------------------------------- */

static struct buf filter;

static int memory(const void *data, size_t len)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
		die(EX_OSERR, "cannot make a memory file");
	return fd;
}

/* Descriptors as the runner gives them; nobody waits at block, nobody reads status. */
static pid_t spawn(char **argv, int out)
{
	int from[10] = {open("/dev/null", O_RDONLY | O_CLOEXEC), out, STDERR_FILENO,
	    open("/dev/null", O_WRONLY | O_CLOEXEC), open("/dev/null", O_WRONLY | O_CLOEXEC),
	    open("/dev/zero", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC),
	    memory(filter.data, filter.len), memory(sandbox_passwd, strlen(sandbox_passwd)),
	    memory(sandbox_group, strlen(sandbox_group))};
	char path[] = "PATH=/usr/bin:/bin", *const env[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	/* First out of the way, then into place. */
	for (int i = 0; i < 10; i++)
		posix_spawn_file_actions_adddup2(&actions, from[i], 100 + i);
	for (int i = 0; i < 10; i++)
		posix_spawn_file_actions_adddup2(&actions, 100 + i, i);
	posix_spawn_file_actions_addclosefrom_np(&actions, 10);
	errno = posix_spawn(&pid, argv[0], &actions, NULL, argv, env);
	if (errno)
		die(EX_OSERR, "cannot start bubblewrap");
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; i < 10; i++)
		if (i != 1 && i != 2)
			close(from[i]);
	return pid;
}

/* The sandbox of a job of 256 MB around a program that lies in a directory of its own. */
static char **bare_argv(char *program)
{
	char *const command[] = {program, NULL};
	char *directory = arena_strdup(&arena, program), *work = strdup("/tmp/bench-XXXXXX");
	struct sandbox_bind *binds = arena_zalloc(&arena, 2 * sizeof *binds);

	*strrchr(directory, '/') = '\0';
	if (!mkdtemp(work))
		die(EX_OSERR, "cannot make a directory");
	binds[0] = (struct sandbox_bind){work, JOBTYPE_OUT, true, 0, ""};
	binds[1] = (struct sandbox_bind){directory, directory, false, 0, ""};
	struct sandbox box = {.binds = binds,
	    .bind_count = 2,
	    .memory_bytes = 256 << 20,
	    .status = 4,
	    .block = 5,
	    .lock = 6,
	    .filter = 7,
	    .passwd = 8,
	    .group = 9};

	return sandbox_argv(&box, command, &arena);
}

static void bare_begin(void)
{
	buf_init(&filter);
	check(seccomp_program(&filter, &err));
	if (geteuid() == 0)
		check(stage_drop(65534, 65534, &err));
}

static void bare_end(char **argv)
{
	for (; *argv; argv++)
		if (strncmp(*argv, "/tmp/bench-", 11) == 0)
			rmdir(*argv);
}

static double bare(char *program, int workers, int64_t ms)
{
	int sink = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
	int64_t since, done = 0;
	char **argv;

	bare_begin();
	argv = bare_argv(program);
	since = clock_boot_us();
	for (int i = 0; i < workers; i++)
		spawn(argv, sink);
	while (clock_boot_us() - since < ms * 1000) {
		if (wait(&status) < 0 || status)
			die(EX_SOFTWARE, "bubblewrap failed");
		done++;
		spawn(argv, sink);
	}
	since = clock_boot_us() - since;
	while (wait(NULL) > 0)
		;
	bare_end(argv);
	return (double)done * 1e6 / (double)since;
}

static double bare_first(char *program, int count)
{
	double *ms = calloc((size_t)count, sizeof *ms);
	char **argv;

	bare_begin();
	argv = bare_argv(program);
	for (int i = 0; i < count; i++) {
		char text[64] = "";
		int pipes[2], status;
		int64_t since;

		if (pipe2(pipes, O_CLOEXEC) < 0)
			die(EX_OSERR, "cannot make a pipe");
		usleep(20000);
		since = clock_boot_us();
		spawn(argv, pipes[1]);
		close(pipes[1]);
		if (read(pipes[0], text, sizeof text - 1) <= 0 || wait(&status) < 0 || status)
			die(EX_SOFTWARE, "bubblewrap failed");
		close(pipes[0]);
		ms[i] = (double)(atoll(text) - since) / 1000;
	}
	bare_end(argv);
	return median(ms, count);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	log_init("bench-sandbox");
	arena_init(&arena);
	arena_init(&settings);
	if (argc == 5 && strcmp(verb, "fill") == 0)
		fill(argv[2], argv[3], atoi(argv[4]));
	else if (argc == 4 && strcmp(verb, "rate") == 0)
		printf("%.1f\n", rate(argv[2], atoll(argv[3])));
	else if (argc == 5 && strcmp(verb, "first") == 0)
		printf("%.3f\n", first(argv[2], argv[3], atoi(argv[4])));
	else if (argc == 5 && strcmp(verb, "bare") == 0)
		printf("%.1f\n", bare(argv[2], atoi(argv[3]), atoll(argv[4])));
	else if (argc == 4 && strcmp(verb, "bare-first") == 0)
		printf("%.3f\n", bare_first(argv[2], atoi(argv[3])));
	else
		die(EX_USAGE, "usage: see the head of bench/sandbox.c");
	return 0;
}
