/*
 * Arena: a list of chunks, newest first, carved from the front. An allocation larger than a
 * chunk gets a chunk of its own.
 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rc.h"

#define CHUNK_BYTES 16384u
/* Most that is kept for reuse. */
#define KEPT_BYTES 262144u

struct arena_chunk {
	struct arena_chunk *older;
	size_t bytes;
	_Alignas(16) char data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

static void use_chunk(struct arena *a, struct arena_chunk *c)
{
	a->head = c;
	a->next = c->data;
	a->end = c->data + c->bytes;
}

static struct arena_chunk *new_chunk(size_t bytes)
{
	struct arena_chunk *c = malloc(sizeof *c + bytes);

	if (!c)
		bug("arena: out of memory bytes=%zu", bytes);
	c->older = NULL;
	c->bytes = bytes;
	return c;
}

/* What took several chunks is likely to come again: one as large as all of them takes their place.
 */
void arena_clear(struct arena *a)
{
	struct arena_chunk *c = a->head;
	size_t bytes = 0;

	if (!c)
		return;
	while (c->older) {
		struct arena_chunk *older = c->older;

		bytes += c->bytes;
		free(c);
		c = older;
	}
	bytes += c->bytes;
	if (bytes > KEPT_BYTES)
		bytes = KEPT_BYTES;
	if (bytes > c->bytes) {
		free(c);
		c = new_chunk(bytes);
	}
	use_chunk(a, c);
}

void arena_release(struct arena *a)
{
	arena_clear(a);
	free(a->head);
	arena_init(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p;

	if (size > SIZE_MAX / 2)
		bug("arena: impossible allocation bytes=%zu", size);
	size = (size + 15) & ~(size_t)15;
	if (!a->head || size > (size_t)(a->end - a->next)) {
		size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
		struct arena_chunk *c = new_chunk(bytes);

		c->older = a->head;
		use_chunk(a, c);
	}
	p = a->next;
	a->next += size;
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

/* Printed where it will stand, if it fits there. */
char *arena_printf(struct arena *a, const char *fmt, ...)
{
	size_t room = a->head ? (size_t)(a->end - a->next) : 0;
	char *at = a->next, *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		bug("arena: unusable format");
	p = arena_alloc(a, (size_t)n + 1);
	if (p == at && (size_t)n < room)
		return p;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

char *arena_join(struct arena *a, const char *first, ...)
{
	size_t len = 0;
	char *out, *to;
	va_list ap;

	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		len += strlen(s);
	va_end(ap);
	out = to = arena_alloc(a, len + 1);
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		to = stpcpy(to, s);
	va_end(ap);
	*to = '\0';
	return out;
}

void *arena_room(struct arena *a, void *list, size_t n, size_t *room, size_t size)
{
	void *grown;

	if (n < *room)
		return list;
	*room = *room ? 2 * *room : 8;
	grown = arena_alloc(a, *room * size);
	if (n)
		memcpy(grown, list, n * size);
	return grown;
}
