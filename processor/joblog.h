/*
 * The log of one attempt on disk, bounded: the head of what it wrote, a mark that says how much was
 * left out, and the tail (core/logfile.h).
 *
 * What fits is written as it comes. Once the bound is reached the newest bytes go round in a ring
 * in memory, which joblog_flush writes behind the head, each time in the same place: the file never
 * grows past its bound, however much a command writes, and a reader of a running job sees the
 * newest lines.
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
	int64_t head_max, head; /* bytes of the head allowed, and written */
	int64_t total;          /* bytes the attempt has produced */
	char *ring;             /* owned */
	size_t ring_size, ring_at;
	bool dirty, failed; /* failed: the disk refused; further output is only counted */
};

/* Begin on an empty file. Pair with joblog_release. */
void joblog_init(struct joblog *log, int fd, int64_t max_bytes);
void joblog_release(struct joblog *log);

void joblog_write(struct joblog *log, const char *data, size_t len);

/* A line of our own, marked as such. */
void joblog_note(struct joblog *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bring the tail to the file. Cheap when nothing changed. */
void joblog_flush(struct joblog *log);

#endif
