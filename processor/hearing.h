/*
 * Hearing: what a command says, on its way from its descriptors to the log and to the protocol.
 *
 * Secrets of the job are masked before anything else looks at the bytes, so neither the log nor a
 * step, result or error sentence made of them can hold one, nor a piece of one that was cut.
 */
#ifndef PROCESSOR_HEARING_H
#define PROCESSOR_HEARING_H

#include "processor/joblog.h"
#include "processor/mask.h"
#include "processor/protocol.h"

enum hearing_from { HEARING_STDOUT, HEARING_STDERR, HEARING_JSON, HEARING_MAX };

struct hearing {
	struct joblog *log;        /* borrowed, like the next */
	struct protocol *protocol; /* its mask is ours */
	struct mask *mask;         /* owned; NULL: there is no secret */
	struct mask_stream streams[HEARING_JSON];
	struct buf clean;
};

/* Begin; log and protocol are open. RC_LIMIT: too many secrets. Pair with hearing_close. */
enum rc hearing_open(struct hearing *h, struct joblog *log, struct protocol *protocol,
    const char *const *secrets, size_t n, struct err *err);
void hearing_close(struct hearing *h);

/* Bytes that arrived; and the end of a stream. */
void hearing_take(struct hearing *h, enum hearing_from from, const char *data, size_t len);
void hearing_end(struct hearing *h, enum hearing_from from);

#endif
