/*
 * The life of a job: states, actions, and the one table that says which action leads where.
 *
 * Pages and API show the actions this table allows and nothing else.
 */
#ifndef CORE_JOB_STATE_H
#define CORE_JOB_STATE_H

#include <stdbool.h>

enum job_status {
	JOB_PENDING,
	JOB_PROCESSING,
	JOB_PAUSED,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_REMOVED,
	JOB_STATUS_MAX
};

enum job_action {
	JOB_CLAIM,    /* a processor takes it */
	JOB_COMPLETE, /* its command succeeded */
	JOB_FAIL,     /* its command failed for good */
	JOB_RELEASE,  /* back to pending: automatic retry, lost lease, graceful stop */
	JOB_CANCEL,
	JOB_RETRY,
	JOB_PAUSE,  /* a running one is frozen where it is */
	JOB_RESUME, /* of one that has no processes: it waits for its turn */
	JOB_THAW,   /* what JOB_RESUME means while its frozen processes are there */
	JOB_REMOVE, /* files deleted, record kept */
	JOB_DELETE, /* record and files deleted; a live job is cancelled first */
	JOB_ACTION_MAX
};

/* Lower-case names as the API shows them. */
const char *job_status_name(enum job_status s);
const char *job_action_name(enum job_action a);

/* Canonical names and the synonyms queued, running, ok, canceled, waiting, in any case.
 * JOB_STATUS_MAX: none of them. */
enum job_status job_status_parse(const char *s);

/* The state after `a` on a job in state `from`, or JOB_STATUS_MAX if that is not allowed.
 * JOB_DELETE answers with `from` itself where allowed. */
enum job_status job_next(enum job_status from, enum job_action a);

/* What people may ask for, in the order in which it is shown; each by job_next(). */
#define JOB_ASKED_MAX 5
extern const enum job_action job_asked[JOB_ASKED_MAX];

/* Completed, failed, cancelled, removed. */
bool job_status_final(enum job_status s);

#endif
