/*
 * Endings: from how an attempt ended to what becomes of the job, and why, in words a person
 * understands.
 */
#ifndef PROCESSOR_ENDING_H
#define PROCESSOR_ENDING_H

#include "core/claim.h"
#include "processor/message.h"

/* Why the supervisor stopped an attempt. */
enum stop_why {
	STOP_NONE,
	STOP_CANCEL,   /* the job was cancelled, or is to be deleted */
	STOP_HANDBACK, /* we are leaving: somebody else runs it */
	STOP_LOST      /* the lease is gone: nothing may be written any more */
};

struct ending {
	const struct message_end *end; /* for RUN_CRASHED only its cause counts */
	enum stop_why stopped;
	unsigned retry_on;                                  /* RETRY_… of its type */
	int64_t timeout_ms, memory_bytes, output_max_bytes; /* limits it ran under */
	int64_t retry_count;                                /* of the job, before this end */
	int64_t backoff_ms;
};

/* Fill *out, all but the outputs; texts lie in the arena. Not for STOP_LOST. */
void ending_decide(const struct ending *e, struct arena *a, struct claim_end *out);

/* "512 MB" of a limit: the unit it was written in. */
const char *ending_size(int64_t bytes, struct arena *a);

#endif
