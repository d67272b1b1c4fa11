/*
 * Serving one job: read the description, start the child, follow it, end it when it must end, look
 * at what it left, report.
 *
 * One loop over poll() does all of it. The job is over when this process has no children left: it
 * is the subreaper of everything below it, and the init of the sandbox only goes when the last
 * process inside has gone.
 */
#include "processor/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/cgroup.h"
#include "processor/child.h"
#include "processor/freezer.h"
#include "processor/joblog.h"
#include "processor/nskill.h"
#include "processor/outputs.h"
#include "processor/protocol.h"
#include "processor/stage.h"
#include "processor/watch.h"

#define PROGRESS_EVERY_MS 250
#define LOG_EVERY_MS 500
#define SAMPLE_EVERY_MS 250
#define SETUP_MS 20000     /* for bubblewrap to build the sandbox */
#define TERM_GRACE_MS 5000 /* between SIGTERM and SIGKILL when a limit is reached */
#define PROCESSES_MAX 512
#define OUTPUT_FILES_MAX 20000
#define BINDS_MAX 256
#define WORDS_MAX 4096

struct runner {
	struct arena arena;
	struct message_spec spec;
	struct buf filter;
	char *argv[WORDS_MAX + 1], *env[WORDS_MAX + 1];
	size_t argc, envc;
	struct sandbox_bind binds[BINDS_MAX];
	size_t bind_count;

	struct child child;
	int out_dir, signals; /* the output directory; signalfd of SIGCHLD */
	pid_t init;           /* the sandbox's first process; 0: not known (yet) */
	int init_fd;          /* its pidfd; -1 */
	struct nskill ns;
	char status[PROTOCOL_LINE_MAX]; /* bubblewrap's events: what was read of the last line */
	size_t status_len;

	struct protocol protocol;
	struct joblog log;

	bool unblocked; /* the command runs */
	bool has_exit;  /* exit_code is the command's own */
	bool gone;      /* the child (bubblewrap, or the command itself) has been reaped */
	bool alone;     /* no process is left */
	bool cut;       /* cause is set: somebody ended it */
	struct freezer freezer;
	enum run_cause cause;
	int exit_code, child_status;
	char fault[512];
	struct rusage usage; /* of all reaped processes */
	int64_t peak_bytes;
	/* Moments on the boot clock; 0: not set. */
	int64_t deadline, kill_at, sample_at, progress_at, log_at;
};

static struct runner run = {.out_dir = -1, .signals = -1, .init_fd = -1, .ns = {-1, -1}};

/* ---- the description ---- */

static enum rc take_word(
    struct runner *r, char **list, size_t *n, const struct message *m, struct err *err)
{
	if (*n >= WORDS_MAX)
		return err_set(err, RC_LIMIT, "too many arguments");
	list[(*n)++] = arena_strdup(&r->arena, m->u.text);
	return RC_OK;
}

static enum rc take_bind(struct runner *r, const struct message_bind *b, struct err *err)
{
	if (r->bind_count >= BINDS_MAX)
		return err_set(err, RC_LIMIT, "too many mounts");
	r->binds[r->bind_count++] = (struct sandbox_bind){
	    arena_strdup(&r->arena, b->source), arena_strdup(&r->arena, b->dest), b->writable};
	return RC_OK;
}

/* Messages up to MESSAGE_START. RC_DONE: the supervisor is gone. */
static enum rc read_description(struct runner *r, struct err *err)
{
	static struct message m;
	enum rc rc;

