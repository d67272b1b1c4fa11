/*
 * Ending a run before its time: asking first, then by force.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/run.h"
#include "processor/watch.h"

void run_kill(struct run *r)
{
	/* With the first process of the sandbox go all others of it. */
	if (r->init_fd >= 0)
		syscall(SYS_pidfd_send_signal, r->init_fd, SIGKILL, NULL, 0);
	else
		watch_signal(getpid(), SIGKILL);
	if (!r->gone && r->child.pid > 0)
		kill(r->child.pid, SIGKILL);
}

const struct nskill *run_namespaces(const struct run *r)
{
	return r->brief.spec.sandbox ? &r->ns : NULL;
}

void run_cut(struct run *r, enum run_cause cause, int64_t grace_ms)
{
	int64_t now = clock_boot_ms(), kill_at = now + grace_ms;
	struct err err;

	if (!r->cut) {
		r->cut = true;
		r->cause = cause;
	}
	if (!r->kill_at || kill_at < r->kill_at)
		r->kill_at = kill_at;
	if (grace_ms <= 0 || !r->unblocked)
		r->kill_at = now;
	else if (freezer_signal(run_namespaces(r), SIGTERM, &err)) {
		log_warn("%s", err.text);
		r->kill_at = now;
	} else {
		/* A stopped process hears the signal when it goes on. */
		freezer_thaw(&r->freezer, run_namespaces(r), r->unblocked, &r->deadline);
	}
	r->freezer.on = false;
}

void run_fault(struct run *r, const char *text)
{
	if (r->cut)
		return;
	snprintf(r->fault, sizeof r->fault, "%s", text);
	run_cut(r, RUN_FAULT, 0);
}
