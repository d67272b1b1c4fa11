/*
 * The end of a run: how it came about, what was left, what it cost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "processor/cgroup.h"
#include "processor/outputs.h"
#include "processor/run.h"
#include "processor/runner.h"
#include "processor/watch.h"

static enum rc send_output(void *context, const struct message_output *output, struct err *err)
{
	(void)context;
	return message_send(RUNNER_SOCKET, MESSAGE_OUTPUT, output, sizeof *output, err);
}

/* How the command ended, when nobody cut it short. */
static void judge(struct run *r)
{
	if (!r->brief.spec.sandbox) {
		r->has_exit = true;
		r->exit_code = WIFEXITED(r->child_status) ? WEXITSTATUS(r->child_status)
							  : 128 + WTERMSIG(r->child_status);
	} else if (!r->has_exit && r->unblocked && WIFSIGNALED(r->child_status)) {
		/* Somebody outside killed bubblewrap; the command went with it. */
		r->has_exit = true;
		r->exit_code = 128 + WTERMSIG(r->child_status);
	}
	if (!r->has_exit) {
		snprintf(r->fault, sizeof r->fault, "%.500s",
		    *r->protocol.last_error ? r->protocol.last_error
					    : "the sandbox could not be set up");
		r->cause = RUN_FAULT;
	} else if (r->exit_code && r->starved) {
		r->cause = RUN_MEMORY;
	} else {
		r->cause = r->exit_code == 128 + SIGXFSZ ? RUN_OUTPUT : RUN_EXIT;
	}
}

static int64_t milliseconds(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static bool may_again(const struct run *r, const struct spawner *spawner)
{
	const struct message_spec *spec = &r->brief.spec;

	/* What was cut short or went wrong may have left more than we know of; a secret stays in
	 * memory; a child of ours, and what the kernel had to kill in the group, would be taken for
	 * the next job's. */
	return spec->again && spec->sandbox && !r->cut && r->cause == RUN_EXIT && !r->starved &&
	       !r->brief.secret_count && spawner_lives(spawner) && waitpid(-1, NULL, WNOHANG) < 0 &&
	       errno == ECHILD;
}

void run_report(struct run *r, const struct spawner *spawner)
{
	struct message_end end = {
	    .cpu_ms = milliseconds(&r->usage.ru_utime) + milliseconds(&r->usage.ru_stime),
	    .read_bytes = (int64_t)r->usage.ru_inblock * 512,
	    .write_bytes = (int64_t)r->usage.ru_oublock * 512};
	bool grouped = *r->brief.spec.cgroup;
	int64_t peak = grouped ? cgroup_peak(RUNNER_GROUP, &r->memory) : r->peak_bytes, files;
	struct err err;
	enum rc rc = RC_OK;

	r->starved = grouped && cgroup_out_of_memory(RUNNER_GROUP);
	if (!r->cut)
		judge(r);
	if (r->cause == RUN_EXIT && r->exit_code == 0) {
		/* The watch opens directories that the command has closed to us: done once more,
		 * what is taken does not depend on when it last looked. */
		watch_output(RUNNER_OUT, OUTPUT_FILES_MAX, &files);
		rc = outputs_scan(
		    RUNNER_OUT, r->brief.spec.output_max_bytes, &r->log, send_output, NULL, &err);
		if (rc == RC_LIMIT)
			r->cause = RUN_OUTPUT;
		else if (rc == RC_INVALID)
			r->cause = RUN_FILES;
		else if (rc)
			r->cause = RUN_FAULT;
		if (rc)
			snprintf(r->fault, sizeof r->fault, "%s", err.text);
	}
	run_send_progress(r, 0);
	joblog_flush(&r->log);
	end.cause = (int32_t)r->cause;
	end.exit_code = r->exit_code;
	end.log_bytes = r->log.total;
	/* The largest single process is known exactly, the tree only where somebody counted. */
	end.peak_bytes = (int64_t)r->usage.ru_maxrss * 1024;
	if (peak > end.peak_bytes || (grouped && peak))
		end.peak_bytes = peak;
	memcpy(
	    end.last_error, *r->fault ? r->fault : r->protocol.last_error, sizeof end.last_error);
	end.last_error[sizeof end.last_error - 1] = '\0';
	snprintf(end.result, sizeof end.result, "%s", protocol_result(&r->protocol));
	end.again = may_again(r, spawner);
	/* Before anyone can hear of it. */
	if (end.again)
		prctl(PR_SET_NAME, RUNNER_IDLE);
	r->again = end.again;
	message_send(RUNNER_SOCKET, MESSAGE_END, &end, sizeof end, NULL);
}

void run_report_fault(const struct err *err)
{
	struct message_end end = {.cause = RUN_FAULT,
	    .cpu_ms = -1,
	    .peak_bytes = -1,
	    .log_bytes = -1,
	    .read_bytes = -1,
	    .write_bytes = -1};

	snprintf(end.last_error, sizeof end.last_error, "%s", err->text);
	message_send(RUNNER_SOCKET, MESSAGE_END, &end, sizeof end, NULL);
}
