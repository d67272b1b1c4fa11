/*
 * Starting the child: descriptors in fixed places, limits, user, exec.
 *
 * The new process has exactly: 0 /dev/null, 1 and 2 the log, 3 the protocol, and for bubblewrap
 * alone 4 to 9, which the command does not get to see.
 */
#include "processor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processor/cgroup.h"
#include "processor/stage.h"

enum {
	FD_NULL,
	FD_OUT,
	FD_ERROR,
	FD_JSON,
	FD_STATUS,
	FD_BLOCK,
	FD_LOCK,
	FD_FILTER,
	FD_PASSWD,
	FD_GROUP,
	FD_COUNT
};

/* Above all that is open: nothing is in the way while descriptors take their places. */
#define FD_PARKING 100

static enum rc make_pipe(int *ours, int *theirs, bool we_read, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "cannot make a pipe");
	*ours = fds[we_read ? 0 : 1];
	*theirs = fds[we_read ? 1 : 0];
	if (we_read)
		fcntl(*ours, F_SETFL, O_NONBLOCK);
	return RC_OK;
}

static enum rc make_memory(const void *data, size_t len, int *fd, struct err *err)
{
	*fd = memfd_create("dropmill", MFD_CLOEXEC);
	if (*fd < 0 || write(*fd, data, len) != (ssize_t)len || lseek(*fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot make a memory file");
	return RC_OK;
}

/* All descriptors of the new process, and our ends of them. */
static enum rc make_descriptors(const struct child_plan *plan, int theirs[static FD_COUNT],
    struct child *child, struct err *err)
{
	enum rc rc;

	theirs[FD_NULL] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (theirs[FD_NULL] < 0)
		return err_sys(err, "cannot open /dev/null");
	rc = make_pipe(&child->out, &theirs[FD_OUT], true, err);
	if (!rc)
		rc = make_pipe(&child->error, &theirs[FD_ERROR], true, err);
	if (!rc)
		rc = make_pipe(&child->json, &theirs[FD_JSON], true, err);
	if (rc || !plan->spec->sandbox)
		return rc;
	rc = make_pipe(&child->status, &theirs[FD_STATUS], true, err);
	if (!rc)
		rc = make_pipe(&child->block, &theirs[FD_BLOCK], false, err);
	if (!rc)
		rc = make_memory(plan->filter->data, plan->filter->len, &theirs[FD_FILTER], err);
	if (!rc)
		rc = make_memory(sandbox_passwd, strlen(sandbox_passwd), &theirs[FD_PASSWD], err);
	if (!rc)
		rc = make_memory(sandbox_group, strlen(sandbox_group), &theirs[FD_GROUP], err);
	theirs[FD_LOCK] = plan->lock;
	return rc;
}

/* ---- in the new process: failures end it with a line on its stderr ---- */

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "cannot %s: %s\n", what, strerror(errno));
	_exit(126);
}

/* And enter the group by its descriptor, which is not kept. */
static void place_descriptors(
    const int theirs[static FD_COUNT], int count, bool grouped, int cgroup)
{
	int parked[FD_COUNT];

	for (int i = 0; i < count; i++)
		parked[i] = fcntl(theirs[i], F_DUPFD_CLOEXEC, FD_PARKING);
	if (grouped)
		cgroup = fcntl(cgroup, F_DUPFD_CLOEXEC, FD_PARKING);
	for (int i = 0; i < count; i++)
		if (parked[i] < 0 || dup2(parked[i], i) < 0)
			_exit(126);
	if (grouped && !cgroup_enter(cgroup, 0))
		fail("join a cgroup");
	if (close_range((unsigned)count, ~0u, 0) < 0)
		fail("close descriptors");
}

size_t child_limits(
    const struct message_spec *spec, struct child_limit out[static CHILD_LIMITS_MAX])
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = 0;

	out[n++] = (struct child_limit){RLIMIT_CORE, "bytes of core file", 0};
	out[n++] = (struct child_limit){RLIMIT_NOFILE, "open files of a process", 1024};
	if (spec->output_max_bytes > 0)
		out[n++] =
		    (struct child_limit){RLIMIT_FSIZE, "bytes of a file", spec->output_max_bytes};
	/* Of one process with a thread on each core: only what runs on after its runner froze. */
	if (spec->timeout_ms > 0)
		out[n++] = (struct child_limit){RLIMIT_CPU, "CPU seconds of a process",
		    (spec->timeout_ms / 1000 + 2) * (cores > 0 ? cores : 1)};
	if (spec->memory_bytes > 0 && !*spec->cgroup)
		out[n++] = (struct child_limit){RLIMIT_DATA,
		    "bytes of memory of a process, where no cgroup keeps it", spec->memory_bytes};
	return n;
}

static void set_limits(const struct message_spec *spec)
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

static _Noreturn void become(const struct child_plan *plan, const int theirs[static FD_COUNT],
    char *const *argv, pid_t runner)
{
	const struct message_spec *spec = plan->spec;
	struct err err;
	sigset_t none;

	place_descriptors(theirs, spec->sandbox ? FD_COUNT : FD_STATUS,
	    *spec->cgroup && !spec->sandbox, plan->cgroup);
	set_limits(spec);
	if (plan->drop && stage_drop(spec->uid, spec->gid, &err)) {
		dprintf(STDERR_FILENO, "%s\n", err.text);
		_exit(126);
	}
	/* Only after the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != runner)
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
		execve(argv[0], argv, plan->env);
	else
		execvpe(argv[0], argv, plan->env);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* By vfork: the memory of the runner is neither copied nor, page by page, made its own again. The
 * child lives on our stack until it executes, and become() does nothing to memory that we look at
 * afterwards. */
static __attribute__((noinline)) pid_t make(
    const struct child_plan *plan, const int theirs[static FD_COUNT], char *const *argv)
{
	pid_t runner = getpid(), pid = vfork();

	if (pid == 0)
		become(plan, theirs, argv, runner);
	return pid;
}

static void close_all(int *fds, size_t n, int keep)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && fds[i] != keep)
			close(fds[i]);
}

char **child_argv(const struct child_plan *plan, struct arena *a)
{
	struct sandbox box = {.binds = plan->binds,
	    .bind_count = plan->bind_count,
	    .network = plan->spec->network,
	    .memory_bytes = plan->spec->memory_bytes,
	    .filter = FD_FILTER,
	    .status = FD_STATUS,
	    .block = FD_BLOCK,
	    .lock = FD_LOCK,
	    .passwd = FD_PASSWD,
	    .group = FD_GROUP};

	return plan->spec->sandbox ? sandbox_argv(&box, plan->argv, a) : plan->argv;
}

enum rc child_start(
    const struct child_plan *plan, struct arena *a, struct child *child, struct err *err)
{
	int theirs[FD_COUNT] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	char **argv = child_argv(plan, a);
	enum rc rc;

	*child = (struct child){-1, -1, -1, -1, -1, -1};
	rc = make_descriptors(plan, theirs, child, err);
	if (!rc && (child->pid = make(plan, theirs, argv)) < 0)
		rc = err_sys(err, "cannot fork");
	/* The kernel moves the first process of a while slowly: meanwhile bubblewrap builds.
	 * Whoever is inside already by then is moved before the command begins. */
	if (!rc && plan->spec->sandbox && *plan->spec->cgroup)
		cgroup_enter(plan->cgroup, child->pid);
	close_all(theirs, FD_COUNT, plan->lock);
	if (rc)
		close_all(
		    (int[]){child->out, child->error, child->json, child->status, child->block}, 5,
		    -1);
	return rc;
}
