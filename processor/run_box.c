/*
 * What bubblewrap says about the sandbox it builds: JSON lines on its status descriptor. The
 * command waits until its init is known, so that it can be reached by signals from the first
 * moment.
 */
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processor/run.h"
#include "processor/runner.h"

/* The sandbox has an init: take hold of it, then let the command begin. */
static void sandbox_ready(struct run *r, pid_t init, int64_t pid_ns)
{
	struct rlimit processes = {SANDBOX_PROCESSES_MAX, SANDBOX_PROCESSES_MAX};
	struct err err;
	char line[64];
	int n;

	r->init = init;
	r->init_fd = (int)syscall(SYS_pidfd_open, init, 0);
	if (r->init_fd < 0) {
		/* It has failed already, and says so itself. */
		return;
	}
	if (nskill_open(&r->ns, init, &err)) {
		run_fault(r, err.text);
		return;
	}
	/* Within its own user namespace: processes of other jobs do not count. */
	if (prlimit(init, RLIMIT_NPROC, &processes, NULL) < 0) {
		err_sys(&err, "cannot limit the number of processes");
		run_fault(r, err.text);
		return;
	}
	/* For the one who clears up, should all of us die. */
	n = snprintf(line, sizeof line, "pidns %lld %d\n", (long long)pid_ns, (int)init);
	if (write(RUNNER_LOCK, line, (size_t)n) != n || write(r->child.block, "x", 1) != 1) {
		err_sys(&err, "cannot let the command begin");
		run_fault(r, err.text);
		return;
	}
	close(r->child.block);
	r->child.block = -1;
}

static void status_line(struct run *r, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, 0, NULL);
	const json_t *pid = json_object_get(event, "child-pid"),
		     *code = json_object_get(event, "exit-code");

	if (json_is_integer(pid) && !r->init) {
		sandbox_ready(r, (pid_t)json_integer_value(pid),
		    json_integer_value(json_object_get(event, "pid-namespace")));
		if (r->child.block < 0)
			run_started(r);
	}
	if (json_is_integer(code)) {
		r->has_exit = true;
		r->exit_code = (int)json_integer_value(code);
	}
	json_decref(event);
}

void run_box_feed(struct run *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			status_line(r, r->status, r->status_len);
			r->status_len = 0;
		} else if (r->status_len < sizeof r->status) {
			r->status[r->status_len++] = data[i];
		}
	}
}
