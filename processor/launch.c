/*
 * Spawning: posix_spawn, because it neither copies our page tables nor runs code of ours in the
 * child; descriptors are parked high first, so that none is overwritten before it is copied.
 */
#include "processor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processor/runner.h"

#define PARKING 256

static int spawn(pid_t *pid, const int fds[4])
{
	char name[] = RUNNER_ARGV0, *const argv[] = { name, NULL };
	/* Set for developers only: messages of debug level. */
	char debug[] = "DROPMILL_DEBUG=1", *const env[] = { getenv("DROPMILL_DEBUG") ? debug : NULL, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	for (int i = 0; i < 4; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], RUNNER_SOCKET + i);
	posix_spawn_file_actions_addclosefrom_np(&actions, RUNNER_FD_END);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static enum rc describe(const struct launch *l, int sock, struct err *err)
{
	enum rc rc = message_send(sock, MESSAGE_SPEC, l->spec, sizeof *l->spec, err);

	for (size_t i = 0; !rc && l->argv[i]; i++)
		rc = message_send(sock, MESSAGE_ARG, l->argv[i], strlen(l->argv[i]), err);
	for (size_t i = 0; !rc && l->env[i]; i++)
		rc = message_send(sock, MESSAGE_ENV, l->env[i], strlen(l->env[i]), err);
	for (size_t i = 0; !rc && i < l->bind_count; i++) {
		struct message_bind b = { .writable = l->binds[i].writable };

		if (strlen(l->binds[i].source) >= sizeof b.source ||
		    strlen(l->binds[i].dest) >= sizeof b.dest)
			return err_set(err, RC_LIMIT, "path is too long: \"%.100s\"", l->binds[i].source);
		strcpy(b.source, l->binds[i].source);
		strcpy(b.dest, l->binds[i].dest);
		rc = message_send(sock, MESSAGE_BIND, &b, sizeof b, err);
	}
	for (size_t at = 0; !rc && at < l->filter->len;) {
		size_t n = l->filter->len - at < MESSAGE_BYTES_MAX ? l->filter->len - at : MESSAGE_BYTES_MAX;

		rc = message_send(sock, MESSAGE_FILTER, l->filter->data + at, n, err);
		at += n;
	}
	return rc ? rc : message_send(sock, MESSAGE_START, NULL, 0, err);
}

enum rc launch_runner(const struct launch *l, pid_t *pid, int *pidfd, int *sock, struct err *err)
{
	int pair[2], fds[4] = { -1, -1, -1, -1 }, failed = 0;
	enum rc rc = RC_OK;

	*pid = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	const int from[4] = { pair[1], l->log, l->lock, l->work };
	for (int i = 0; i < 4 && !failed; i++)
		if ((fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, PARKING)) < 0)
			failed = errno;
	if (!failed)
		failed = spawn(pid, fds);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(pair[1]);
	*sock = pair[0];
	*pidfd = -1;
	if (failed) {
		errno = failed;
		rc = err_sys(err, "cannot start a runner");
	} else if ((*pidfd = (int)syscall(SYS_pidfd_open, *pid, 0)) < 0) {
		rc = err_sys(err, "cannot watch a runner");
	} else {
		fcntl(*pidfd, F_SETFD, FD_CLOEXEC);
		rc = describe(l, *sock, err);
	}
	if (!rc) {
		fcntl(*sock, F_SETFL, O_NONBLOCK);
		return RC_OK;
	}
	close(*sock);
	*sock = -1;
	if (*pidfd >= 0)
		close(*pidfd);
	if (!failed) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	return rc;
}
