/*
 * Attempts.
 */
#include "processor/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/launch.h"
#include "processor/outputs.h"
#include "processor/pass.h"
#include "processor/plan.h"

/* What a runner may take longer than it promised before it counts as hung. */
#define RUNNER_SLACK_MS 1200
#define OVERDUE_MS 60000
/* What a dead runner leaves has this long to die by itself. */
#define SETTLE_MS 200
/* Entries of a work directory removed at once; the sweep takes the rest. */
#define REMOVE_BUDGET 2000

static void end_as(struct attempt *at, enum run_cause cause, const char *text)
{
	at->end = (struct message_end){.cause = (int32_t)cause,
	    .cpu_ms = -1,
	    .peak_bytes = -1,
	    .log_bytes = -1,
	    .read_bytes = -1,
	    .write_bytes = -1};
	snprintf(at->end.last_error, sizeof at->end.last_error, "%s", text);
	at->ended = true;
}

static enum rc make_workdir(
    struct attempt *at, struct host *h, struct attempt *before, int *lock, struct err *err)
{
	uid_t uid = h->drop ? h->uid : (uid_t)-1;
	int budget = REMOVE_BUDGET;
	int64_t owner;

	/* One of the same number can only be a leftover: attempts are numbered by the database. */
	if (faccessat(h->work, at->name, F_OK, 0) == 0 && !workdir_alive(h->work, at->name, &owner))
		workdir_remove(h->work, at->name, &budget);
	if (!before || workdir_take_over(h->work, before->name, before->work, at->name,
			   h->worker_id, uid, h->gid, lock, err))
		return workdir_make(
		    h->work, at->name, h->worker_id, uid, h->gid, &at->work, lock, err);
	at->work = before->work;
	before->work = -1;
	before->left = true;
	return RC_OK;
}

/* Directories and files of the attempt; the runner inherits lock, log and work. */
static enum rc prepare(
    struct attempt *at, struct host *h, struct attempt *before, struct launch *l, struct err *err)
{
	enum rc rc = make_workdir(at, h, before, &l->lock, err);

	l->work = at->work;
	if (!rc)
		rc = store_log_open(&h->store, at->uuid, at->number, &l->log, err);
	return rc;
}

/* A runner that waits, if this may have one, and the group for its command. */
static enum rc find_place(struct attempt *at, struct host *h, bool share, struct err *err)
{
	if (!share ||
	    !hands_take(&h->hands, at->org_id, at->ending.memory_bytes, clock_boot_ms(), &at->hand))
		return cgroup_make(&h->cgroups, at->name, at->ending.memory_bytes, at->cgroup,
		    sizeof at->cgroup, err);
	log_debug("a runner serves again pid=%d job=%" PRId64, (int)at->hand.pid, at->job_id);
	memcpy(at->cgroup, at->hand.cgroup, sizeof at->cgroup);
	*at->hand.cgroup = '\0';
	cgroup_renew(&h->cgroups, at->cgroup);
	return RC_OK;
}

static void init(struct attempt *at, const struct host *h, const struct claim *c)
{
	*at = (struct attempt){.job_id = c->job.id,
	    .org_id = c->job.org_id,
	    .project_id = c->job.project_id,
	    .number = c->job.attempt,
	    .retry_count = c->job.retry_count,
	    .pid = -1,
	    .pidfd = -1,
	    .sock = -1,
	    .work = -1,
	    .hand = HAND_NONE,
	    .claimed_ms = clock_boot_ms()};
	arena_init(&at->arena);
	memcpy(at->uuid, c->job.uuid, sizeof at->uuid);
	memcpy(at->token, c->token, sizeof at->token);
	workdir_name(at->uuid, at->number, at->name);
	at->job_type = arena_strdup(&at->arena, c->job.job_type);
	at->inputs = arena_zalloc(&at->arena, (c->input_count + 1) * sizeof *at->inputs);
	for (size_t i = 0; i < c->input_count; i++)
		if (!c->inputs[i].sha256)
			at->inputs[at->input_count++].id = c->inputs[i].id;
	at->ending = (struct ending){
	    .end = &at->end, .retry_count = at->retry_count, .backoff_ms = h->cfg->backoff_ms};
}