	while (!(rc = message_receive(RUNNER_SOCKET, &m, err))) {
		if (m.type == MESSAGE_SPEC)
			r->spec = m.u.spec;
		else if (m.type == MESSAGE_ARG)
			rc = take_word(r, r->argv, &r->argc, &m, err);
		else if (m.type == MESSAGE_ENV)
			rc = take_word(r, r->env, &r->envc, &m, err);
		else if (m.type == MESSAGE_BIND)
			rc = take_bind(r, &m.u.bind, err);
		else if (m.type == MESSAGE_FILTER)
			buf_add(&r->filter, m.u.text, m.size);
		else if (m.type == MESSAGE_START)
			return r->argc && *r->spec.job
				   ? RC_OK
				   : err_set(err, RC_INVALID, "incomplete description");
		else
			rc = err_set(err, RC_INVALID, "unexpected message %u", m.type);
		if (rc)
			return rc;
	}
	return rc;
}

static enum rc start(struct runner *r, struct err *err)
{
	struct child_plan plan = {.spec = &r->spec,
	    .argv = r->argv,
	    .env = r->env,
	    .binds = r->binds,
	    .bind_count = r->bind_count,
	    .filter = &r->filter,
	    .lock = RUNNER_LOCK};
	enum rc rc;

	r->out_dir = openat(RUNNER_WORK, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->out_dir < 0)
		return err_sys(err, "cannot open the output directory");
	rc = joblog_init(&r->log, RUNNER_LOG, r->spec.log_max_bytes, r->spec.attempt, err);
	if (!rc && r->spec.drop)
		rc = stage_build(r->binds, r->bind_count, &r->arena, err);
	if (!rc)
		rc = child_start(&plan, &r->arena, &r->child, err);
	if (rc)
		return rc;
	/* From here on nothing needs root. */
	if (r->spec.drop && (rc = stage_drop(r->spec.uid, r->spec.gid, err)))
		return rc;
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return RC_OK;
}

/* ---- ending it ---- */

/* SIGKILL to everything, by the shortest way there is. */
static void kill_all(struct runner *r)
{
	if (r->init_fd >= 0)
		syscall(SYS_pidfd_send_signal, r->init_fd, SIGKILL, NULL, 0);
	watch_signal(getpid(), SIGKILL);
	if (!r->gone)
		kill(r->child.pid, SIGKILL);
}

static const struct nskill *namespaces(const struct runner *r)
{
	return r->spec.sandbox ? &r->ns : NULL;
}

/* SIGTERM, and SIGKILL after the grace. The first cause counts. */
static void cut(struct runner *r, enum run_cause cause, int64_t grace_ms)
{
	int64_t now = clock_boot_ms(), kill_at = now + grace_ms;
	struct err err;

	if (!r->cut) {
		r->cut = true;
		r->cause = cause;
	}
	if (!r->kill_at || kill_at < r->kill_at)
		r->kill_at = kill_at;
	if (grace_ms <= 0 || !r->unblocked)
		r->kill_at = now;
	else if (freezer_signal(namespaces(r), SIGTERM, &err)) {
		log_warn("%s", err.text);
		r->kill_at = now;
	} else {
		/* A stopped process hears the signal when it goes on. */
		freezer_thaw(&r->freezer, namespaces(r), r->unblocked, &r->deadline);
	}
	r->freezer.on = false;
}

static void fault(struct runner *r, const char *text)
{
	if (r->cut)
		return;
	snprintf(r->fault, sizeof r->fault, "%s", text);
	cut(r, RUN_FAULT, 0);
}

/* ---- bubblewrap's events ---- */

/* The sandbox has an init: take hold of it, then let the command begin. */
static void sandbox_ready(struct runner *r, pid_t init, int64_t pid_ns)
{
	struct rlimit processes = {PROCESSES_MAX, PROCESSES_MAX};
	struct err err;

	r->init = init;
	r->init_fd = (int)syscall(SYS_pidfd_open, init, 0);
	if (r->init_fd < 0) {
		/* It has failed already, and says so itself. */
		return;
	}
	if (nskill_open(&r->ns, init, &err)) {
		fault(r, err.text);
		return;
	}
	/* Within its own user namespace: processes of other jobs do not count. */
	if (prlimit(init, RLIMIT_NPROC, &processes, NULL) < 0) {
		err_sys(&err, "cannot limit the number of processes");
		fault(r, err.text);
		return;
	}
	/* For the one who clears up, should all of us die. */
	if (dprintf(RUNNER_LOCK, "pidns %lld\n", (long long)pid_ns) < 0 ||
	    write(r->child.block, "x", 1) != 1) {
		err_sys(&err, "cannot let the command begin");
		fault(r, err.text);
		return;
	}
	close(r->child.block);
	r->child.block = -1;
}

