/*
 * Masking: a filter for what a command says, that puts ••• where a secret parameter of its job
 * stands.
 *
 * It works on streams: a secret is found wherever reads happen to cut it, and no more is held back
 * than what may still become one. Of secrets that overlap in the text every byte is covered, and
 * neighbours share one mark, so that the mark does not tell their length. A secret of several lines
 * (a key file) is looked for line by line.
 *
 * A line shorter than MASK_MIN bytes is not looked for, unless the secret has none that is longer:
 * masking every "1" would leave no log and hide nothing. A secret in other clothes (base64,
 * reversed) is not recognised: this guards against carelessness, not against the command.
 */
#ifndef PROCESSOR_MASK_H
#define PROCESSOR_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/rc.h"

#define MASK_MIN 4
#define MASK_BYTES_MAX (256 * 1024) /* of all secrets of a job together */
#define MASK_TEXT "•••"

/* What is to be masked; opaque. Never changes once it is made: any number of streams may use it. */
struct mask;

/* A mask for these texts. *out is NULL, which masks nothing, when none of them is long enough.
 * RC_LIMIT past MASK_BYTES_MAX. Pair with mask_free. */
enum rc mask_new(const char *const *secrets, size_t n, struct mask **out, struct err *err);
void mask_free(struct mask *m);

/* One stream that is filtered. */
struct mask_stream {
	const struct mask *mask; /* borrowed; not NULL */
	uint32_t state, at, held, covered;
	bool marked;     /* the last thing given out was a mark */
	char *bytes;     /* owned, like the next: a ring of what is held back */
	uint32_t *reach; /* how long the longest secret is that begins at this byte */
};

void mask_stream_init(struct mask_stream *s, const struct mask *m);
void mask_stream_release(struct mask_stream *s);

/* Append to out what is certain after these bytes; and, at the end of the stream, the rest. */
void mask_feed(struct mask_stream *s, const char *data, size_t len, struct buf *out);
void mask_finish(struct mask_stream *s, struct buf *out);

/* A whole text. A mask of NULL copies it. */
void mask_text(const struct mask *m, const char *text, size_t len, struct buf *out);

#endif
