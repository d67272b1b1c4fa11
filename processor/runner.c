/*
 * Serving one job: read the description, start the child, follow it, end it when it must end, look
 * at what it left, report.
 *
 * One loop over poll() does all of it. The job is over when this process has no children left: it
 * is the subreaper of everything below it, and the init of the sandbox only goes when the last
 * process inside has gone. Then the process ends, or forgets the job and waits for another.
 */
#include "processor/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/inputs.h"
#include "processor/pass.h"
#include "processor/run.h"
#include "processor/stage.h"
#include "processor/watch.h"

#define PROGRESS_EVERY_MS 250
#define LOG_EVERY_MS 250
#define SAMPLE_EVERY_MS 100 /* what is used; docs/JOB-TYPES.md derives the overshoot from it */
#define SETUP_MS 20000      /* for bubblewrap to build the sandbox */
#define TERM_GRACE_MS 5000  /* between SIGTERM and SIGKILL when a limit is reached */

static struct run the_run;
/* Nothing of us is privileged any more, and the stage has been built once. */
static bool dropped;
/* Who makes the commands, also those of later jobs. */
static struct spawner spawner = {-1, -1};
/* What was read last; not on the stack: a process that has just been forked pays for each page it
 * touches. */
static char data[65536];
static size_t data_used;

static void read_supervisor(struct run *r);

/* ---- before it begins ---- */

static void tell_digest(void *context, int64_t input, const char *sha256)
{
	struct message_input m = {.id = input};

	(void)context;
	snprintf(m.sha256, sizeof m.sha256, "%s", sha256);
	message_send(RUNNER_SOCKET, MESSAGE_INPUT, &m, sizeof m, NULL);
}

static bool hear_supervisor(void *context)
{
	struct run *r = context;

	read_supervisor(r);
	return !r->cut;
}

/* Whether all inputs are what they were; otherwise the run is cut before it began. */
static enum rc check_inputs(struct run *r, struct err *err)
{
	const struct inputs_check check = {tell_digest, hear_supervisor, r, RUNNER_SOCKET};
	enum rc rc = inputs_check(r->brief.binds, r->brief.bind_count, &check, err);

	if (rc == RC_INVALID) {
		r->cut = true;
		r->cause = RUN_INPUT;
		snprintf(r->fault, sizeof r->fault, "%s", err->text);
	}
	return rc;
}

/* Make the sources of the mounts reachable without rights. Only the first time it can be done here;
 * after that it is done already. */
static enum rc stage(struct run *r, struct err *err)
{
	enum rc rc;
	int ns;

	if (!r->brief.spec.drop)
		return RC_OK;
	if (dropped) {
		stage_name(r->brief.binds, r->brief.bind_count, &r->arena);
		return RC_OK;
	}
	rc =
	    stage_build(r->brief.binds, r->brief.bind_count, r->brief.spec.sandbox, &r->arena, err);
	if (rc || !r->brief.spec.again)
		return rc;
	/* Now: nothing that might deceive us has run yet. */
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(err, "cannot open a mount namespace");
	rc = pass_send(RUNNER_BERTH, "n", 1, &ns, 1, err);
	close(ns);
	return rc;
}

static enum rc start(struct run *r, struct err *err)
{
	struct child_plan plan = {.spec = &r->brief.spec,
	    .argv = r->brief.argv,
	    .env = r->brief.env,
	    .binds = r->brief.binds,
	    .bind_count = r->brief.bind_count,
	    .filter = &r->brief.filter,
	    .lock = RUNNER_LOCK,
	    .spawner = &spawner,
	    .door = *r->brief.spec.cgroup ? RUNNER_DOOR : -1,
	    .drop = r->brief.spec.drop && !dropped};
	enum rc rc;

	joblog_init(&r->log, RUNNER_LOG, r->brief.spec.log_max_bytes);
	rc = hearing_open(&r->hearing, &r->log, &r->protocol, (const char *const *)r->brief.secrets,
	    r->brief.secret_count, err);
	if (!rc)
		rc = stage(r, err);
	if (!rc)
		rc = check_inputs(r, err);
	if (!rc && *r->brief.spec.cgroup)
		cgroup_begin(RUNNER_GROUP, &r->memory);
	if (!rc)
		rc = child_start(&plan, &r->arena, &r->child, err);
	if (rc)
		return rc;
	/* From here on nothing needs root. */
	if (plan.drop && (rc = stage_drop(r->brief.spec.uid, r->brief.spec.gid, err)))
		return rc;
	dropped = true;
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return RC_OK;
}

void run_started(struct run *r)
{
	int64_t now = clock_boot_ms();

	r->unblocked = true;
	r->deadline = r->brief.spec.timeout_ms > 0 ? now + r->brief.spec.timeout_ms : 0;
	r->sample_at = now + SAMPLE_EVERY_MS;
	message_send(RUNNER_SOCKET, MESSAGE_STARTED, NULL, 0, NULL);
	if (r->freezer.on)
		freezer_freeze(&r->freezer, run_namespaces(r), true, &r->deadline);
}

/* ---- what the child says ---- */

