/*
 * Asking for commands and making them. A request is a memory file with all words, and the
 * descriptors of the new process; the answer is its pid, or why there is none.
 */
#include "processor/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/buf.h"
#include "processor/cgroup.h"
#include "processor/child.h"
#include "processor/pass.h"
#include "processor/stage.h"

/* Descriptors of the spawner. */
enum { CONTROL = 3, DOOR };

/* Above all that is open: nothing is in the way while descriptors take their places. */
#define PARKING 100

#define NAME "dropmill-spawn"

/* The memory file: this, then the words of argv and env with their NULs. */
struct head {
	struct message_spec spec;
	uint32_t argc, envc;
};

struct answer {
	pid_t pid; /* -1: none */
	char fault[sizeof(((struct err *)0)->text)];
};

/* ---- the new process: failures end it with a line on its stderr ---- */

/* On a stack that is lent, from where nobody returns: what AddressSanitizer noted there of one
 * would count against the next. */
#define LENT __attribute__((no_sanitize("address")))

struct birth {
	const struct head *head;
	char **argv, **env;
	const int *fds;
	size_t fd_count;
	pid_t runner;
};

static LENT _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "cannot %s: %s\n", what, strerror(errno));
	_exit(126);
}

static LENT void place_descriptors(const int *fds, size_t n)
{
	int parked[PASS_MAX];

	for (size_t i = 0; i < n; i++)
		parked[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, PARKING);
	for (size_t i = 0; i < n; i++)
		if (parked[i] < 0 || dup2(parked[i], (int)i) < 0)
			_exit(126);
	if (close_range((unsigned)n, ~0u, 0) < 0)
		fail("close descriptors");
}

static LENT void set_limits(const struct message_spec *spec)
{
	struct child_limit limits[CHILD_LIMITS_MAX];
	size_t n = child_limits(spec, limits);

	for (size_t i = 0; i < n; i++) {
		struct rlimit now, want = {(rlim_t)limits[i].value, (rlim_t)limits[i].value};

		/* A lower hard limit of our own cannot be raised, and need not be. */
		if (getrlimit(limits[i].resource, &now) == 0 && now.rlim_max < want.rlim_max)
			want = (struct rlimit){now.rlim_max, now.rlim_max};
		if (setrlimit(limits[i].resource, &want) < 0)
			fail("set a limit");
	}
}

static LENT int become(void *context)
{
	const struct birth *b = context;
	const struct message_spec *spec = &b->head->spec;
	sigset_t none;

	place_descriptors(b->fds, b->fd_count);
	set_limits(spec);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->runner)
		_exit(126);
	umask(022);
	setsid();
	if (!spec->sandbox && chdir(spec->work) < 0)
		fail("enter the work directory");
	/* The only one that the runner ignores; it was started with all others as they should be.
	 */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (spec->sandbox)
		execve(b->argv[0], b->argv, b->env);
	else
		execvpe(b->argv[0], b->argv, b->env);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", b->argv[0], strerror(errno));
	_exit(127);
}

/* ---- the spawner ---- */

/* n words as a list that ends with NULL; NULL when there are fewer. */
static char **take_words(const char **at, const char *end, size_t n, struct arena *a)
{
	char **list = arena_zalloc(a, (n + 1) * sizeof *list);

	for (size_t i = 0; i < n; i++) {
		const char *nul = memchr(*at, '\0', (size_t)(end - *at));

		if (!nul)
			return NULL;
		list[i] = (char *)(uintptr_t)*at;
		*at = nul + 1;
	}
	return list;
}

/* Like vfork: our memory is lent to the new process until it executes, on a stack of its own. */
static pid_t bear(const struct birth *b, struct err *err)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(become, stack + sizeof stack,
	    CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, (void *)(uintptr_t)b);

	if (pid < 0)
		err_sys(err, "cannot fork");
	return pid;
}

/* A memory file, then the descriptors. */
static pid_t make(const int *fds, size_t n, pid_t runner, struct err *err)
{
	struct arena a;
	struct birth b = {.fds = fds + 1, .fd_count = n - 1, .runner = runner};
	struct stat st;
	const char *at;
	char *text;
	pid_t pid = -1;

	if (n < 2 || fstat(fds[0], &st) < 0 || (size_t)st.st_size < sizeof *b.head) {
		err_set(err, RC_INVALID, "a request for a command is not whole");
		return -1;
	}
	arena_init(&a);
	text = arena_alloc(&a, (size_t)st.st_size);
	b.head = (const struct head *)text;
	at = text + sizeof *b.head;
	if (pread(fds[0], text, (size_t)st.st_size, 0) == (ssize_t)st.st_size &&
	    (b.argv = take_words(&at, text + st.st_size, b.head->argc, &a)) &&
	    (b.env = take_words(&at, text + st.st_size, b.head->envc, &a)))
		pid = bear(&b, err);
	else
		err_set(err, RC_INVALID, "a request for a command is not whole");
	arena_release(&a);
	return pid;
}

