/*
 * The file of a job's log: how a runner writes it and anybody reads it, maybe at the same time.
 *
 * A log that kept within its bound is plain text. One that did not is cut: the head, a mark, the
 * tail, and a trailer, all of fixed lengths from then on. The tail is written anew in place as more
 * comes; the trailer says meanwhile that the rest cannot be relied on. So the file reads well as
 * it is, by whoever opens or downloads it, and a reader here gets whole parts only.
 *
 * Positions are logical: the n-th byte the command wrote, whether it was kept or not. A position
 * stays good while the log grows, and bytes that were left out are skipped.
 *
 * What a command writes may look like mark and trailer. It can thereby confuse the positions in its
 * own log, and nothing else.
 */
#ifndef CORE_LOGFILE_H
#define CORE_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/rc.h"

/* Length of the mark and of the trailer. */
#define LOGFILE_MARK 51
#define LOGFILE_TRAILER 96

/* How much was written, and what of it is in the file: all of it, or the first `head` and the last
 * `tail` bytes. */
struct logfile_shape {
	int64_t total, head, tail;
	bool cut;
};

/* The mark of a cut log; its trailer, and that of one which is being written. Each ends in a NUL
 * that is not part of it. */
void logfile_mark(const struct logfile_shape *s, char out[static LOGFILE_MARK + 1]);
void logfile_trailer(const struct logfile_shape *s, char out[static LOGFILE_TRAILER + 1]);
void logfile_trailer_busy(char out[static LOGFILE_TRAILER + 1]);

/* RC_BUSY: it is being written just now. */
enum rc logfile_shape(int fd, struct logfile_shape *out, struct err *err);

/* A part that was read: what is in it begins at `from`, maybe later than was asked for, and the
 * next part begins at `next`. */
struct logfile_part {
	int64_t from, next, total;
	int64_t left_out; /* bytes that were asked for and are not there any more */
	bool gap;         /* what follows at `next` was left out */
};

/* Append up to `most` bytes from position `from` on; nothing at the end and behind it. RC_BUSY: it
 * is being written, ask again; only if it is `live`: a writer that died over it has left what there
 * is, in the order in which it lies. */
enum rc logfile_read(int fd, bool live, int64_t from, size_t most, struct buf *out,
    struct logfile_part *part, struct err *err);

#endif