static void started(struct runner *r)
{
	int64_t now = clock_boot_ms();

	r->unblocked = true;
	r->deadline = r->spec.timeout_ms > 0 ? now + r->spec.timeout_ms : 0;
	r->sample_at = now + SAMPLE_EVERY_MS;
	message_send(RUNNER_SOCKET, MESSAGE_STARTED, NULL, 0, NULL);
	if (r->freezer.on)
		freezer_freeze(&r->freezer, namespaces(r), true, &r->deadline);
}

static void status_line(struct runner *r, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, 0, NULL);
	const json_t *pid = json_object_get(event, "child-pid"),
		     *code = json_object_get(event, "exit-code");

	if (json_is_integer(pid) && !r->init) {
		sandbox_ready(r, (pid_t)json_integer_value(pid),
		    json_integer_value(json_object_get(event, "pid-namespace")));
		if (r->child.block < 0)
			started(r);
	}
	if (json_is_integer(code)) {
		r->has_exit = true;
		r->exit_code = (int)json_integer_value(code);
	}
	json_decref(event);
}

static void status_feed(struct runner *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			status_line(r, r->status, r->status_len);
			r->status_len = 0;
		} else if (r->status_len < sizeof r->status) {
			r->status[r->status_len++] = data[i];
		}
	}
}

/* ---- what the child says ---- */

/* Read what is there, at most a few blocks, so that a chatty job cannot keep us from the clock. */
static void read_stream(struct runner *r, int *fd)
{
	char data[65536];

	for (int i = 0; i < 8 && *fd >= 0; i++) {
		ssize_t n = read(*fd, data, sizeof data);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
		} else if (fd == &r->child.out) {
			joblog_write(&r->log, data, (size_t)n);
			protocol_stdout(&r->protocol, data, (size_t)n);
		} else if (fd == &r->child.error) {
			joblog_write(&r->log, data, (size_t)n);
			protocol_stderr(&r->protocol, data, (size_t)n);
		} else if (fd == &r->child.json) {
			protocol_json(&r->protocol, data, (size_t)n);
		} else {
			status_feed(r, data, (size_t)n);
		}
	}
}

static void read_supervisor(struct runner *r)
{
	static struct message m;
	struct err err;
	enum rc rc = message_receive(RUNNER_SOCKET, &m, &err);

	if (!rc && m.type == MESSAGE_STOP) {
		cut(r, RUN_STOPPED, m.u.stop.grace_ms);
		return;
	}
	if (!rc && m.type == MESSAGE_FREEZE) {
		if (!r->cut && !r->gone)
			freezer_freeze(&r->freezer, namespaces(r), r->unblocked, &r->deadline);
		return;
	}
	if (!rc && m.type == MESSAGE_THAW) {
		freezer_thaw(&r->freezer, namespaces(r), r->unblocked, &r->deadline);
		return;
	}
	/* The supervisor is gone or mad: this job is nobody's any more. */
	kill_all(r);
	_exit(rc == RC_DONE ? 0 : 70);
}

