/*
 * Reading attempts out of a history, from its end: the last one bears the job's number.
 */
#include "core/job_attempt.h"

static bool runs(enum job_status status)
{
	return status == JOB_PROCESSING || status == JOB_PAUSED;
}

/* A frozen job that goes on is processing again, without having been pending. */
static bool begins(const struct job_event *events, size_t i)
{
	return events[i].status == JOB_PROCESSING && i && !runs(events[i - 1].status);
}

struct job_attempt *job_attempts(const struct job *job, const struct job_event *events, size_t n,
    size_t most, struct arena *a, size_t *count)
{
	struct job_attempt *list = arena_alloc(a, (most ? most : 1) * sizeof *list);
	const struct job_event *end = NULL;
	int64_t number = job->attempt;

	*count = 0;
	for (size_t i = n; i-- > 0 && *count < most && number > 0;) {
		if (!runs(events[i].status))
			end = &events[i];
		if (!begins(events, i))
			continue;
		list[(*count)++] = (struct job_attempt){
		    .number = number,
		    .started_at = events[i].at,
		    .ended_at = end ? end->at : 0,
		    .status = end ? end->status : job->status,
		    .reason = end ? end->reason : NULL,
		};
		end = NULL;
		number--;
	}
	return list;
}
