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

#include "core/log.h"
#include "processor/runner.h"

#define PARKING 256

/* Longest that a send to a runner may take; one that is stopped must not stop us. */
#define SEND_MAX_S 2

/* Ways to a runner, each with a socket of its own: a nursery that died may have left a runner that
 * we do not know, which ends when its socket does. */
enum way { WAY_NURSERY, WAY_NEW_NURSERY, WAY_SPAWN, WAY_MAX };

static enum rc make_runner(
    enum way way, struct nursery *nursery, const int fds[4], pid_t *pid, struct err *err)
{
	enum rc rc;

	if (way == WAY_SPAWN) {
		errno = nursery_spawn(RUNNER_ARGV0, fds, 4, pid);
		return errno ? err_sys(err, "cannot start a runner") : RC_OK;
	}
	rc = way == WAY_NEW_NURSERY ? nursery_open(nursery, err) : RC_OK;
	return rc ? rc : nursery_fork(nursery, fds, pid, err);
}

/* A runner and our end of its socket. */
static enum rc reach_runner(
    const struct launch *l, enum way way, pid_t *pid, int *sock, struct err *err)
{
	const struct timeval most = {.tv_sec = SEND_MAX_S};
	int pair[2], fds[4] = {-1, -1, -1, -1};
	enum rc rc = RC_OK;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	const int from[4] = {pair[1], l->log, l->lock, l->work};
	/* High up, so that none is overwritten before it is copied. */
	for (int i = 0; i < 4 && !rc; i++)
		if ((fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, PARKING)) < 0)
			rc = err_sys(err, "cannot copy a descriptor");
	if (!rc)
		rc = make_runner(way, l->nursery, fds, pid, err);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(pair[1]);
	if (rc)
		close(pair[0]);
	else
		*sock = pair[0];
	return rc;
}

static enum rc describe(const struct launch *l, int sock, struct err *err)
{
	enum rc rc = message_send(sock, MESSAGE_SPEC, l->spec, sizeof *l->spec, err);

	for (size_t i = 0; !rc && l->argv[i]; i++)
		rc = message_send(sock, MESSAGE_ARG, l->argv[i], strlen(l->argv[i]), err);
	for (size_t i = 0; !rc && l->env[i]; i++)
		rc = message_send(sock, MESSAGE_ENV, l->env[i], strlen(l->env[i]), err);
	for (size_t i = 0; !rc && l->secrets && l->secrets[i]; i++)
		rc = message_send(sock, MESSAGE_SECRET, l->secrets[i], strlen(l->secrets[i]), err);
	for (size_t i = 0; !rc && i < l->bind_count; i++) {
		struct message_bind b = {
		    .writable = l->binds[i].writable, .input = l->binds[i].input};

		if (strlen(l->binds[i].source) >= sizeof b.source ||
		    strlen(l->binds[i].dest) >= sizeof b.dest)
			return err_set(
			    err, RC_LIMIT, "path is too long: \"%.100s\"", l->binds[i].source);
		strcpy(b.source, l->binds[i].source);
		strcpy(b.dest, l->binds[i].dest);
		if (l->binds[i].sha256)
			snprintf(b.sha256, sizeof b.sha256, "%s", l->binds[i].sha256);
		rc = message_send(sock, MESSAGE_BIND, &b, sizeof b, err);
	}
	for (size_t at = 0; !rc && at < l->filter->len;) {
		size_t n = l->filter->len - at < MESSAGE_BYTES_MAX ? l->filter->len - at
								   : MESSAGE_BYTES_MAX;

		rc = message_send(sock, MESSAGE_FILTER, l->filter->data + at, n, err);
		at += n;
	}
	return rc ? rc : message_send(sock, MESSAGE_START, NULL, 0, err);
}

enum rc launch_runner(const struct launch *l, pid_t *pid, int *pidfd, int *sock, struct err *err)
{
	enum rc rc = RC_SYS;

	*pid = *pidfd = *sock = -1;
	for (enum way way = l->nursery ? WAY_NURSERY : WAY_SPAWN; rc && way < WAY_MAX; way++) {
		rc = reach_runner(l, way, pid, sock, err);
		if (rc && way < WAY_SPAWN)
			log_warn("%s; starting another", err->text);
	}
	if (rc) {
		*pid = -1;
		return rc;
	}
	if ((*pidfd = (int)syscall(SYS_pidfd_open, *pid, 0)) < 0)
		rc = err_sys(err, "cannot watch a runner");
	if (!rc)
		rc = describe(l, *sock, err);
	/* One that died or stopped while it was told has crashed, which is not the host's fault. */
	if (rc == RC_SYS && *pidfd >= 0) {
		log_warn("%s", err->text);
		kill(*pid, SIGKILL);
		rc = RC_OK;
	}
	if (!rc) {
		fcntl(*sock, F_SETFL, O_NONBLOCK);
		return RC_OK;
	}
	close(*sock);
	*sock = -1;
	if (*pidfd >= 0)
		close(*pidfd);
	*pidfd = -1;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = -1;
	return rc;
}
