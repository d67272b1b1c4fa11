/*
 * Growable byte buffer on the heap, always followed by a NUL that is not counted.
 *
 * Like the arena it aborts when memory runs out, so adding never fails; whoever reads from outside
 * bounds what it adds.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Embedded by its owner; data and len may be read. data is never NULL after buf_init. */
struct buf {
	char *data;
	size_t len, cap;
};

void buf_init(struct buf *b);
void buf_release(struct buf *b);
/* Empty it, keep the memory. */
void buf_clear(struct buf *b);

/* Make room for `more` bytes and return where they go; the caller adds to len itself. */
char *buf_reserve(struct buf *b, size_t more);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static inline void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

#endif
