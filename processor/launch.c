/*
 * Making runners and telling them what to do.
 */
#include "processor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "processor/cgroup.h"
#include "processor/pass.h"
#include "processor/runner.h"

#define PARKING 256

/* Longest that a send to a runner may take; one that is stopped must not stop us. */
#define SEND_MAX_S 2

/* Ways to a runner, each with a socket of its own: a nursery that died may have left a runner that
 * we do not know, which ends when its socket does. */
enum way { WAY_HAND, WAY_NURSERY, WAY_NEW_NURSERY, WAY_SPAWN, WAY_MAX };

/* Descriptors of a runner, in the order of processor/runner.h. */
enum { SOCKET, LOG, LOCK, OUT, BERTH, DOOR, GROUP, FDS_MAX };

/* All that a runner is told, and how much of it has been sent. */
struct letter {
	struct arena arena;
	struct message_part *parts;
	size_t n, sent;
};

static void add(struct letter *to, enum message_type type, const void *body, size_t size)
{
	to->parts[to->n++] = (struct message_part){type, body, size};
}

/* How many they are. Only counts as long as there is no list to add them to. */
static size_t add_texts(struct letter *to, enum message_type type, const char *const *texts)
{
	size_t n = 0;

	for (; texts && texts[n]; n++)
		if (to->parts)
			add(to, type, texts[n], strlen(texts[n]));
	return n;
}

static enum rc add_binds(struct letter *to, const struct launch *l, struct err *err)
{
	struct message_bind *binds = arena_zalloc(&to->arena, (l->bind_count + 1) * sizeof *binds);

	for (size_t i = 0; i < l->bind_count; i++) {
		struct message_bind *b = &binds[i];

		if (strlen(l->binds[i].source) >= sizeof b->source ||
		    strlen(l->binds[i].dest) >= sizeof b->dest)
			return err_set(
			    err, RC_LIMIT, "path is too long: \"%.100s\"", l->binds[i].source);
		b->writable = l->binds[i].writable;
		b->input = l->binds[i].input;
		strcpy(b->source, l->binds[i].source);
		strcpy(b->dest, l->binds[i].dest);
		if (l->binds[i].sha256)
			snprintf(b->sha256, sizeof b->sha256, "%s", l->binds[i].sha256);
		add(to, MESSAGE_BIND, b, sizeof *b);
	}
	return RC_OK;
}

/* Texts stay where they are, secrets above all. */
static enum rc write_letter(struct letter *to, const struct launch *l, struct err *err)
{
	size_t blocks = l->filter->len / MESSAGE_BYTES_MAX + 1, count;
	enum rc rc;

	count = add_texts(to, MESSAGE_ARG, l->argv) + add_texts(to, MESSAGE_ENV, l->env) +
		add_texts(to, MESSAGE_SECRET, l->secrets) + l->bind_count + blocks + 2;
	to->parts = arena_alloc(&to->arena, count * sizeof *to->parts);
	add(to, MESSAGE_SPEC, l->spec, sizeof *l->spec);
	add_texts(to, MESSAGE_ARG, l->argv);
	add_texts(to, MESSAGE_ENV, l->env);
	add_texts(to, MESSAGE_SECRET, l->secrets);
	rc = add_binds(to, l, err);
	for (size_t at = 0; at < l->filter->len; at += MESSAGE_BYTES_MAX)
		add(to, MESSAGE_FILTER, l->filter->data + at,
		    l->filter->len - at < MESSAGE_BYTES_MAX ? l->filter->len - at
							    : MESSAGE_BYTES_MAX);
	add(to, MESSAGE_START, NULL, 0);
	return rc;
}

/* The job for a runner that waits: it has its berth and its group already. */
static enum rc use_hand(const struct launch *l, const int fds[static FDS_MAX], struct err *err)
{
	enum rc rc = RC_OK;

	if (l->spec->drop)
		rc = nursery_stage(l->nursery, l->hand->ns, l->binds, l->bind_count, err);
	if (!rc)
		rc = pass_send(l->hand->berth, "j", 1, fds, OUT + 1, err);
	return rc;
}

static enum rc make_runner(
    enum way way, struct nursery *nursery, const int *fds, size_t n, pid_t *pid, struct err *err)
{
	int high[FDS_MAX];
	size_t count = 0;
	enum rc rc = way == WAY_NEW_NURSERY ? nursery_open(nursery, err) : RC_OK;

	if (rc)
		return rc;
	if (way != WAY_SPAWN)
		return nursery_fork(nursery, fds, n, pid, err);
	/* High up, so that none is overwritten before it is copied. */
	while (count < n && (high[count] = fcntl(fds[count], F_DUPFD_CLOEXEC, PARKING)) >= 0)
		count++;
	if (count == n)
		errno = nursery_spawn(RUNNER_ARGV0, high, (int)n, pid);
	if (errno || count < n)
		rc = err_sys(err, "cannot start a runner");
	while (count > 0)
		close(high[--count]);
	return rc;
}

