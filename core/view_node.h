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
	uint64_t tag;
	struct view value;
	uint32_t key_len;
};

/* An object or a list; view is its first member. `seen` has the bit (spread & 63) of every key set,
 * so most keys that are absent cost one test. `index`, from INDEX_FROM members on, is an
 * open-addressed table of index_size member numbers plus one, 0 for free. */
struct view_node {
	struct view view;
	struct arena *arena;
	uint64_t seen;
	uint32_t *index;
	uint32_t cap, index_size;
	uint32_t next; /* the member behind the one that was set last */
};

/* Address of this is the seed: keys of untrusted JSON cannot be chosen to collide. */
extern char view_seed;

static inline uint64_t view_load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* What keys are told apart by: those of up to 7 bytes are their own tag (bytes and length), longer
 * ones are hashed and have the top bit set, so equal tags of these still need a comparison. */
static inline uint64_t view_tag(const char *key, size_t len)
{
	uint64_t h;
	unsigned __int128 m;

	if (len >= 4 && len < 8)
		return view_load(key, 4) | view_load(key + len - 4, 4) << 8 * (len - 4) |
		       (uint64_t)len << 56;
	if (len < 4)
		return len ? (uint64_t)(unsigned char)key[0] |
				 (uint64_t)(unsigned char)key[len / 2] << 8 * (len / 2) |
				 (uint64_t)(unsigned char)key[len - 1] << 8 * (len - 1) |
				 (uint64_t)len << 56
			   : 0;
	h = (uint64_t)(uintptr_t)&view_seed ^ (len * 0x9e3779b97f4a7c15u);
	for (; len > 16; key += 8, len -= 8) {
		h = (h ^ view_load(key, 8)) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	m = (unsigned __int128)(view_load(key, 8) ^ h) *
	    (view_load(key + len - 8, 8) ^ 0xe7037ed1a0b428dbu);
	return (h ^ (uint64_t)m ^ (uint64_t)(m >> 64)) | 1ull << 63;
}

/* Tags spread evenly, for places in tables. */
static inline uint32_t view_spread(uint64_t tag)
{
	return (uint32_t)(tag * ((uint64_t)(uintptr_t)&view_seed * 0x9e3779b97f4a7c15u | 1) >> 32);
}

/* Of at least 8 bytes; the last 8 may overlap what was compared before. */
static inline bool view_same(const char *a, const char *b, size_t len)
{
	for (; len > 8; a += 8, b += 8, len -= 8)
		if (view_load(a, 8) != view_load(b, 8))
			return false;
	return view_load(a + len - 8, 8) == view_load(b + len - 8, 8);
}

static inline bool view_key_is(
    const struct view_member *m, const char *key, size_t len, uint64_t tag)
{
	return m->tag == tag && (len < 8 || (m->key_len == len && view_same(m->key, key, len)));
}

/* The value a slot stands for. */
static inline const struct view *view_deref(const struct view *v)
{
	return v->type == VIEW_LINK ? v->link : v;
}

/* A key to look up, prepared once. `hint` is the place it was found at last time. */
struct view_key {
	const char *s;
	uint64_t tag;
	uint32_t len, spread, hint;
};

/* What view_find does when neither the hint nor `seen` settle it. */
const struct view *view_seek(const struct view *obj, struct view_key *key);

/* The member of that name, or NULL. obj must be an object. */
static inline const struct view *view_find(const struct view *obj, struct view_key *key)
{
	if (key->hint < obj->len &&
	    view_key_is(obj->members + key->hint, key->s, key->len, key->tag))
		return view_deref(&obj->members[key->hint].value);
	if (!(((const struct view_node *)obj)->seen >> (key->spread & 63) & 1))
		return NULL;
	return view_seek(obj, key);
}

static inline struct view_key view_key(const char *s, size_t len)
{
	uint64_t tag = view_tag(s, len);

	return (struct view_key){
	    .s = s, .tag = tag, .len = (uint32_t)len, .spread = view_spread(tag)};
}

/* Print into `out` as JavaScript prints a number: the shortest digits that read back as the same
 * number, an exponent only from 1e21 up and below 1e-6;
 * nothing for an infinite one. Returns the length; there is
 * no NUL. */
size_t view_print_real(double d, char out[static 40]);
size_t view_print_int(int64_t i, char out[static 24]);

#endif
