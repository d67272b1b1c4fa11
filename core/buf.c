/*
 * Growable byte buffer: doubles from 256 bytes; an empty one borrows a static NUL, so that a
 * buffer never used costs nothing.
 */
#include "core/buf.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/rc.h"

static char nothing[1];

void buf_init(struct buf *b)
{
	*b = (struct buf){ .data = nothing };
}

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t more)
{
	if (more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
		bug("buf: impossible size bytes=%zu", more);
	if (b->len + more + 1 > b->cap) {
		size_t cap = b->cap ? b->cap : 128;
		char *data;

		while (cap < b->len + more + 1)
			cap *= 2;
		data = realloc(b->cap ? b->data : NULL, cap);
		if (!data)
			bug("buf: out of memory bytes=%zu", cap);
		b->data = data;
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(buf_reserve(b, len), data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		bug("buf: unusable format");
	vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}
