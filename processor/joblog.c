/*
 * Writing the bounded log.
 */
#include "processor/joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for the line about what was left out. */
#define MARK_MAX 128

static void put(struct joblog *log, const char *data, size_t len, int64_t at)
{
	while (len && !log->failed) {
		ssize_t n = pwrite(log->fd, data, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log->failed = true;
			return;
		}
		data += n;
		len -= (size_t)n;
		at += n;
	}
}

enum rc joblog_init(struct joblog *log, int fd, int64_t max_bytes, int64_t attempt, struct err *err)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	int64_t left;

	*log = (struct joblog){.fd = fd};
	/* The tail is rewritten in place; a descriptor for appending ignores positions. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot use the log file");
	log->start = st.st_size;
	/* A full log of earlier attempts makes room for this one. */
	if (log->start > max_bytes / 2) {
		log->start = 0;
		if (ftruncate(fd, 0) < 0)
			return err_sys(err, "cannot empty the log file");
	}
	left = max_bytes - log->start - MARK_MAX;
	log->ring_size = JOBLOG_TAIL_MAX;
	if ((int64_t)log->ring_size > left / 2)
		log->ring_size = left > 2 ? (size_t)(left / 2) : 1;
	log->head_max = left > (int64_t)log->ring_size ? left - (int64_t)log->ring_size : 0;
	if (attempt > 1 && log->start)
		joblog_note(log, "attempt %" PRId64, attempt);
	return RC_OK;
}

void joblog_release(struct joblog *log)
{
	free(log->ring);
	log->ring = NULL;
}

static void ring_add(struct joblog *log, const char *data, size_t len)
{
	if (!log->ring && !(log->ring = malloc(log->ring_size)))
		abort();
	log->dirty = true;
	if (len >= log->ring_size) {
		memcpy(log->ring, data + len - log->ring_size, log->ring_size);
		log->ring_at = 0;
		log->ring_len = log->ring_size;
		return;
	}
	while (len) {
		size_t room = log->ring_size - log->ring_at, n = len < room ? len : room;

		memcpy(log->ring + log->ring_at, data, n);
		log->ring_at = (log->ring_at + n) % log->ring_size;
		log->ring_len =
		    log->ring_len + n < log->ring_size ? log->ring_len + n : log->ring_size;
		data += n;
		len -= n;
	}
}

void joblog_write(struct joblog *log, const char *data, size_t len)
{
	int64_t room = log->head_max - log->head;
	size_t n = (int64_t)len < room ? len : (size_t)room;

	log->total += (int64_t)len;
	put(log, data, n, log->start + log->head);
	log->head += (int64_t)n;
	if (n < len)
		ring_add(log, data + n, len - n);
}

void joblog_note(struct joblog *log, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	int n, head = snprintf(text, sizeof text, "[dropmill] ");

	va_start(ap, fmt);
	n = vsnprintf(text + head, sizeof text - (size_t)head - 1, fmt, ap);
	va_end(ap);
	n = n < 0 ? 0 : n;
	n = head + n < (int)sizeof text - 2 ? head + n : (int)sizeof text - 2;
	text[n++] = '\n';
	joblog_write(log, text, (size_t)n);
}

void joblog_flush(struct joblog *log)
{
	int64_t at = log->start + log->head,
		left_out = log->total - log->head - (int64_t)log->ring_len;
	size_t older = log->ring_len == log->ring_size ? log->ring_size - log->ring_at : 0;
	char mark[MARK_MAX];
	int n;

	if (!log->dirty || log->failed)
		return;
	log->dirty = false;
	if (left_out > 0) {
		n = snprintf(
		    mark, sizeof mark, "\n[dropmill] %" PRId64 " bytes left out here\n", left_out);
		put(log, mark, (size_t)n, at);
		at += n;
	}
	put(log, log->ring + log->ring_at, older, at);
	put(log, log->ring, log->ring_at, at + (int64_t)older);
	at += (int64_t)log->ring_len;
	/* The mark grows by a digit now and then, the tail never shrinks: nothing to cut as a rule.
	 */
	if (!log->failed && ftruncate(log->fd, at) < 0)
		log->failed = true;
}