static void add_usage(struct rusage *sum, const struct rusage *u)
{
	timeradd(&sum->ru_utime, &u->ru_utime, &sum->ru_utime);
	timeradd(&sum->ru_stime, &u->ru_stime, &sum->ru_stime);
	if (u->ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = u->ru_maxrss;
}

static void reap(struct runner *r)
{
	struct signalfd_siginfo info[16];
	struct rusage usage;
	int status;
	pid_t pid;

	while (read(r->signals, info, sizeof info) > 0)
		;
	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		if (pid != r->child.pid || !r->spec.sandbox)
			add_usage(&r->usage, &usage);
		if (pid == r->child.pid) {
			r->gone = true;
			r->child_status = status;
		}
	}
	r->alone = pid < 0 && errno == ECHILD;
	/* What the command left running goes with it. */
	if (r->gone && !r->alone) {
		kill_all(r);
		r->kill_at = clock_boot_ms() + 50;
	}
}

static void sample(struct runner *r, int64_t now)
{
	int64_t files, bytes;

	r->sample_at = now + SAMPLE_EVERY_MS;
	freezer_again(&r->freezer, namespaces(r));
	if (!*r->spec.cgroup && r->spec.memory_bytes > 0) {
		bytes = watch_memory(r->init ? r->init : getpid(), r->spec.memory_bytes);
		if (bytes > r->peak_bytes)
			r->peak_bytes = bytes;
		if (bytes > r->spec.memory_bytes)
			cut(r, RUN_MEMORY, 0);
	}
	if (r->spec.output_max_bytes > 0) {
		bytes = watch_output(r->out_dir, OUTPUT_FILES_MAX, &files);
		if (bytes > r->spec.output_max_bytes)
			cut(r, RUN_OUTPUT, 0);
		else if (files >= OUTPUT_FILES_MAX)
			cut(r, RUN_FILES, 0);
	}
	/* A large directory takes its time: never more than a tenth of ours. */
	r->sample_at += 10 * (clock_boot_ms() - now);
}

static void send_progress(struct runner *r, int64_t now)
{
	if (!r->protocol.changed)
		return;
	message_send(RUNNER_SOCKET, MESSAGE_PROGRESS, &r->protocol.progress,
	    sizeof r->protocol.progress, NULL);
	r->protocol.changed = false;
	r->progress_at = now + PROGRESS_EVERY_MS;
}

/* Everything that is due. */
static void tick(struct runner *r)
{
	int64_t now = clock_boot_ms();

	if (r->kill_at && now >= r->kill_at) {
		kill_all(r);
		r->kill_at = now + 50;
	}
	if (r->deadline && now >= r->deadline) {
		r->deadline = 0;
		cut(r, r->unblocked ? RUN_TIMEOUT : RUN_FAULT, r->unblocked ? TERM_GRACE_MS : 0);
	}
	if (r->sample_at && now >= r->sample_at && !r->gone)
		sample(r, now);
	if (now >= r->progress_at)
		send_progress(r, now);
	if (r->log.dirty && now >= r->log_at) {
		joblog_flush(&r->log);
		r->log_at = now + LOG_EVERY_MS;
	}
}

static int next_timeout(const struct runner *r)
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

