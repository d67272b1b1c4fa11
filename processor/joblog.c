/*
 * Writing the bounded log.
 */
#include "processor/joblog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/logfile.h"

/* The disk refused at this offset: the reader is told in the place of the last bytes there are,
 * which takes no room. */
static void end_here(struct joblog *log, int64_t at)
{
	char text[160];
	int n = snprintf(
	    text, sizeof text, "\n[dropmill] the log ends here: %s\n", strerror(errno));

	log->failed = true;
	/* If even that is refused there is nothing to say it with. */
	if (pwrite(log->fd, text, (size_t)n, at > n ? at - n : 0) < 0)
		return;
}

static void put(struct joblog *log, const char *data, size_t len, int64_t at)
{
	while (len && !log->failed) {
		ssize_t n = pwrite(log->fd, data, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			end_here(log, at);
			return;
		}
		data += n;
		len -= (size_t)n;
		at += n;
	}
}

void joblog_init(struct joblog *log, int fd, int64_t max_bytes)
{
	int64_t room = max_bytes - LOGFILE_MARK - LOGFILE_TRAILER;

	*log = (struct joblog){.fd = fd, .ring_size = JOBLOG_TAIL_MAX};
	if ((int64_t)log->ring_size > room / 2)
		log->ring_size = room > 2 ? (size_t)(room / 2) : 1;
	log->head_max = room > (int64_t)log->ring_size ? room - (int64_t)log->ring_size : 0;
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
	if (len >= log->ring_size) {
		memcpy(log->ring, data + len - log->ring_size, log->ring_size);
		log->ring_at = 0;
		return;
	}
	while (len) {
		size_t room = log->ring_size - log->ring_at, n = len < room ? len : room;

		memcpy(log->ring + log->ring_at, data, n);
		log->ring_at = (log->ring_at + n) % log->ring_size;
		data += n;
		len -= n;
	}
}

void joblog_write(struct joblog *log, const char *data, size_t len)
{
	int64_t room = log->head_max - log->head, at = log->total;
	size_t n = (int64_t)len < room ? len : (size_t)room;

	log->total += (int64_t)len;
	log->head += (int64_t)n;
	if (n < len)
		ring_add(log, data + n, len - n);
	if (log->total <= log->head_max + (int64_t)log->ring_size) {
		/* Nothing is left out: the tail follows the head. */
		put(log, data, len, at);
	} else if (len) {
		put(log, data, n, at);
		log->dirty = true;
	}
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
	/* The ring is full: more was written than there is room for. */
	struct logfile_shape shape = {
	    .total = log->total, .head = log->head, .tail = (int64_t)log->ring_size, .cut = true};
	int64_t tail = log->head + LOGFILE_MARK, trailer = tail + shape.tail;
	size_t older = log->ring_size - log->ring_at;
	char mark[LOGFILE_MARK + 1], text[LOGFILE_TRAILER + 1];

	if (!log->dirty || log->failed)
		return;
	log->dirty = false;
	/* The trailer first and last: it tells readers when the rest holds. */
	logfile_trailer_busy(text);
	put(log, text, LOGFILE_TRAILER, trailer);
	logfile_mark(&shape, mark);
	put(log, mark, LOGFILE_MARK, log->head);
	put(log, log->ring + log->ring_at, older, tail);
	put(log, log->ring, log->ring_at, tail + (int64_t)older);
	logfile_trailer(&shape, text);
	put(log, text, LOGFILE_TRAILER, trailer);
}
