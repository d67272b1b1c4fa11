/*
 * Reading a log that may be written at the same time. The writer says "busy" in the trailer before
 * it touches mark and tail, and puts the new figures there afterwards; so what was read between two
 * equal looks at the trailer is whole.
 */
#include "core/logfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 6
#define PAUSE_NS 1000000

/* Text, then blanks up to a line end. */
static void pad(char *out, size_t size, const char *text)
{
	memset(out, ' ', size);
	memcpy(out, text, strlen(text));
	out[size - 1] = '\n';
	out[size] = '\0';
}

void logfile_mark(const struct logfile_shape *s, char out[static LOGFILE_MARK + 1])
{
	char text[LOGFILE_MARK];

	snprintf(text, sizeof text, "\n[dropmill] %" PRId64 " bytes left out here",
	    s->total - s->head - s->tail);
	pad(out, LOGFILE_MARK, text);
}

void logfile_trailer(const struct logfile_shape *s, char out[static LOGFILE_TRAILER + 1])
{
	char text[LOGFILE_TRAILER];

	snprintf(text, sizeof text,
	    "\n[dropmill] %" PRId64 " bytes in all, of them the first %" PRId64
	    " and the last %" PRId64,
	    s->total, s->head, s->tail);
	pad(out, LOGFILE_TRAILER, text);
}

void logfile_trailer_busy(char out[static LOGFILE_TRAILER + 1])
{
	pad(out, LOGFILE_TRAILER, "\n[dropmill] being written");
}

/* What a trailer says; false: it is none of a file of this size. */
static bool read_trailer(const char *text, int64_t size, struct logfile_shape *s)
{
	char same[LOGFILE_TRAILER + 1];

	/* Bounded before anything is added: these figures may be anybody's. */
	if (sscanf(text,
		"\n[dropmill] %15" SCNd64 " bytes in all, of them the first %15" SCNd64
		" and the last %15" SCNd64,
		&s->total, &s->head, &s->tail) != 3 ||
	    s->head < 0 || s->tail < 0 || s->total <= s->head + s->tail ||
	    size != s->head + LOGFILE_MARK + s->tail + LOGFILE_TRAILER)
		return false;
	logfile_trailer(s, same);
	s->cut = true;
	return memcmp(same, text, LOGFILE_TRAILER) == 0;
}

enum rc logfile_shape(int fd, struct logfile_shape *out, struct err *err)
{
	char text[LOGFILE_TRAILER + 1] = "", busy[LOGFILE_TRAILER + 1];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot look at a log");
	if (st.st_size > LOGFILE_TRAILER &&
	    pread(fd, text, LOGFILE_TRAILER, st.st_size - LOGFILE_TRAILER) < 0)
		return err_sys(err, "cannot read a log");
	logfile_trailer_busy(busy);
	if (memcmp(text, busy, LOGFILE_TRAILER) == 0)
		return err_set(err, RC_BUSY, "the log is being written");
	if (!read_trailer(text, st.st_size, out))
		*out = (struct logfile_shape){.total = st.st_size, .head = st.st_size};
	return RC_OK;
}

/* Read within one shape. */
static enum rc read_part(int fd, const struct logfile_shape *s, int64_t from, size_t most,
    struct buf *out, struct logfile_part *part, struct err *err)
{
	int64_t tail = s->total - s->tail, at = from, end = s->total;
	ssize_t n;

	*part = (struct logfile_part){.from = from, .next = from, .total = s->total};
	if (from >= s->total) {
		part->from = part->next = s->total;
		return RC_OK;
	}
	if (from < s->head) {
		end = s->head;
	} else if (from < tail) {
		part->from = tail;
		part->left_out = tail - from;
	}
	if (s->cut && part->from >= s->head)
		at = s->head + LOGFILE_MARK + (part->from - tail);
	if (end - part->from < (int64_t)most)
		most = (size_t)(end - part->from);
	n = pread(fd, buf_reserve(out, most), most, at);
	if (n < 0)
		return err_sys(err, "cannot read a log");
	out->len += (size_t)n;
	part->next = part->from + n;
	part->gap = s->cut && part->next == s->head;
	return RC_OK;
}

static bool same_shape(const struct logfile_shape *a, const struct logfile_shape *b)
{
	/* A plain log only grows: what was there is there. */
	return a->cut == b->cut && (!a->cut || a->total == b->total);
}

enum rc logfile_read(int fd, bool live, int64_t from, size_t most, struct buf *out,
    struct logfile_part *part, struct err *err)
{
	struct logfile_shape before, after;
	size_t len = out->len;
	enum rc rc = RC_BUSY;

	for (int i = 0; i < TRIES && rc == RC_BUSY; i++) {
		if (i)
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
		out->len = len;
		rc = logfile_shape(fd, &before, err);
		if (!rc)
			rc = read_part(fd, &before, from, most, out, part, err);
		if (!rc)
			rc = logfile_shape(fd, &after, err);
		if (!rc && !same_shape(&before, &after))
			rc = RC_BUSY;
	}
	out->len = rc == RC_OK ? out->len : len;
	if (rc != RC_BUSY || live)
		return rc;
	before = (struct logfile_shape){.total = lseek(fd, 0, SEEK_END)};
	before.head = before.total;
	return read_part(fd, &before, from, most, out, part, err);
}
