/*
 * The helper processes that carry a signal into a sandbox: the first enters the user namespace and
 * chooses the pid namespace, which only takes effect for its child; that one sends.
 */
#include "processor/nskill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum rc nskill_open(struct nskill *ns, pid_t init, struct err *err)
{
	char path[64];

	*ns = (struct nskill){-1, -1};
	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)init);
	ns->pid = open(path, O_RDONLY | O_CLOEXEC);
	if (ns->pid < 0)
		return err_sys(err, "cannot open the pid namespace of process %d", (int)init);
	ns->user = ioctl(ns->pid, NS_GET_USERNS);
	if (ns->user < 0) {
		enum rc rc =
		    err_sys(err, "cannot find the user namespace of process %d", (int)init);

		nskill_close(ns);
		return rc;
	}
	fcntl(ns->user, F_SETFD, FD_CLOEXEC);
	return RC_OK;
}

void nskill_close(struct nskill *ns)
{
	if (ns->pid >= 0)
		close(ns->pid);
	if (ns->user >= 0)
		close(ns->user);
	*ns = (struct nskill){-1, -1};
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* In the first helper: its exit status is an errno, 0 for success. */
static _Noreturn void carry(const struct nskill *ns, int sig)
{
	pid_t pid;

	if (setns(ns->user, CLONE_NEWUSER) < 0 || setns(ns->pid, CLONE_NEWPID) < 0)
		_exit(errno);
	pid = fork();
	if (pid < 0)
		/* The namespace's init is gone: so is everyone else. */
		_exit(errno == ENOMEM ? 0 : errno);
	if (!pid) {
		if (kill(-1, sig) < 0 && errno != ESRCH)
			_exit(errno);
		_exit(0);
	}
	_exit(wait_for(pid));
}

enum rc nskill_send(const struct nskill *ns, int sig, struct err *err)
{
	pid_t pid = fork();
	int failed;

	if (pid < 0)
		return err_sys(err, "cannot fork");
	if (!pid)
		carry(ns, sig);
	failed = wait_for(pid);
	/* SIGKILL reaches the sender too when it is the last one there. */
	if (!failed || (failed == EINTR && sig == SIGKILL))
		return RC_OK;
	errno = failed;
	return err_sys(err, "cannot send signal %d into the sandbox", sig);
}
