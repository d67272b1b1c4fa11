/*
 * The job protocol as the runner reads it: lines on stdout and stderr, JSON lines on descriptor 3.
 *
 * Everything here comes from a command nobody vetted: lines are bounded (the rest of a longer one
 * is skipped), texts are made valid UTF-8 without control characters, progress only moves forward.
 */
#ifndef PROCESSOR_PROTOCOL_H
#define PROCESSOR_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "processor/mask.h"
#include "processor/message.h"

#define PROTOCOL_LINE_MAX 4096

/* Splits a stream at \n and \r. */
struct line_reader {
	char line[PROTOCOL_LINE_MAX + 1];
	size_t len;
};

/* What is known so far. Zeroed by the caller, before protocol_init. */
struct protocol {
	bool items;              /* NN/MM lines count as progress */
	bool changed;            /* progress moved since the caller cleared this */
	const struct mask *mask; /* borrowed; for texts on descriptor 3. NULL: none */
	struct message_progress progress;
	char result[RESULT_MAX];   /* given on descriptor 3 */
	char last_out[RESULT_MAX]; /* last stdout line that is not progress and not empty */
	char last_error[512];      /* last stderr line that is not empty */
	struct line_reader out, error, json;
};

void protocol_init(struct protocol *p, bool items);

/* Bytes that arrived on stdout, on stderr, on descriptor 3. */
void protocol_stdout(struct protocol *p, const char *data, size_t len);
void protocol_stderr(struct protocol *p, const char *data, size_t len);
void protocol_json(struct protocol *p, const char *data, size_t len);

/* The streams have ended: what is left of a last line counts as one. */
void protocol_finish(struct protocol *p);

/* The result: given, or the last line of stdout; "" if there is neither. Borrowed. */
const char *protocol_result(const struct protocol *p);

/* Make text fit for people: escape sequences and control characters dropped, blanks at both ends
 * trimmed, invalid UTF-8 replaced by '?', cut at a character boundary. out is NUL-terminated. */
void protocol_clean(const char *in, size_t len, char *out, size_t size);

#endif
