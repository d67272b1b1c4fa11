/*
 * Making runners and telling them what to do.
 */
#include "processor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "processor/runner.h"

#define PARKING 256

/* From the nursery if there is one; one that died is replaced. */
static enum rc make_runner(struct nursery *nursery, const int fds[4], pid_t *pid, struct err *err)
{
	if (nursery) {
		if (nursery_fork(nursery, fds, pid, err) == RC_OK)
			return RC_OK;
		log_warn("%s; starting another", err->text);
		if (nursery_open(nursery, err) == RC_OK &&
		    nursery_fork(nursery, fds, pid, err) == RC_OK)
			return RC_OK;
	}
	errno = nursery_spawn(RUNNER_ARGV0, fds, 4, pid);
	return errno ? err_sys(err, "cannot start a runner") : RC_OK;
}

static enum rc describe(const struct launch *l, int sock, struct err *err)
{
	enum rc rc = message_send(sock, MESSAGE_SPEC, l->spec, sizeof *l->spec, err);

	for (size_t i = 0; !rc && l->argv[i]; i++)
		rc = message_send(sock, MESSAGE_ARG, l->argv[i], strlen(l->argv[i]), err);
	for (size_t i = 0; !rc && l->env[i]; i++)
		rc = message_send(sock, MESSAGE_ENV, l->env[i], strlen(l->env[i]), err);
	for (size_t i = 0; !rc && i < l->bind_count; i++) {
		struct message_bind b = {.writable = l->binds[i].writable};

		if (strlen(l->binds[i].source) >= sizeof b.source ||
		    strlen(l->binds[i].dest) >= sizeof b.dest)
			return err_set(
			    err, RC_LIMIT, "path is too long: \"%.100s\"", l->binds[i].source);
		strcpy(b.source, l->binds[i].source);
		strcpy(b.dest, l->binds[i].dest);
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
	int pair[2], fds[4] = {-1, -1, -1, -1};
	enum rc rc = RC_OK;

	*pid = -1;
	*pidfd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	const int from[4] = {pair[1], l->log, l->lock, l->work};
	/* High up, so that none is overwritten before it is copied. */
	for (int i = 0; i < 4 && !rc; i++)
		if ((fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, PARKING)) < 0)
			rc = err_sys(err, "cannot copy a descriptor");
	if (!rc)
		rc = make_runner(l->nursery, fds, pid, err);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(pair[1]);
	*sock = pair[0];
	if (!rc && (*pidfd = (int)syscall(SYS_pidfd_open, *pid, 0)) < 0)
		rc = err_sys(err, "cannot watch a runner");
	if (!rc)
		rc = describe(l, *sock, err);
	if (!rc) {
		fcntl(*sock, F_SETFL, O_NONBLOCK);
		return RC_OK;
	}
	close(*sock);
	*sock = -1;
	if (*pidfd >= 0)
		close(*pidfd);
	*pidfd = -1;
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = -1;
	return rc;
}
