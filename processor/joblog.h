/*
 * The log of one job on disk, bounded: the head of what it wrote, a line that says how much was
 * left out, and the tail.
 *
 * The head is written as it comes. Once it is full, the newest bytes go round in a ring in memory,
 * which is written behind the head when joblog_flush is called, each time in the same place: the
 * file never grows past its bound and a reader of a running job sees the newest lines. Earlier
 * attempts stay in front, each attempt after the first begins with a line that names it.
 */
#ifndef PROCESSOR_JOBLOG_H
#define PROCESSOR_JOBLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"

#define JOBLOG_TAIL_MAX (256 * 1024)

struct joblog {
	int fd;                 /* borrowed */
	int64_t start;          /* where this attempt begins in the file */
	int64_t head_max, head; /* bytes of this attempt's head allowed, and written */
	int64_t total;          /* bytes this attempt has produced */
	char *ring;             /* owned */
	size_t ring_size, ring_at, ring_len;
	bool dirty, failed; /* failed: the disk refused; further output is only counted */
};

/* Begin on an open file of any content. RC_SYS. Pair with joblog_release. */
enum rc joblog_init(
    struct joblog *log, int fd, int64_t max_bytes, int64_t attempt, struct err *err);
void joblog_release(struct joblog *log);

void joblog_write(struct joblog *log, const char *data, size_t len);

/* A line of our own, marked as such. */
void joblog_note(struct joblog *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bring the tail to the file. Cheap when nothing changed. */
void joblog_flush(struct joblog *log);

#endif