static void follow(struct runner *r)
{
	int *streams[] = {&r->child.out, &r->child.error, &r->child.json, &r->child.status};

	r->deadline = clock_boot_ms() + SETUP_MS;
	if (!r->spec.sandbox)
		started(r);
	while (!r->alone || r->child.out >= 0 || r->child.error >= 0 || r->child.json >= 0 ||
	       r->child.status >= 0) {
		struct pollfd fds[6] = {{RUNNER_SOCKET, POLLIN, 0}, {r->signals, POLLIN, 0}};

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

/* ---- the report ---- */

static enum rc send_output(void *context, const struct message_output *output, struct err *err)
{
	(void)context;
	return message_send(RUNNER_SOCKET, MESSAGE_OUTPUT, output, sizeof *output, err);
}

/* How the command ended, when nobody cut it short. */
static void judge(struct runner *r)
{
	if (!r->spec.sandbox) {
		r->has_exit = true;
		r->exit_code = WIFEXITED(r->child_status) ? WEXITSTATUS(r->child_status)
							  : 128 + WTERMSIG(r->child_status);
	} else if (!r->has_exit && r->unblocked && WIFSIGNALED(r->child_status)) {
		/* Somebody outside killed bubblewrap; the command went with it. */
		r->has_exit = true;
		r->exit_code = 128 + WTERMSIG(r->child_status);
	}
	if (!r->has_exit) {
		snprintf(r->fault, sizeof r->fault, "%.500s",
		    *r->protocol.last_error ? r->protocol.last_error
					    : "the sandbox could not be set up");
		r->cause = RUN_FAULT;
	} else if (r->exit_code && *r->spec.cgroup && cgroup_out_of_memory(r->spec.cgroup)) {
		r->cause = RUN_MEMORY;
	} else {
		r->cause = r->exit_code == 128 + SIGXFSZ ? RUN_OUTPUT : RUN_EXIT;
	}
}

static int64_t milliseconds(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static void report(struct runner *r)
{
	struct message_end end = {
	    .cpu_ms = milliseconds(&r->usage.ru_utime) + milliseconds(&r->usage.ru_stime)};
	int64_t peak = *r->spec.cgroup ? cgroup_peak(r->spec.cgroup) : r->peak_bytes;
	struct err err;
	enum rc rc = RC_OK;

	if (!r->cut)
		judge(r);
	if (r->cause == RUN_EXIT && r->exit_code == 0) {
		rc = outputs_scan(
		    r->out_dir, r->spec.output_max_bytes, &r->log, send_output, NULL, &err);
		if (rc == RC_LIMIT)
			r->cause = RUN_OUTPUT;
		else if (rc == RC_INVALID)
			r->cause = RUN_FILES;
		else if (rc)
			r->cause = RUN_FAULT;
		if (rc)
			snprintf(r->fault, sizeof r->fault, "%s", err.text);
	}
	send_progress(r, 0);
	joblog_flush(&r->log);
	end.cause = (int32_t)r->cause;
	end.exit_code = r->exit_code;
	end.log_bytes = r->log.total;
	/* The largest single process is known exactly, the tree only where somebody counted. */
	end.peak_bytes = (int64_t)r->usage.ru_maxrss * 1024;
	if (peak > end.peak_bytes || *r->spec.cgroup)
		end.peak_bytes = peak;
	memcpy(
	    end.last_error, *r->fault ? r->fault : r->protocol.last_error, sizeof end.last_error);
	end.last_error[sizeof end.last_error - 1] = '\0';
	snprintf(end.result, sizeof end.result, "%s", protocol_result(&r->protocol));
	message_send(RUNNER_SOCKET, MESSAGE_END, &end, sizeof end, NULL);
}

static void report_fault(const struct err *err)
{
	struct message_end end = {
	    .cause = RUN_FAULT, .cpu_ms = -1, .peak_bytes = -1, .log_bytes = -1};

	snprintf(end.last_error, sizeof end.last_error, "%s", err->text);
	message_send(RUNNER_SOCKET, MESSAGE_END, &end, sizeof end, NULL);
}

int runner_main(void)
{
	struct runner *r = &run;
	struct err err = {0};
	sigset_t child_set;
	enum rc rc;

	log_init("dropmill-runner");
	prctl(PR_SET_NAME, "dropmill-runner");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 71;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child_set);
	sigaddset(&child_set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_set, NULL);
	r->signals = signalfd(-1, &child_set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (int fd = RUNNER_SOCKET; fd < RUNNER_FD_END; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	arena_init(&r->arena);
	buf_init(&r->filter);
	rc = read_description(r, &err);
	if (rc == RC_DONE)
		return 0;
	protocol_init(&r->protocol, r->spec.items);
	if (!rc)
		rc = start(r, &err);
	if (rc) {
		if (r->child.pid > 0)
			kill_all(r);
		report_fault(&err);
		return 71;
	}
	follow(r);
	report(r);
	return 0;
}
