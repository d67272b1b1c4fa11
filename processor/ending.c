/*
 * Deciding an end. One table says what each cause means; exit codes follow sysexits: 75 asks to be
 * tried again, everything else would most likely end the same way with the same input.
 */
#include "processor/ending.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/clock.h"
#include "core/jobtype.h"
#include "core/str.h"
#include "processor/outputs.h"

const char *ending_size(int64_t bytes, struct arena *a)
{
	static const char *const units[] = {"TB", "GB", "MB", "kB"};
	char text[16];

	for (int i = 0; i < 4; i++) {
		int64_t unit = INT64_C(1) << (40 - 10 * i);

		if (bytes >= unit && bytes % unit == 0)
			return arena_printf(a, "%" PRId64 " %s", bytes / unit, units[i]);
	}
	return arena_strdup(a, str_bytes(bytes, text));
}

static const char *exit_words(const struct message_end *end, struct arena *a)
{
	static const char not_run[] = "bwrap: execvp ";
	int sig = end->exit_code - 128;
	const char *said = end->last_error;

	/* The last thing bubblewrap does is to become the command. */
	if (strncmp(said, not_run, strlen(not_run)) == 0)
		return arena_printf(
		    a, "the command could not be started: %s", said + strlen(not_run));
	if (end->exit_code == EX_TEMPFAIL)
		return arena_printf(a, "the command asked to be tried again (exit code 75)%s%s",
		    *said ? ": " : "", said);
	if (sig > 0 && sig < NSIG)
		return arena_printf(a, "the command was ended by signal %d (%s)%s%s", sig,
		    sigdescr_np(sig) ? sigdescr_np(sig) : "unknown", *said ? ": " : "", said);
	return arena_printf(
	    a, "the command ended with exit code %d%s%s", end->exit_code, *said ? ": " : "", said);
}

static const char *words(const struct ending *e, struct arena *a)
{
	const struct message_end *end = e->end;
	char time[CLOCK_ISO_SIZE];

	switch ((enum run_cause)end->cause) {
	case RUN_EXIT:
		return exit_words(end, a);
	case RUN_TIMEOUT:
		return arena_printf(
		    a, "stopped after %s (limit)", clock_words(e->timeout_ms, time));
	case RUN_MEMORY:
		return arena_printf(
		    a, "killed: used more than %s", ending_size(e->memory_bytes, a));
	case RUN_OUTPUT:
		return arena_printf(
		    a, "stopped: wrote more than %s", ending_size(e->output_max_bytes, a));
	case RUN_FILES:
		return arena_printf(a, "stopped: left more than %d files", OUTPUTS_MAX);
	case RUN_STOPPED:
		return e->stopped == STOP_HANDBACK ? "the processor was stopped; it will run again"
						   : "cancelled";
	case RUN_FAULT:
		return arena_printf(a, "this host could not run it: %s", end->last_error);
	case RUN_INPUT:
	case RUN_REFUSED:
		return arena_strdup(a, end->last_error);
	case RUN_CRASHED:
	case RUN_CAUSE_MAX:
		break;
	}
	return "its runner died";
}

/* The condition of retry_on that the cause falls under; 0: none. */
static unsigned condition(const struct message_end *end)
{
	switch ((enum run_cause)end->cause) {
	case RUN_EXIT:
		return end->exit_code == EX_TEMPFAIL ? RETRY_TEMPFAIL
		       : end->exit_code > 128        ? RETRY_SIGNAL
						     : 0;
	case RUN_TIMEOUT:
		return RETRY_TIMEOUT;
	case RUN_MEMORY:
		return RETRY_MEMORY;
	case RUN_CRASHED:
		return RETRY_LOST;
	default:
		return 0;
	}
}

void ending_decide(const struct ending *e, struct arena *a, struct claim_end *out)
{
	const struct message_end *end = e->end;
	bool known = end->cause != RUN_CRASHED;

	*out = (struct claim_end){.cpu_ms = known ? end->cpu_ms : -1,
	    .peak_bytes = known ? end->peak_bytes : -1,
	    .log_bytes = known ? end->log_bytes : -1,
	    .read_bytes = known ? end->read_bytes : -1,
	    .write_bytes = known ? end->write_bytes : -1};
	if (end->cause == RUN_EXIT && end->exit_code == 0) {
		out->action = JOB_COMPLETE;
		out->result = *end->result ? arena_strdup(a, end->result) : NULL;
		return;
	}
	out->error = words(e, a);
	if (e->stopped == STOP_CANCEL) {
		out->action = JOB_CANCEL;
	} else if (e->stopped == STOP_HANDBACK || end->cause == RUN_FAULT) {
		out->action = JOB_RELEASE;
		out->run_at = e->stopped ? 0 : clock_wall_ms() + claim_backoff_ms(e->backoff_ms, 3);
	} else if (end->cause == RUN_INPUT || end->cause == RUN_REFUSED) {
		/* Whatever the type says: nothing about it would be different. */
		out->action = JOB_FAIL;
	} else if (e->retry_on & (condition(end) | RETRY_ANY)) {
		out->action = JOB_RELEASE;
		out->counts = true;
		out->crashed = end->cause == RUN_CRASHED;
		out->run_at = clock_wall_ms() + claim_backoff_ms(e->backoff_ms, e->retry_count + 1);
	} else {
		out->action = JOB_FAIL;
		out->crashed = end->cause == RUN_CRASHED;
	}
}