bool attempt_may_leave(const struct attempt *at, const struct host *h)
{
	return h->sandboxed && at->ended && at->pid <= 0 && at->work >= 0;
}

void attempt_refuse(
    struct attempt *at, struct host *h, const struct claim *c, const struct err *err)
{
	init(at, h, c);
	end_as(at, err->rc == RC_INVALID ? RUN_REFUSED : RUN_FAULT, err->text);
}

/* Whether it may be served by a runner that serves others too. Not where a secret would stay in its
 * memory; and a job that has been tried before has one of its own, so that it is never taken for
 * what another's did to a runner. */
static bool may_share(const struct attempt *at, const struct host *h, const struct plan *plan)
{
	return h->sandboxed && !*plan->secrets && at->number == 1;
}

enum rc attempt_start(
    struct attempt *at, struct host *h, const struct order *order, struct err *err)
{
	struct launch l = {
	    .log = -1, .lock = -1, .work = -1, .filter = &h->filter, .nursery = &h->nursery};
	const struct jobtype *type = order->type;
	struct message_spec spec;
	struct plan plan = {0};
	bool share = false;
	enum rc rc;

	init(at, h, order->claim);
	at->ending.retry_on = type->retry_on;
	at->ending.timeout_ms = type->timeout_ms;
	at->ending.memory_bytes = type->memory_bytes;
	at->ending.output_max_bytes = type->output_max_bytes;
	rc = prepare(at, h, order->before, &l, err);
	if (!rc)
		rc = plan_make(&plan, h, order, at->name, &at->arena, err);
	if (!rc) {
		share = may_share(at, h, &plan);
		rc = find_place(at, h, share, err);
	}
	if (!rc) {
		plan_spec(&plan, h, order->claim, type, at->cgroup, &spec);
		spec.again = share;
		l.hand = share ? &at->hand : NULL;
		l.spec = &spec;
		l.argv = plan.argv;
		l.env = plan.env;
		l.secrets = plan.secrets;
		l.binds = plan.binds;
		l.bind_count = plan.bind_count;
		rc = launch_runner(&l, &at->pid, &at->pidfd, &at->sock, err);
	}
	plan_wipe(&plan);
	if (l.lock >= 0)
		close(l.lock);
	if (l.log >= 0)
		close(l.log);
	at->started_ms = clock_boot_ms();
	if (!rc && at->ending.timeout_ms > 0)
		at->overdue_ms = at->started_ms + at->ending.timeout_ms + OVERDUE_MS;
	if (rc == RC_INVALID) {
		/* The file's name, or the definition: the same next time. */
		end_as(at, RUN_REFUSED, err->text);
	} else if (rc) {
		end_as(at, RUN_FAULT, err->text);
	}
	return rc;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void attempt_release(struct attempt *at, struct host *h)
{
	int budget = REMOVE_BUDGET;

	if (at->pid > 0) {
		kill(at->pid, SIGKILL);
		while (waitpid(at->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(&at->pidfd);
	close_fd(&at->sock);
	close_fd(&at->work);
	hand_end(&at->hand);
	if (!at->left)
		workdir_remove(h->work, at->name, &budget);
	cgroup_remove(at->cgroup);
	free(at->outputs);
	arena_release(&at->arena);
}

static void add_output(struct attempt *at, const struct message_output *output)
{
	if (at->output_count >= OUTPUTS_MAX)
		return;
	if (at->output_count == at->output_room) {
		at->output_room = at->output_room ? 2 * at->output_room : 8;
		at->outputs = realloc(at->outputs, at->output_room * sizeof *at->outputs);
		if (!at->outputs)
			bug("out of memory");
	}
	at->outputs[at->output_count++] = *output;
}

/* Only for an input of ours that had none. */
static void add_digest(struct attempt *at, const struct message_input *input)
{
	for (size_t i = 0; i < at->input_count; i++)
		if (at->inputs[i].id == input->id && !at->inputs[i].sha256 &&
		    strspn(input->sha256, "0123456789abcdef") == 64)
			at->inputs[i].sha256 = arena_strdup(&at->arena, input->sha256);
}

enum rc attempt_read(struct attempt *at, struct err *err)
{
	static struct message m;
	enum rc rc = RC_DONE;

	while (at->sock >= 0 && !(rc = message_receive(at->sock, &m, err))) {
		switch (m.type) {
		case MESSAGE_STARTED:
			break;
		case MESSAGE_PROGRESS:
			at->progress = m.u.progress;
			at->progressed = true;
			break;
		case MESSAGE_INPUT:
			add_digest(at, &m.u.input);
			break;
		case MESSAGE_OUTPUT:
			add_output(at, &m.u.output);
			break;
		case MESSAGE_END:
			at->end = m.u.end;
			if (at->end.cause < 0 || at->end.cause >= RUN_REFUSED)
				at->end.cause = RUN_CRASHED;
			at->ended = true;
			break;
		default:
			return err_set(
			    err, RC_INVALID, "unexpected message %u from a runner", m.type);
		}
	}
	return rc == RC_BUSY ? RC_OK : rc;
}

/* Where its stage is: the first thing that it said, when nothing of a job had run. */
static bool learn_namespace(struct attempt *at)
{
	int fds[PASS_MAX];
	size_t n;
	char byte;

	if (at->hand.ns < 0 && pass_receive(at->hand.berth, &byte, 1, fds, &n) == 1 && n == 1)
		at->hand.ns = fds[0];
	return at->hand.ns >= 0;
}

bool attempt_part(struct attempt *at, struct host *h)
{
	struct err err;

	if (!at->ended || !at->end.again || at->pid <= 0 || at->hand.berth < 0 ||
	    (h->drop && !learn_namespace(at)))
		return false;
	if (h->drop && nursery_clear(&h->nursery, at->hand.ns, &err))
		log_debug("%s", err.text);
	at->hand.pid = at->pid;
	at->hand.pidfd = at->pidfd;
	at->hand.org_id = at->org_id;
	at->hand.memory_bytes = at->ending.memory_bytes;
	memcpy(at->hand.cgroup, at->cgroup, sizeof at->hand.cgroup);
	*at->cgroup = '\0';
	hands_give(&h->hands, &at->hand, clock_boot_ms());
	at->hand = HAND_NONE;
	at->pid = at->pidfd = -1;
	close_fd(&at->sock);
	return true;
}

bool attempt_reap(struct attempt *at)
{
	if (at->pid > 0 && waitpid(at->pid, NULL, WNOHANG) == 0)
		return false;
	at->pid = -1;
	if (!at->ended) {
		at->dying = true;
		at->kill_ms = clock_boot_ms() + SETTLE_MS;
	}
	return true;
}

bool attempt_settle(struct attempt *at, const struct host *h)
{
	int64_t owner, now = clock_boot_ms();
	int killed;

	if (!at->dying || at->ended)
		return at->ended;
	if (workdir_alive(h->work, at->name, &owner)) {
		if (now < at->kill_ms)
			return false;
		killed = workdir_kill(h->work, at->name);
		at->kill_ms = now + SETTLE_MS;
		log_warn("killed what outlived its runner processes=%d job=%" PRId64, killed,
		    at->job_id);
		return false;
	}
	end_as(at, RUN_CRASHED, "");
	return true;
}

void attempt_stop(struct attempt *at, enum stop_why why, int64_t grace_ms)
{
	struct message_stop stop = {.grace_ms = grace_ms};
	int64_t overdue = clock_boot_ms() + grace_ms + RUNNER_SLACK_MS;
	struct err err;

	/* Handing back gives way to a cancel or a lost lease, and both to nothing. */
	if (at->ending.stopped != STOP_NONE && at->ending.stopped != STOP_HANDBACK)
		return;
	at->ending.stopped = why;
	at->frozen = false;
	if (at->sock < 0 || at->ended)
		return;
	if (!at->overdue_ms || overdue < at->overdue_ms)
		at->overdue_ms = overdue;
	if (message_send(at->sock, MESSAGE_STOP, &stop, sizeof stop, &err))
		attempt_kill(at);
}

void attempt_freeze(struct attempt *at, bool on)
{
	int64_t now = clock_boot_ms();
	struct err err;

	if (at->frozen == on || at->ending.stopped || at->sock < 0 || at->ended)
		return;
	at->frozen = on;
	if (on)
		at->left_ms = at->overdue_ms ? at->overdue_ms - now : 0;
	at->overdue_ms = on || !at->left_ms ? 0 : now + at->left_ms;
	if (message_send(at->sock, on ? MESSAGE_FREEZE : MESSAGE_THAW, NULL, 0, &err))
		attempt_kill(at);
}

void attempt_kill(struct attempt *at)
{
	at->overdue_ms = 0;
	if (at->pidfd >= 0 && at->pid > 0)
		syscall(SYS_pidfd_send_signal, at->pidfd, SIGKILL, NULL, 0);
}

static enum rc take_outputs(struct attempt *at, struct host *h, struct err *err)
{
	int out = openat(at->work, "out", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum rc rc = out < 0 ? err_sys(err, "cannot open the output directory") : RC_OK;
	size_t n = 0;

	at->files = arena_zalloc(&at->arena, (at->output_count + 1) * sizeof *at->files);
	for (; n < at->output_count && !rc; n++) {
		const struct message_output *o = &at->outputs[n];

		at->files[n] = (struct file){.kind = FILE_OUTPUT,
		    .name = o->name,
		    .size_bytes = o->size_bytes,
		    .content_type = o->content_type,
		    .sha256 = o->sha256};
		uuid_new(at->files[n].uuid);
		rc = outputs_take(&h->store, out, o, at->files[n].uuid, err);
	}
	if (out >= 0)
		close(out);
	at->outcome.outputs = at->files;
	at->outcome.output_count = n;
	if (!rc)
		rc = store_sync(&h->store, err);
	if (rc)
		attempt_untake(at, h);
	return rc;
}

static void decide(struct attempt *at)
{
	ending_decide(&at->ending, &at->arena, &at->outcome);
	at->outcome.inputs = at->inputs;
	at->outcome.input_count = at->input_count;
	at->outcome.org_id = at->org_id;
	at->outcome.project_id = at->project_id;
	at->outcome.job_type = at->job_type;
}

void attempt_take(struct attempt *at, struct host *h)
{
	struct err err;
	enum rc rc;

	if (at->taken)
		return;
	at->taken = true;
	if (at->ending.stopped && at->end.cause != RUN_STOPPED && at->end.cause != RUN_EXIT)
		at->end.cause = RUN_STOPPED;
	decide(at);
	if (at->outcome.action != JOB_COMPLETE || !at->output_count ||
	    at->ending.stopped == STOP_LOST)
		return;
	rc = take_outputs(at, h, &err);
	if (!rc)
		return;
	log_error("%s job=%" PRId64, err.text, at->job_id);
	at->end.cause = rc == RC_INVALID ? RUN_REFUSED : RUN_FAULT;
	snprintf(at->end.last_error, sizeof at->end.last_error, "%s", err.text);
	decide(at);
}

void attempt_untake(struct attempt *at, struct host *h)
{
	for (size_t i = 0; i < at->outcome.output_count; i++)
		store_remove(&h->store, at->outcome.outputs[i].uuid);
	at->outcome.outputs = NULL;
	at->outcome.output_count = 0;
}
