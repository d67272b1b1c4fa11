/*
 * Reading a text file as UTF-8.
 */
#include "tools/lib/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/lib/tool.h"

#define PIECE (256u << 10)

static ssize_t read_raw(int fd, void *to, size_t cap)
{
	ssize_t n;

	do
		n = read(fd, to, cap);
	while (n < 0 && errno == EINTR);
	return n;
}

static enum rc look_through(struct source *s, struct encoding_check *check,
    source_progress *progress, struct err *err)
{
	char *piece = malloc(PIECE);
	uint64_t done = 0;
	ssize_t n = 0;

	if (!piece)
		return err_sys(err, "cannot start");
	while ((n = read_raw(s->fd, piece, PIECE)) > 0) {
		encoding_check_feed(check, piece, (size_t)n);
		done += (uint64_t)n;
		if (progress)
			progress(done, s->size);
	}
	free(piece);
	return n < 0 ? err_sys(err, "cannot read the file") : RC_OK;
}

enum rc source_open(struct source *s, const char *path, source_progress *progress, struct err *err)
{
	struct encoding_check check;

	*s = (struct source){ .fd = -1 };
	buf_init(&s->decoded);
	if (tool_open(path, &s->fd, &s->size, err))
		return err->rc;
	encoding_check_init(&check);
	if (look_through(s, &check, progress, err))
		goto fail;
	s->encoding = encoding_check_guess(&check, true);
	s->marked = encoding_mark(&check) > 0;
	if (!check.offset)
		err_set(err, RC_INVALID, "the file is empty");
	else if (s->encoding == ENCODING_BINARY)
		err_set(err, RC_INVALID, "the file is not text: byte %" PRIu64 " is zero",
		    check.nul_at + 1);
	else if (source_rewind(s, err) == RC_OK)
		return RC_OK;
fail:
	source_close(s);
	return err->rc;
}

enum rc source_rewind(struct source *s, struct err *err)
{
	/* A mark in front of UTF-8 is three bytes, in front of UTF-16 two. */
	off_t start = !s->marked ? 0 : s->encoding >= ENCODING_UTF16LE ? 2 : 3;

	if (lseek(s->fd, start, SEEK_SET) < 0)
		return err_sys(err, "cannot read the file from the beginning");
	s->offset = (uint64_t)start;
	s->at_end = false;
	s->decoded_at = 0;
	buf_clear(&s->decoded);
	decoder_init(&s->decoder, s->encoding);
	return RC_OK;
}

/* Decode the next piece; s->at_end when there was none. */
static ssize_t decode_more(struct source *s)
{
	char piece[16384];
	ssize_t n = read_raw(s->fd, piece, sizeof piece);

	if (n < 0)
		return -1;
	buf_clear(&s->decoded);
	s->decoded_at = 0;
	if (n)
		decoder_feed(&s->decoder, piece, (size_t)n, &s->decoded);
	else
		decoder_end(&s->decoder, &s->decoded);
	s->at_end = n == 0;
	s->offset += (uint64_t)n;
	return n;
}

ssize_t source_read(void *source, char *to, size_t cap)
{
	struct source *s = source;
	size_t n;

	if (s->encoding == ENCODING_ASCII || s->encoding == ENCODING_UTF8) {
		ssize_t got = read_raw(s->fd, to, cap);

		s->offset += got > 0 ? (uint64_t)got : 0;
		return got;
	}
	while (s->decoded_at == s->decoded.len && !s->at_end)
		if (decode_more(s) < 0)
			return -1;
	n = s->decoded.len - s->decoded_at;
	if (n > cap)
		n = cap;
	memcpy(to, s->decoded.data + s->decoded_at, n);
	s->decoded_at += n;
	return (ssize_t)n;
}

void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	buf_release(&s->decoded);
}
