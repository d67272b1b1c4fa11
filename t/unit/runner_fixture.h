/*
 * One run of a runner as its supervisor sees it: a description is sent, messages are collected.
 * Each run has a work directory below `top`, and an input called "in put.txt".
 */
#ifndef T_UNIT_RUNNER_FIXTURE_H
#define T_UNIT_RUNNER_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/sniff.h"
#include "processor/launch.h"
#include "processor/runner.h"
#include "processor/seccomp.h"
#include "processor/stage.h"
#include "processor/workdir.h"

#define OUTPUT_LIST_MAX 32

/* One run: what is asked for, and what came back. */
struct run {
	struct message_spec spec;
	const char *const *secrets;
	struct message_end end;
	struct message_progress progress;
	struct message_output outputs[OUTPUT_LIST_MAX];
	size_t output_count;
	bool started, ended;
	int64_t ms;
	char log[65536], path[128];
	pid_t pid;
	int pidfd, sock, lock, work;
};

static char top[64];
static struct buf filter;
static int number;
static struct nursery nursery = {-1, -1};
static bool use_nursery;

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct run *new_run(void)
{
	struct run *r = calloc(1, sizeof *r);

	assert_non_null(r);
	r->spec = (struct message_spec){.job = "01234567-89ab-7def-8123-456789abcdef",
	    .timeout_ms = 20000,
	    .memory_bytes = 128 << 20,
	    .output_max_bytes = 4 << 20,
	    .log_max_bytes = 1 << 20,
	    .sandbox = 1,
	    .drop = geteuid() == 0,
	    .uid = 65534,
	    .gid = 65534};
	return r;
}

/* Start `sh -c script` on an input file called "in put.txt". */
static void begin(struct run *r, const char *script)
{
	char work[100], input[160], out[160], own[32];
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	const char *env[] = {
	    "PATH=/usr/bin:/bin", "DROPMILL_INPUT=/job/in/in put.txt", "LANG=C.UTF-8", own, NULL};
	struct sandbox_bind binds[] = {
	    {input, "/job/in/in put.txt", false, 0, ""}, {out, "/job/out", true, 0, ""}};
	struct err err = {0};
	int log;

	snprintf(work, sizeof work, "%s/%d", top, ++number);
	assert_int_equal(mkdir(work, 0700), 0);
	snprintf(out, sizeof out, "%s/out", work);
	assert_int_equal(mkdir(out, 0700), 0);
	snprintf(input, sizeof input, "%s/stored", work);
	write_file(input, "hello\n");
	if (r->spec.drop) {
		assert_int_equal(chown(out, 65534, 65534), 0);
		assert_int_equal(chown(input, 0, 65534), 0);
	}
	chmod(input, 0640);
	snprintf(r->path, sizeof r->path, "%s", work);
	snprintf(r->spec.work, sizeof r->spec.work, "%s", r->spec.drop ? STAGE_JOB : work);
	r->work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->lock = openat(r->work, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	log = openat(r->work, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(r->lock, LOCK_EX), 0);
	snprintf(own, sizeof own, "OWN=%d", (int)getpid());
	struct launch l = {.spec = &r->spec,
	    .argv = argv,
	    .env = env,
	    .secrets = r->secrets,
	    .binds = binds,
	    .bind_count = 2,
	    .filter = &filter,
	    .log = log,
	    .lock = r->lock,
	    .work = r->work,
	    .nursery = use_nursery ? &nursery : NULL};
	r->ms = clock_boot_ms();
	if (launch_runner(&l, &r->pid, &r->pidfd, &r->sock, &err))
		fail_msg("%s", err.text);
	close(log);
}

/* One message, or the end of the runner; false at the end. */
static bool step(struct run *r, int timeout_ms)
{
	static struct message m;
	struct pollfd p = {r->sock, POLLIN, 0};
	struct err err = {0};
	enum rc rc;

	if (poll(&p, 1, timeout_ms) == 0)
		return true;
	rc = message_receive(r->sock, &m, &err);
	if (rc == RC_DONE)
		return false;
	if (rc)
		fail_msg("%s", err.text);
	if (m.type == MESSAGE_STARTED)
		r->started = true;
	else if (m.type == MESSAGE_PROGRESS)
		r->progress = m.u.progress;
	else if (m.type == MESSAGE_OUTPUT && r->output_count < OUTPUT_LIST_MAX)
		r->outputs[r->output_count++] = m.u.output;
	else if (m.type == MESSAGE_END) {
		r->end = m.u.end;
		r->ended = true;
	}
	return true;
}

static void finish(struct run *r)
{
	int log, status;
	ssize_t n;

	while (step(r, 30000))
		;
	r->ms = clock_boot_ms() - r->ms;
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	log = openat(r->work, "log", O_RDONLY);
	n = read(log, r->log, sizeof r->log - 1);
	assert_true(n >= 0);
	close(log);
	close(r->sock);
	close(r->pidfd);
	close(r->lock);
	close(r->work);
}

static void run_script(struct run *r, const char *script)
{
	begin(r, script);
	finish(r);
	if (!r->ended)
		fail_msg("no end: %s", r->log);
}

/* Expect exit code 0 of a script; its log is shown when it is something else. */
static void expect_ok(const char *script)
{
	struct run *r = new_run();

	run_script(r, script);
	if (r->end.cause != RUN_EXIT || r->end.exit_code)
		fail_msg("cause %d exit %d: %s\n%s", r->end.cause, r->end.exit_code,
		    r->end.last_error, r->log);
	free(r);
}

/* Processes that a script of ours started with the argument `word$OWN`; another run of this
 * program at the same time has marks of its own. */
static int processes_with(const char *word)
{
	DIR *proc = opendir("/proc");
	char mark[48];
	int n = 0;

	assert_non_null(proc);
	snprintf(mark, sizeof mark, "%s%d", word, (int)getpid());
	for (struct dirent *e; (e = readdir(proc));) {
		char path[300], text[4096];
		ssize_t len;
		int fd;

		snprintf(path, sizeof path, "/proc/%s/cmdline", e->d_name);
		if (*e->d_name < '0' || *e->d_name > '9' || (fd = open(path, O_RDONLY)) < 0)
			continue;
		len = read(fd, text, sizeof text - 1);
		close(fd);
		text[len > 0 ? len : 0] = '\0';
		for (ssize_t at = 0; at < len; at += (ssize_t)strlen(text + at) + 1)
			if (strcmp(text + at, mark) == 0) {
				n++;
				break;
			}
	}
	closedir(proc);
	return n;
}

/* After a runner that could not wait for what it started: until the lock of its work directory is
 * free nothing is settled, and whoever holds it for long is killed, as the supervisor does it. */
static void settle(const struct run *r)
{
	char name[16];
	int64_t owner, begun = clock_boot_ms();
	int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	snprintf(name, sizeof name, "%s", strrchr(r->path, '/') + 1);
	while (workdir_alive(root, name, &owner)) {
		if (clock_boot_ms() - begun > 200)
			workdir_kill(root, name);
		if (clock_boot_ms() - begun > 30000)
			fail_msg("something lives on in %s", r->path);
		usleep(10000);
	}
	close(root);
}

#endif
