/*
 * The attempts at a job, as its history tells them: an attempt begins when a pending job is claimed
 * and ends with the next state in which it neither runs nor is frozen.
 */
#ifndef CORE_JOB_ATTEMPT_H
#define CORE_JOB_ATTEMPT_H

#include "core/job.h"

struct job_attempt {
	int64_t number;               /* from 1 */
	int64_t started_at, ended_at; /* wall ms; ended_at 0: not yet */
	enum job_status status;       /* it led to; JOB_PENDING: the job is to run again */
	const char *reason;           /* borrowed from the history; may be NULL */
};

/* Newest first, at most `most`; array in the arena. `events` is the history, oldest first. */
struct job_attempt *job_attempts(const struct job *job, const struct job_event *events, size_t n,
    size_t most, struct arena *a, size_t *count);

#endif
