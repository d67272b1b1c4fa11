/*
 * The inside of a view, for the two files that walk it at speed: core/view.c builds it and
 * core/mustache_render.c looks members up by a name that was hashed when the template was compiled.
 * Nobody else includes this.
 */
#ifndef CORE_VIEW_NODE_H
#define CORE_VIEW_NODE_H

#include <string.h>

#include "core/view.h"

/* In a slot, not seen from outside: the value is a container that stands elsewhere. */
#define VIEW_LINK VIEW_TYPE_MAX

/* One value. Scalars are held by value in the slot of their container; objects and lists are nodes
 * of their own that slots link to, so that a container may grow after it has been put. */
struct view {
	uint8_t type;
	uint32_t len; /* bytes, elements or members */
	union {
		bool b;
		int64_t i;
		double d;
		const char *s;
		struct view *items;
		struct view_member *members;
		const struct view *link;
	};
};

struct view_member {
	const char *key;
	uint32_t key_len;
	uint32_t hash;
	struct view value;
};

/* An object or a list; view is its first member. `seen` has the bit (hash & 63) of every key set, so
 * most keys that are absent cost one test. `index`, from INDEX_FROM members on, is an open-addressed
 * table of index_size member numbers plus one, 0 for free. */
struct view_node {
	struct view view;
	struct arena *arena;
	uint64_t seen;
	uint32_t *index;
	uint32_t cap, index_size;
};

/* Address of this is the seed: keys of untrusted JSON cannot be chosen to collide. */
extern char view_seed;

static inline uint64_t view_load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* Bytes up to 16 long are two overlapping loads; longer ones go in by steps of 8. */
static inline uint32_t view_hash(const char *key, size_t len)
{
	uint64_t h = (uint64_t)(uintptr_t)&view_seed ^ (len * 0x9e3779b97f4a7c15u);
	unsigned __int128 m;
	uint64_t a = 0, b = 0;

	while (len > 16) {
		h = (h ^ view_load(key, 8)) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		key += 8;
		len -= 8;
	}
	if (len >= 8) {
		a = view_load(key, 8);
		b = view_load(key + len - 8, 8);
	} else if (len >= 4) {
		a = view_load(key, 4);
		b = view_load(key + len - 4, 4);
	} else if (len) {
		a = (uint64_t)(unsigned char)key[0] << 16 | (uint64_t)(unsigned char)key[len / 2] << 8 |
		    (unsigned char)key[len - 1];
	}
	m = (unsigned __int128)(a ^ h) * (b ^ 0xe7037ed1a0b428dbu);
	h ^= (uint64_t)m ^ (uint64_t)(m >> 64);
	return (uint32_t)(h ^ h >> 32);
}

/* Keys are short: comparing them here beats a call. */
static inline bool view_same(const char *a, const char *b, size_t len)
{
	uint32_t x, y;

	for (; len >= 8; a += 8, b += 8, len -= 8)
		if (view_load(a, 8) != view_load(b, 8))
			return false;
	if (len >= 4) {
		memcpy(&x, a, 4);
		memcpy(&y, b, 4);
		if (x != y)
			return false;
		a += 4;
		b += 4;
		len -= 4;
	}
	for (; len; a++, b++, len--)
		if (*a != *b)
			return false;
	return true;
}

static inline bool view_key_is(
    const struct view_member *m, const char *key, size_t len, uint32_t hash)
{
	return m->hash == hash && m->key_len == len && view_same(m->key, key, len);
}

/* The value a slot stands for. */
static inline const struct view *view_deref(const struct view *v)
{
	return v->type == VIEW_LINK ? v->link : v;
}

/* What view_find does when neither the hint nor `seen` settle it. */
const struct view *view_seek(
    const struct view *obj, const char *key, size_t len, uint32_t hash, uint32_t *hint);

/* The member of that name, or NULL. *hint is the place it was found at last time, which is tried
 * first, and is left at the place where it is now. obj must be an object. */
static inline const struct view *view_find(
    const struct view *obj, const char *key, size_t len, uint32_t hash, uint32_t *hint)
{
	if (*hint < obj->len && view_key_is(obj->members + *hint, key, len, hash))
		return view_deref(&obj->members[*hint].value);
	if (!(((const struct view_node *)obj)->seen >> (hash & 63) & 1))
		return NULL;
	return view_seek(obj, key, len, hash, hint);
}

/* Print into `out` as JavaScript prints a number: the shortest digits that read back as the same
 * number, an exponent only from 1e21 up and below 1e-6;
 * nothing for an infinite one. Returns the length; there is
 * no NUL. */
size_t view_print_real(double d, char out[static 40]);
size_t view_print_int(int64_t i, char out[static 24]);

#endif
