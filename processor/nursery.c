/*
 * Asking for runners and forking them, and for stages and setting them. A request is a letter and
 * descriptors; the answer is a pid, or 0 for a stage, or a negative errno.
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

#include "core/buf.h"
#include "processor/brief.h"
#include "processor/pass.h"
#include "processor/runner.h"
#include "processor/stage.h"

#define CONTROL 3
#define PARKING 256
/* Longest that we wait for an answer: a nursery that is stopped must not stop us. */
#define ANSWER_MAX_S 2

/* What is asked for. The paths of a stage follow, source and dest of each bind, with their NULs. To
 * clear one is not answered. */
#define ASK_RUNNER 'r'
#define ASK_STAGE 's'
#define ASK_CLEAR 'c'
#define ASK_MAX 32768

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
		setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
		n->sock = pair[0];
		return RC_OK;
	}
	enum rc rc = err_sys(err, "cannot start a nursery");

	n->pid = -1;
	close(pair[0]);
	return rc;
}

static enum rc ask(struct nursery *n, const void *letter, size_t size, const int *fds, size_t count,
    pid_t *answer, struct err *err)
{
	ssize_t got;
	enum rc rc;

	if (n->sock < 0)
		return err_set(err, RC_SYS, "there is no nursery");
	rc = pass_send(n->sock, letter, size, fds, count, err);
	if (rc)
		return rc;
	do
		got = recv(n->sock, answer, sizeof *answer, 0);
	while (got < 0 && errno == EINTR);
	if (got != sizeof *answer) {
		/* A late answer would be taken for that to the next question. */
		nursery_close(n);
		return err_set(err, RC_SYS, "the nursery does not answer");
	}
	return RC_OK;
}

enum rc nursery_fork(struct nursery *n, const int *fds, size_t count, pid_t *pid, struct err *err)
{
	const char letter = ASK_RUNNER;
	enum rc rc = ask(n, &letter, 1, fds, count, pid, err);

	if (rc || *pid > 0)
		return rc;
	errno = -*pid;
	return err_sys(err, "the nursery cannot fork");
}

enum rc nursery_clear(struct nursery *n, int ns, struct err *err)
{
	const char letter = ASK_CLEAR;

	if (n->sock < 0)
		return err_set(err, RC_SYS, "there is no nursery");
	return pass_send(n->sock, &letter, 1, &ns, 1, err);
}

enum rc nursery_stage(
    struct nursery *n, int ns, const struct sandbox_bind *binds, size_t count, struct err *err)
{
	struct buf letter;
	pid_t answer = 0;
	enum rc rc;

	buf_init(&letter);
	buf_addc(&letter, ASK_STAGE);
	for (size_t i = 0; i < count; i++) {
		buf_add(&letter, binds[i].source, strlen(binds[i].source) + 1);
		buf_add(&letter, binds[i].dest, strlen(binds[i].dest) + 1);
	}
	rc = letter.len > ASK_MAX ? err_set(err, RC_LIMIT, "too many mounts for a stage")
				  : ask(n, letter.data, letter.len, &ns, 1, &answer, err);
	buf_release(&letter);
	if (rc || !answer)
		return rc;
	errno = -answer;
	return err_sys(err, "the nursery cannot set a stage");
}

/* ---- the nursery ---- */

/* In the new process: descriptors into their places, everything else closed. */
static int become_runner(const int *fds, size_t n)
{
	int places[PASS_MAX];

	for (size_t i = 0; i < n; i++)
		places[i] = RUNNER_SOCKET + (int)i;
	if (!pass_place(fds, places, n) || close_range(RUNNER_SOCKET + (unsigned)n, ~0u, 0) < 0)
		return 71;
	setsid();
	/* Without the farewells of all our libraries: each would touch pages of its own. */
	_exit(runner_main());
}

/* The next text of a letter; NULL at its end. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	*at = nul ? nul + 1 : end;
	return nul ? text : NULL;
}

static pid_t set_stage(const char *at, size_t size, int home, int ns)
{
	static struct sandbox_bind binds[BRIEF_BINDS_MAX];
	const char *end = at + size, *source, *dest;
	struct arena a;
	struct err err;
	size_t n = 0;
	enum rc rc;

	while (
	    n < BRIEF_BINDS_MAX && (source = next_text(&at, end)) && (dest = next_text(&at, end)))
		binds[n++] = (struct sandbox_bind){.source = source, .dest = dest};
	if (at < end)
		return -E2BIG;
	arena_init(&a);
	rc = stage_rebuild(home, ns, binds, n, &a, &err);
	arena_release(&a);
	return rc ? -(errno ? errno : EIO) : 0;
}

int nursery_main(void)
{
	static char letter[ASK_MAX];
	int fds[PASS_MAX], home;
	ssize_t size;
	size_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "nursery");
	fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	/* What jansson would read /dev/urandom for in every runner. */
	json_object_seed(0);
	/* The end of the socket is the end of the supervisor. */
	while ((size = pass_receive(CONTROL, letter, sizeof letter, fds, &n)) > 0) {
		pid_t answer = 0;
		struct err err;

		/* One that cannot be cleared lies below the next; it goes with the runner. */
		if (*letter == ASK_CLEAR && n == 1)
			stage_clear(home, fds[0], &err);
		if (*letter == ASK_STAGE)
			answer = n == 1 ? set_stage(letter + 1, (size_t)size - 1, home, fds[0])
					: -EINVAL;
		if (*letter == ASK_RUNNER)
			answer = (pid_t)syscall(
			    SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0, 0);
		if (answer == 0 && *letter == ASK_RUNNER)
			return become_runner(fds, n);
		if (answer < 0 && *letter == ASK_RUNNER)
			answer = -errno;
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
		if (*letter != ASK_CLEAR &&
		    send(CONTROL, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
			break;
	}
	return 0;
}
