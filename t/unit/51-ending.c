/* What becomes of a job by how its attempt ended, and in which words. */
#include <stdio.h>

#include "core/clock.h"
#include "core/jobtype.h"
#include "processor/ending.h"
#include "t/unit/arena_fixture.h"

struct expected {
	enum run_cause cause;
	int exit_code;
	const char *said;
	enum stop_why stopped;
	unsigned retry_on;
	enum job_action action;
	bool counts, delayed;
	const char *error;
};

#define USUAL (RETRY_TEMPFAIL | RETRY_LOST)

static const struct expected cases[] = {
    {RUN_EXIT, 0, "a warning", STOP_NONE, USUAL, JOB_COMPLETE, false, false, NULL},
    {RUN_EXIT, 0, "", STOP_CANCEL, USUAL, JOB_COMPLETE, false, false, NULL},
    {RUN_EXIT, 0, "", STOP_HANDBACK, USUAL, JOB_COMPLETE, false, false, NULL},
    {RUN_EXIT, 1, "", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"the command ended with exit code 1"},
    {RUN_EXIT, 65, "bad row 7", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"the command ended with exit code 65: bad row 7"},
    {RUN_EXIT, 1, "", STOP_NONE, RETRY_ANY, JOB_RELEASE, true, true,
	"the command ended with exit code 1"},
    {RUN_EXIT, 75, "no licence free", STOP_NONE, USUAL, JOB_RELEASE, true, true,
	"the command asked to be tried again (exit code 75): no licence free"},
    {RUN_EXIT, 75, "", STOP_NONE, RETRY_LOST, JOB_FAIL, false, false,
	"the command asked to be tried again (exit code 75)"},
    {RUN_EXIT, 137, "", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"the command was ended by signal 9 (Killed)"},
    {RUN_EXIT, 139, "", STOP_NONE, RETRY_SIGNAL, JOB_RELEASE, true, true,
	"the command was ended by signal 11 (Segmentation fault)"},
    {RUN_EXIT, 255, "", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"the command ended with exit code 255"},
    {RUN_EXIT, 1, "bwrap: execvp /x/y: No such file or directory", STOP_NONE, USUAL, JOB_FAIL,
	false, false, "the command could not be started: /x/y: No such file or directory"},
    {RUN_EXIT, 143, "", STOP_HANDBACK, USUAL, JOB_RELEASE, false, false,
	"the command was ended by signal 15 (Terminated)"},
    {RUN_TIMEOUT, 0, "", STOP_NONE, USUAL, JOB_FAIL, false, false, "stopped after 2 min (limit)"},
    {RUN_TIMEOUT, 0, "", STOP_NONE, RETRY_TIMEOUT, JOB_RELEASE, true, true,
	"stopped after 2 min (limit)"},
    {RUN_MEMORY, 0, "", STOP_NONE, USUAL, JOB_FAIL, false, false, "killed: used more than 512 MB"},
    {RUN_MEMORY, 0, "", STOP_NONE, RETRY_MEMORY, JOB_RELEASE, true, true,
	"killed: used more than 512 MB"},
    {RUN_OUTPUT, 0, "", STOP_NONE, USUAL, JOB_FAIL, false, false, "stopped: wrote more than 3 GB"},
    {RUN_FILES, 0, "", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"stopped: left more than 1000 files"},
    {RUN_STOPPED, 0, "", STOP_CANCEL, USUAL, JOB_CANCEL, false, false, "cancelled"},
    {RUN_STOPPED, 0, "", STOP_HANDBACK, USUAL, JOB_RELEASE, false, false,
	"the processor was stopped; it will run again"},
    {RUN_FAULT, 0, "no space", STOP_NONE, USUAL, JOB_RELEASE, false, true,
	"this host could not run it: no space"},
    {RUN_REFUSED, 0, "the name looks like an option", STOP_NONE, USUAL, JOB_FAIL, false, false,
	"the name looks like an option"},
    {RUN_CRASHED, 0, "", STOP_NONE, USUAL, JOB_RELEASE, true, true, "its runner died"},
    {RUN_CRASHED, 0, "", STOP_NONE, RETRY_TEMPFAIL, JOB_FAIL, false, false, "its runner died"},
};

static void each_cause_has_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct expected *x = &cases[i];
		struct message_end end = {.cause = (int32_t)x->cause,
		    .exit_code = x->exit_code,
		    .cpu_ms = 5,
		    .peak_bytes = 6,
		    .log_bytes = 7,
		    .result = "fine"};
		struct ending e = {.end = &end,
		    .stopped = x->stopped,
		    .retry_on = x->retry_on,
		    .timeout_ms = 120000,
		    .memory_bytes = INT64_C(512) << 20,
		    .output_max_bytes = INT64_C(3) << 30,
		    .backoff_ms = 1000};
		struct claim_end out;

		snprintf(end.last_error, sizeof end.last_error, "%s", x->said);
		ending_decide(&e, &arena, &out);
		if (out.action != x->action || out.counts != x->counts)
			fail_msg("case %zu: action %d counts %d", i, out.action, out.counts);
		assert_int_equal(out.run_at > clock_wall_ms(), x->delayed);
		assert_int_equal(out.crashed, x->cause == RUN_CRASHED);
		assert_int_equal(out.cpu_ms, x->cause == RUN_CRASHED ? -1 : 5);
		if (x->error)
			assert_string_equal(out.error, x->error);
		else
			assert_null(out.error);
		if (out.action == JOB_COMPLETE)
			assert_string_equal(out.result, "fine");
		else
			assert_null(out.result);
	}
}

static void sizes_read_as_they_were_written(void **state)
{
	(void)state;
	assert_string_equal(ending_size(INT64_C(512) << 20, &arena), "512 MB");
	assert_string_equal(ending_size(INT64_C(2) << 30, &arena), "2 GB");
	assert_string_equal(ending_size(64 << 10, &arena), "64 kB");
	assert_string_equal(ending_size(1536 << 10, &arena), "1536 kB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_cause_has_its_end),
	    cmocka_unit_test(sizes_read_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