/* Into the group, without rights; then nothing of this process is anybody's but ours. */
static enum rc settle(const struct spawn *spawn, pid_t runner, struct err *err)
{
	const struct message_spec *spec = spawn->spec;
	enum rc rc = RC_OK;

	if (*spec->cgroup && !cgroup_enter(DOOR, 0))
		rc = err_sys(err, "cannot enter the cgroup of a job");
	close(DOOR);
	if (!rc && spawn->drop)
		rc = stage_drop(spec->uid, spec->gid, err);
	prctl(PR_SET_DUMPABLE, 0);
	/* Only after the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != runner)
		_exit(71);
	return rc;
}

static _Noreturn void serve(int sock, const struct spawn *spawn, pid_t runner)
{
	static const int places[] = {CONTROL, DOOR};
	const int mine[] = {sock, spawn->door};
	size_t n = spawn->door < 0 ? 1 : 2;
	int fds[PASS_MAX];
	struct err why;
	sigset_t all;
	char byte;
	enum rc rc;

	prctl(PR_SET_NAME, NAME);
	/* Where signals go to everything below the runner, they mean its command. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (!pass_place(mine, places, n) || close_range(CONTROL + (unsigned)n, ~0u, 0) < 0)
		_exit(71);
	rc = settle(spawn, runner, &why);
	while (pass_receive(CONTROL, &byte, 1, fds, &n) == 1) {
		struct answer answer = {.pid = rc ? -1 : make(fds, n, runner, &why)};

		if (answer.pid < 0)
			snprintf(answer.fault, sizeof answer.fault, "%s", why.text);
		for (size_t i = 0; i < n; i++)
			close(fds[i]);
		if (send(CONTROL, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
			break;
	}
	_exit(0);
}

/* ---- the runner's side ---- */

void spawner_close(struct spawner *s)
{
	if (s->sock >= 0)
		close(s->sock);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, __WCLONE) < 0 && errno == EINTR)
			;
	}
	*s = SPAWNER_NONE;
}

bool spawner_lives(const struct spawner *s)
{
	siginfo_t info = {0};

	return s->pid > 0 &&
	       waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WCLONE) == 0 &&
	       info.si_pid == 0;
}

static enum rc open_one(struct spawner *s, const struct spawn *spawn, struct err *err)
{
	pid_t runner = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket pair");
	s->pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (s->pid == 0)
		serve(pair[1], spawn, runner);
	if (s->pid < 0)
		err_sys(err, "cannot fork");
	close(pair[1]);
	if (s->pid > 0) {
		s->sock = pair[0];
		return RC_OK;
	}
	close(pair[0]);
	return RC_SYS;
}

static uint32_t add_words(struct buf *b, char *const *words)
{
	uint32_t n = 0;

	for (; words[n]; n++)
		buf_add(b, words[n], strlen(words[n]) + 1);
	return n;
}

/* The memory file of a request. */
static enum rc write_request(const struct spawn *spawn, int *fd, struct err *err)
{
	struct head head = {.spec = *spawn->spec};
	struct buf b;
	enum rc rc = RC_OK;

	buf_init(&b);
	buf_add(&b, &head, sizeof head);
	head.argc = add_words(&b, spawn->argv);
	head.envc = add_words(&b, spawn->env);
	memcpy(b.data, &head, sizeof head);
	*fd = memfd_create("command", MFD_CLOEXEC);
	if (*fd < 0 || write(*fd, b.data, b.len) != (ssize_t)b.len)
		rc = err_sys(err, "cannot make a memory file");
	buf_release(&b);
	return rc;
}

static enum rc answer_of(const struct spawner *s, pid_t *pid, struct err *err)
{
	struct answer answer;
	ssize_t got;

	do
		got = recv(s->sock, &answer, sizeof answer, 0);
	while (got < 0 && errno == EINTR);
	if (got != sizeof answer)
		return err_set(err, RC_DONE, "the spawner of commands died");
	*pid = answer.pid;
	return *pid > 0 ? RC_OK : err_set(err, RC_SYS, "%s", answer.fault);
}

enum rc spawner_make(struct spawner *s, const struct spawn *spawn, pid_t *pid, struct err *err)
{
	int fds[PASS_MAX];
	enum rc rc;

	*pid = -1;
	if (spawn->fd_count >= PASS_MAX)
		return err_set(err, RC_LIMIT, "too many descriptors");
	memcpy(fds + 1, spawn->fds, spawn->fd_count * sizeof *fds);
	rc = write_request(spawn, &fds[0], err);
	if (!rc && (s->sock < 0 || pass_send(s->sock, "c", 1, fds, spawn->fd_count + 1, err))) {
		/* There was none, or it died while it waited. */
		spawner_close(s);
		rc = open_one(s, spawn, err);
		if (!rc)
			rc = pass_send(s->sock, "c", 1, fds, spawn->fd_count + 1, err);
	}
	if (!rc)
		rc = answer_of(s, pid, err);
	if (fds[0] >= 0)
		close(fds[0]);
	return rc;
}
