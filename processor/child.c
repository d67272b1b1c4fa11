/*
 * Starting the child: its descriptors, its limits, its argv; the spawner makes it.
 *
 * The new process has exactly: 0 /dev/null, 1 and 2 the log, 3 the protocol, and for bubblewrap
 * alone 4 to 9, which the command does not get to see.
 */
#include "processor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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
	const struct spawn spawn = {.spec = plan->spec,
	    .argv = child_argv(plan, a),
	    .env = plan->env,
	    .fds = theirs,
	    .fd_count = plan->spec->sandbox ? FD_COUNT : FD_STATUS,
	    .door = plan->door,
	    .drop = plan->drop};
	enum rc rc;

	*child = (struct child){-1, -1, -1, -1, -1, -1};
	rc = make_descriptors(plan, theirs, child, err);
	if (!rc)
		rc = spawner_make(plan->spawner, &spawn, &child->pid, err);
	close_all(theirs, FD_COUNT, plan->lock);
	if (rc)
		close_all(
		    (int[]){child->out, child->error, child->json, child->status, child->block}, 5,
		    -1);
	return rc;
}
