/*
 * Asking for runners and forking them.
 */
#include "processor/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processor/runner.h"

#define CONTROL 3
#define PARKING 256
/* Longest that we wait for an answer: a nursery that is stopped must not stop us. */
#define ANSWER_MAX_S 2

int nursery_spawn(const char *argv0, const int *fds, int count, pid_t *pid)
{
	char *const argv[] = {strdupa(argv0), NULL};
	/* Set for developers only: messages of debug level. */
	char debug[] = "DROPMILL_DEBUG=1";
	/* Calls between libraries are bound once, here, and not by every runner anew. */
	char bind[] = "LD_BIND_NOW=1";
	char *const env[] = {bind, getenv("DROPMILL_DEBUG") ? debug : NULL, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	for (int i = 0; i < count; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], CONTROL + i);
	posix_spawn_file_actions_addclosefrom_np(&actions, CONTROL + count);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

/* ---- the supervisor's side ---- */

void nursery_close(struct nursery *n)
{
	if (n->sock >= 0)
		close(n->sock);
	if (n->pid > 0) {
		kill(n->pid, SIGKILL);
		while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*n = (struct nursery){-1, -1};
}

enum rc nursery_open(struct nursery *n, struct err *err)
{
	int pair[2], parked;

	nursery_close(n);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	parked = fcntl(pair[1], F_DUPFD_CLOEXEC, PARKING);
	errno = parked < 0 ? errno : nursery_spawn(NURSERY_ARGV0, &parked, 1, &n->pid);
	close(pair[1]);
	if (parked >= 0)
		close(parked);
	if (!errno) {
		const struct timeval most = {.tv_sec = ANSWER_MAX_S};

		setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
		n->sock = pair[0];
		return RC_OK;
	}
	enum rc rc = err_sys(err, "cannot start a nursery");

	n->pid = -1;
	close(pair[0]);
	return rc;
}

enum rc nursery_fork(
    struct nursery *n, const int fds[static NURSERY_FDS], pid_t *pid, struct err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(NURSERY_FDS * sizeof(int))];
	} control = {0};
	char byte = 1;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	ssize_t got;

	control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS,
	    .cmsg_len = CMSG_LEN(NURSERY_FDS * sizeof(int))};
	memcpy(CMSG_DATA(&control.head), fds, NURSERY_FDS * sizeof(int));
	if (n->sock < 0)
		return err_set(err, RC_SYS, "there is no nursery");
	if (sendmsg(n->sock, &msg, MSG_NOSIGNAL) != 1)
		return err_sys(err, "cannot ask the nursery");
	do
		got = recv(n->sock, pid, sizeof *pid, 0);
	while (got < 0 && errno == EINTR);
	if (got != sizeof *pid)
		return err_set(err, RC_SYS, "the nursery does not answer");
	if (*pid > 0)
		return RC_OK;
	errno = -*pid;
	return err_sys(err, "the nursery cannot fork");
}

/* ---- the nursery ---- */

static bool receive(int fds[static NURSERY_FDS])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(NURSERY_FDS * sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	ssize_t n;

	do
		n = recvmsg(CONTROL, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1 || (msg.msg_flags & MSG_CTRUNC) || !CMSG_FIRSTHDR(&msg) ||
	    control.head.cmsg_type != SCM_RIGHTS ||
	    control.head.cmsg_len != CMSG_LEN(NURSERY_FDS * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(&control.head), NURSERY_FDS * sizeof(int));
	return true;
}

/* In the new process: descriptors into their places, everything else closed. */
static int become_runner(const int fds[static NURSERY_FDS])
{
	int parked[NURSERY_FDS];

	for (int i = 0; i < NURSERY_FDS; i++)
		if ((parked[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PARKING)) < 0)
			return 71;
	for (int i = 0; i < NURSERY_FDS; i++)
		if (dup2(parked[i], RUNNER_SOCKET + i) < 0)
			return 71;
	if (close_range(RUNNER_FD_END, ~0u, 0) < 0)
		return 71;
	setsid();
	/* Without the farewells of all our libraries: each would touch pages of its own. */
	_exit(runner_main());
}

int nursery_main(void)
{
	int fds[NURSERY_FDS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "nursery");
	fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	/* What jansson would read /dev/urandom for in every runner. */
	json_object_seed(0);
	/* The end of the socket is the end of the supervisor. */
	while (receive(fds)) {
		pid_t pid =
		    (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0, 0);

		if (pid == 0)
			return become_runner(fds);
		if (pid < 0)
			pid = -errno;
		for (int i = 0; i < NURSERY_FDS; i++)
			close(fds[i]);
		if (send(CONTROL, &pid, sizeof pid, MSG_NOSIGNAL) != sizeof pid)
			break;
	}
	return 0;
}