/* A new runner and our end of its berth. */
static enum rc use_new(const struct launch *l, enum way way, int fds[static FDS_MAX], pid_t *pid,
    int *berth, struct err *err)
{
	bool grouped = *l->spec->cgroup;
	int pair[2];
	enum rc rc = RC_OK;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	fds[BERTH] = pair[1];
	if (grouped)
		rc = cgroup_open(l->spec->cgroup, &fds[DOOR], &fds[GROUP], err);
	if (!rc)
		rc = make_runner(way, l->nursery, fds, grouped ? FDS_MAX : DOOR, pid, err);
	if (fds[DOOR] >= 0)
		close(fds[DOOR]);
	if (fds[GROUP] >= 0)
		close(fds[GROUP]);
	fds[DOOR] = fds[GROUP] = -1;
	close(pair[1]);
	if (rc) {
		close(pair[0]);
		return rc;
	}
	/* Whatever it is at the other end, we do not wait for it there. */
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*berth = pair[0];
	return RC_OK;
}

/* A runner and our end of its socket. What the socket takes of the letter lies in it before the
 * runner is there: nobody wakes it for each word. */
static enum rc reach_runner(const struct launch *l, enum way way, int fds[static FDS_MAX],
    struct letter *letter, pid_t *pid, int *sock, int *berth, struct err *err)
{
	const struct timeval most = {.tv_sec = SEND_MAX_S};
	int pair[2];
	enum rc rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	letter->sent = 0;
	fds[SOCKET] = pair[1];
	rc = message_send_many(pair[0], letter->parts, letter->n, &letter->sent, false, err);
	if (!rc)
		rc =
		    way == WAY_HAND ? use_hand(l, fds, err) : use_new(l, way, fds, pid, berth, err);
	close(pair[1]);
	if (rc)
		close(pair[0]);
	else
		*sock = pair[0];
	return rc;
}

/* Give up: nothing runs. */
static void take_back(pid_t *pid, int *sock, int berth)
{
	close(*sock);
	close(berth);
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = *sock = -1;
}

/* By the first way that leads to one. */
static enum rc find_runner(const struct launch *l, int fds[static FDS_MAX], struct letter *letter,
    pid_t *pid, int *pidfd, int *sock, struct err *err)
{
	bool waits = l->hand && l->hand->pid > 0;
	enum way way = waits ? WAY_HAND : l->nursery ? WAY_NURSERY : WAY_SPAWN;
	int berth = -1;
	enum rc rc;

	while (
	    (rc = reach_runner(l, way, fds, letter, pid, sock, &berth, err)) && way < WAY_SPAWN) {
		log_warn("%s; starting another", err->text);
		if (way == WAY_HAND)
			hand_end(l->hand);
		way++;
	}
	if (rc)
		return rc;
	if (way == WAY_HAND) {
		*pid = l->hand->pid;
		*pidfd = l->hand->pidfd;
		l->hand->pid = l->hand->pidfd = -1;
		return RC_OK;
	}
	if ((*pidfd = (int)syscall(SYS_pidfd_open, *pid, 0)) < 0) {
		rc = err_sys(err, "cannot watch a runner");
		take_back(pid, sock, berth);
		return rc;
	}
	if (l->hand) {
		*l->hand = HAND_NONE;
		l->hand->berth = berth;
		l->hand->born_ms = clock_boot_ms();
	} else {
		close(berth);
	}
	return RC_OK;
}

static enum rc launch(const struct launch *l, struct letter *letter, pid_t *pid, int *pidfd,
    int *sock, struct err *err)
{
	int fds[FDS_MAX] = {-1, l->log, l->lock, -1, -1, -1, -1};
	enum rc rc = RC_OK;

	fds[OUT] = openat(l->work, "out", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fds[OUT] < 0)
		rc = err_sys(err, "cannot open the output directory");
	if (!rc)
		rc = find_runner(l, fds, letter, pid, pidfd, sock, err);
	if (fds[OUT] >= 0)
		close(fds[OUT]);
	if (rc)
		return rc;
	/* One that died or stopped while it was told has crashed, which is not the host's fault. */
	if (message_send_many(*sock, letter->parts, letter->n, &letter->sent, true, err)) {
		log_warn("%s", err->text);
		kill(*pid, SIGKILL);
	}
	fcntl(*sock, F_SETFL, O_NONBLOCK);
	return RC_OK;
}

enum rc launch_runner(const struct launch *l, pid_t *pid, int *pidfd, int *sock, struct err *err)
{
	struct letter letter = {0};
	enum rc rc;

	*pid = *pidfd = *sock = -1;
	arena_init(&letter.arena);
	rc = write_letter(&letter, l, err);
	if (!rc)
		rc = launch(l, &letter, pid, pidfd, sock, err);
	arena_release(&letter.arena);
	return rc;
}
