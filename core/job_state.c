/*
 * States, actions and the transition table.
 */
#include "core/job_state.h"

#include <stddef.h>
#include <strings.h>

static const char *const status_names[JOB_STATUS_MAX] = {
    [JOB_PENDING] = "pending",
    [JOB_PROCESSING] = "processing",
    [JOB_PAUSED] = "paused",
    [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "failed",
    [JOB_CANCELLED] = "cancelled",
    [JOB_REMOVED] = "removed",
};

static const char *const action_names[JOB_ACTION_MAX] = {
    [JOB_CLAIM] = "claim",
    [JOB_COMPLETE] = "complete",
    [JOB_FAIL] = "fail",
    [JOB_RELEASE] = "release",
    [JOB_CANCEL] = "cancel",
    [JOB_RETRY] = "retry",
    [JOB_PAUSE] = "pause",
    [JOB_RESUME] = "resume",
    [JOB_THAW] = "thaw",
    [JOB_REMOVE] = "remove",
    [JOB_DELETE] = "delete",
};

const enum job_action job_asked[JOB_ASKED_MAX] = {
    JOB_PAUSE, JOB_RESUME, JOB_CANCEL, JOB_RETRY, JOB_DELETE};

/* The life of a job: by state and action the state that follows, plus one. What is not listed is
 * not allowed. A paused job may still end: it was done before the pause reached its processes. */
static const unsigned char transitions[JOB_STATUS_MAX][JOB_ACTION_MAX] = {
    [JOB_PENDING] =
	{
	    [JOB_CLAIM] = JOB_PROCESSING + 1,
	    [JOB_CANCEL] = JOB_CANCELLED + 1,
	    [JOB_PAUSE] = JOB_PAUSED + 1,
	    [JOB_DELETE] = JOB_PENDING + 1,
	},
    [JOB_PROCESSING] =
	{
	    [JOB_COMPLETE] = JOB_COMPLETED + 1,
	    [JOB_FAIL] = JOB_FAILED + 1,
	    [JOB_RELEASE] = JOB_PENDING + 1,
	    [JOB_CANCEL] = JOB_CANCELLED + 1,
	    [JOB_PAUSE] = JOB_PAUSED + 1,
	    [JOB_DELETE] = JOB_PROCESSING + 1,
	},
    [JOB_PAUSED] =
	{
	    [JOB_RESUME] = JOB_PENDING + 1,
	    [JOB_THAW] = JOB_PROCESSING + 1,
	    [JOB_COMPLETE] = JOB_COMPLETED + 1,
	    [JOB_FAIL] = JOB_FAILED + 1,
	    [JOB_RELEASE] = JOB_PAUSED + 1,
	    [JOB_CANCEL] = JOB_CANCELLED + 1,
	    [JOB_DELETE] = JOB_PAUSED + 1,
	},
    [JOB_FAILED] =
	{
	    [JOB_RETRY] = JOB_PENDING + 1,
	    [JOB_REMOVE] = JOB_REMOVED + 1,
	    [JOB_DELETE] = JOB_FAILED + 1,
	},
    [JOB_CANCELLED] =
	{
	    [JOB_RETRY] = JOB_PENDING + 1,
	    [JOB_REMOVE] = JOB_REMOVED + 1,
	    [JOB_DELETE] = JOB_CANCELLED + 1,
	},
    [JOB_COMPLETED] =
	{
	    [JOB_REMOVE] = JOB_REMOVED + 1,
	    [JOB_DELETE] = JOB_COMPLETED + 1,
	},
    [JOB_REMOVED] =
	{
	    [JOB_DELETE] = JOB_REMOVED + 1,
	},
};

static const struct {
	const char *word;
	enum job_status status;
} synonyms[] = {
    {"queued", JOB_PENDING},
    {"waiting", JOB_PENDING},
    {"running", JOB_PROCESSING},
    {"ok", JOB_COMPLETED},
    {"canceled", JOB_CANCELLED},
};

const char *job_status_name(enum job_status s)
{
	return (unsigned)s < JOB_STATUS_MAX ? status_names[s] : "unknown";
}

const char *job_action_name(enum job_action a)
{
	return (unsigned)a < JOB_ACTION_MAX ? action_names[a] : "unknown";
}

enum job_status job_status_parse(const char *s)
{
	for (size_t i = 0; i < JOB_STATUS_MAX; i++)
		if (strcasecmp(s, status_names[i]) == 0)
			return (enum job_status)i;
	for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
		if (strcasecmp(s, synonyms[i].word) == 0)
			return synonyms[i].status;
	return JOB_STATUS_MAX;
}

enum job_status job_next(enum job_status from, enum job_action a)
{
	unsigned to = (unsigned)from < JOB_STATUS_MAX ? transitions[from][a] : 0;

	return to ? (enum job_status)(to - 1) : JOB_STATUS_MAX;
}

bool job_status_final(enum job_status s)
{
	return s >= JOB_COMPLETED && s < JOB_STATUS_MAX;
}