/* Read what is there, at most a few blocks, so that a chatty job cannot keep us from the clock. */
static void read_stream(struct run *r, int *fd)
{
	enum hearing_from from = fd == &r->child.out     ? HEARING_STDOUT
				 : fd == &r->child.error ? HEARING_STDERR
				 : fd == &r->child.json  ? HEARING_JSON
							 : HEARING_MAX;

	for (int i = 0; i < 8 && *fd >= 0; i++) {
		ssize_t n = read(*fd, data, sizeof data);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > (ssize_t)data_used)
			data_used = (size_t)n;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			if (from != HEARING_MAX)
				hearing_end(&r->hearing, from);
		} else if (from != HEARING_MAX) {
			hearing_take(&r->hearing, from, data, (size_t)n);
		} else {
			run_box_feed(r, data, (size_t)n);
		}
	}
}

static void read_supervisor(struct run *r)
{
	static struct message m;
	struct err err;
	enum rc rc = message_receive(RUNNER_SOCKET, &m, &err);

	if (!rc && m.type == MESSAGE_STOP) {
		run_cut(r, RUN_STOPPED, m.u.stop.grace_ms);
		return;
	}
	if (!rc && m.type == MESSAGE_FREEZE) {
		if (!r->cut && !r->gone)
			freezer_freeze(&r->freezer, run_namespaces(r), r->unblocked, &r->deadline);
		return;
	}
	if (!rc && m.type == MESSAGE_THAW) {
		freezer_thaw(&r->freezer, run_namespaces(r), r->unblocked, &r->deadline);
		return;
	}
	/* The supervisor is gone or mad: this job is nobody's any more. */
	run_kill(r);
	_exit(rc == RC_DONE ? 0 : 70);
}

static void add_usage(struct rusage *sum, const struct rusage *u)
{
	timeradd(&sum->ru_utime, &u->ru_utime, &sum->ru_utime);
	timeradd(&sum->ru_stime, &u->ru_stime, &sum->ru_stime);
	sum->ru_inblock += u->ru_inblock;
	sum->ru_oublock += u->ru_oublock;
	if (u->ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = u->ru_maxrss;
}

static void reaped(struct run *r, pid_t pid, int status, const struct rusage *usage)
{
	if (pid != r->child.pid || !r->brief.spec.sandbox)
		add_usage(&r->usage, usage);
	if (pid == r->child.pid) {
		r->gone = true;
		r->child_status = status;
	}
}

static void reap(struct run *r)
{
	struct signalfd_siginfo info[16];
	struct rusage usage;
	int status;
	pid_t pid;

	while (read(RUNNER_SIGNALS, info, sizeof info) > 0)
		;
	/* A child that did not get as far as to execute sends no signal and is found by its pid. */
	if (!r->gone && (pid = wait4(r->child.pid, &status, WNOHANG | __WALL, &usage)) > 0)
		reaped(r, pid, status, &usage);
	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0)
		reaped(r, pid, status, &usage);
	r->alone = pid < 0 && errno == ECHILD;
	/* What the command left running goes with it. */
	if (r->gone && !r->alone) {
		run_kill(r);
		r->kill_at = clock_boot_ms() + 50;
	}
}

static void sample(struct run *r, int64_t now)
{
	pid_t root = r->init ? r->init : getpid();
	int64_t files, bytes;

	r->sample_at = now + SAMPLE_EVERY_MS;
	freezer_again(&r->freezer, run_namespaces(r));
	if (!*r->brief.spec.cgroup && r->brief.spec.memory_bytes > 0) {
		bytes = watch_memory(root, r->brief.spec.memory_bytes);
		if (bytes > r->peak_bytes)
			r->peak_bytes = bytes;
		if (bytes > r->brief.spec.memory_bytes)
			run_cut(r, RUN_MEMORY, 0);
	}
	if (r->brief.spec.output_max_bytes > 0) {
		bytes = watch_output(RUNNER_OUT, OUTPUT_FILES_MAX, &files) +
			watch_unlinked(root, RUNNER_OUT);
		if (bytes > r->brief.spec.output_max_bytes)
			run_cut(r, RUN_OUTPUT, 0);
		else if (files >= OUTPUT_FILES_MAX)
			run_cut(r, RUN_FILES, 0);
	}
	/* A large directory takes its time: never more than a tenth of ours. */
	r->sample_at += 10 * (clock_boot_ms() - now);
}

void run_send_progress(struct run *r, int64_t now)
{
	if (!r->protocol.changed)
		return;
	message_send(RUNNER_SOCKET, MESSAGE_PROGRESS, &r->protocol.progress,
	    sizeof r->protocol.progress, NULL);
	r->protocol.changed = false;
	r->progress_at = now + PROGRESS_EVERY_MS;
}

/* Everything that is due. */
static void tick(struct run *r)
{
	int64_t now = clock_boot_ms();

	if (r->kill_at && now >= r->kill_at) {
		run_kill(r);
		r->kill_at = now + 50;
	}
	if (r->deadline && now >= r->deadline) {
		r->deadline = 0;
		run_cut(
		    r, r->unblocked ? RUN_TIMEOUT : RUN_FAULT, r->unblocked ? TERM_GRACE_MS : 0);
	}
	if (r->sample_at && now >= r->sample_at && !r->gone)
		sample(r, now);
	if (now >= r->progress_at)
		run_send_progress(r, now);
	if (r->log.dirty && now >= r->log_at) {
		joblog_flush(&r->log);
		r->log_at = now + LOG_EVERY_MS;
	}
}

