/*
 * Arena: memory that is given back all at once, one per request and per job.
 *
 * Nothing allocated here is freed singly. Blocks are aligned to 16 bytes. Running out of memory
 * ends the process by abort(): inputs are bounded, so it means the host is failing, and the
 * supervisor restarts us. Hence no allocation here returns NULL.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* Embedded by its owner; fields are private. */
struct arena {
	struct arena_chunk *head;
	char *next, *end;
};

void arena_init(struct arena *a);
/* Forget every allocation but keep memory for as many, up to 256 KiB. */
void arena_clear(struct arena *a);
/* Give everything back; the arena may be used again as if just initialised. */
void arena_release(struct arena *a);

/* Uninitialised, and zeroed, memory of `size` bytes; size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size)
    __attribute__((malloc, alloc_size(2), returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size)
    __attribute__((malloc, alloc_size(2), returns_nonnull));

/* Copies that end in NUL. arena_strdup(a, NULL) is NULL. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
/* The texts one behind the other; NULL ends the list. */
char *arena_join(struct arena *a, const char *first, ...) __attribute__((sentinel));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A list of n elements of `size` bytes with room for one more: itself, or a grown copy. *room
 * counts elements; start with NULL and 0. */
void *arena_room(struct arena *a, void *list, size_t n, size_t *room, size_t size)
    __attribute__((returns_nonnull));

#endif