static int next_timeout(const struct run *r)
{
	int64_t now = clock_boot_ms(), at = INT64_MAX;
	const int64_t moments[] = {r->kill_at, r->deadline, r->sample_at,
	    r->protocol.changed ? r->progress_at : 0, r->log.dirty ? r->log_at : 0};

	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		if (moments[i] && moments[i] < at)
			at = moments[i];
	if (at == INT64_MAX)
		return -1;
	return at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

static void follow(struct run *r)
{
	int *streams[] = {&r->child.out, &r->child.error, &r->child.json, &r->child.status};

	r->deadline = clock_boot_ms() + SETUP_MS;
	if (!r->brief.spec.sandbox)
		run_started(r);
	reap(r);
	while (!r->alone || r->child.out >= 0 || r->child.error >= 0 || r->child.json >= 0 ||
	       r->child.status >= 0) {
		struct pollfd fds[6] = {{RUNNER_SOCKET, POLLIN, 0}, {RUNNER_SIGNALS, POLLIN, 0}};

		for (size_t i = 0; i < 4; i++)
			fds[i + 2] = (struct pollfd){*streams[i], POLLIN, 0};
		if (poll(fds, 6, next_timeout(r)) < 0 && errno != EINTR)
			bug("poll: %s", strerror(errno));
		for (size_t i = 0; i < 4; i++)
			if (*streams[i] >= 0 && fds[i + 2].revents)
				read_stream(r, streams[i]);
		if (fds[0].revents)
			read_supervisor(r);
		if (fds[1].revents)
			reap(r);
		tick(r);
	}
	protocol_finish(&r->protocol);
}

/* ---- one job, and the next ---- */

/* What is known of a job before anything is. All of it is zeroed: what was left of another's words
 * as well. What takes memory keeps it. */
static void clear(struct run *r)
{
	struct arena arena = r->arena;
	struct buf filter = r->brief.filter;

	arena_clear(&arena);
	buf_clear(&filter);
	memset(r, 0, sizeof *r);
	memset(data, 0, data_used);
	data_used = 0;
	r->arena = arena;
	r->brief.filter = filter;
	r->init_fd = r->ns.user = r->ns.pid = -1;
}

/* It is over: let go of everything that was of it. */
static void forget(struct run *r)
{
	const int fds[] = {RUNNER_SOCKET, RUNNER_LOG, RUNNER_LOCK, RUNNER_OUT};

	hearing_close(&r->hearing);
	joblog_release(&r->log);
	nskill_close(&r->ns);
	if (r->init_fd >= 0)
		close(r->init_fd);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		close(fds[i]);
	clear(r);
}

/* Wait for the descriptors of another job; false when there will be none. */
static bool await(void)
{
	static const int places[] = {RUNNER_SOCKET, RUNNER_LOG, RUNNER_LOCK, RUNNER_OUT};
	int fds[PASS_MAX];
	size_t n;
	char byte;

	if (pass_receive(RUNNER_BERTH, &byte, 1, fds, &n) != 1 || n != 4)
		return false;
	prctl(PR_SET_NAME, "dropmill-runner");
	return pass_place(fds, places, n);
}

/* Serve one job; the exit status, if this process is to end with it. */
static int serve(struct run *r)
{
	struct err err = {0};
	enum rc rc;

	rc = brief_read(RUNNER_SOCKET, &r->brief, &r->arena, &err);

	if (rc == RC_DONE)
		return 0;
	protocol_init(&r->protocol, r->brief.spec.items);
	if (!rc)
		rc = start(r, &err);
	if (rc && r->cut) {
		run_report(r, &spawner);
		return 0;
	}
	if (rc == RC_DONE) {
		/* As if we had been killed: what there may be of it goes with us. */
		log_warn("%s job=%s", err.text, r->brief.spec.job);
		run_kill(r);
		return 70;
	}
	if (rc) {
		if (r->child.pid > 0)
			run_kill(r);
		run_report_fault(&err);
		return 71;
	}
	follow(r);
	run_report(r, &spawner);
	return 0;
}

static bool watch_children(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 && pass_place(&fd, (int[]){RUNNER_SIGNALS}, 1);
}

int runner_main(void)
{
	struct run *r = &the_run;
	int status;

	log_init("dropmill-runner");
	prctl(PR_SET_NAME, "dropmill-runner");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 71;
	signal(SIGPIPE, SIG_IGN);
	for (int fd = RUNNER_SOCKET; fd < RUNNER_SIGNALS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!watch_children())
		return 71;
	arena_init(&r->arena);
	buf_init(&r->brief.filter);
	r->init_fd = r->ns.user = r->ns.pid = -1;
	do {
		status = serve(r);
		if (!r->again)
			break;
		forget(r);
	} while (await());
	spawner_close(&spawner);
	return status;
}
