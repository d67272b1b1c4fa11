/*
 * A small table of texts with counts, until it overflows into a distinct counter.
 */
#include "tools/lib/values.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "core/buf.h"
#include "tools/lib/distinct.h"

#define DISTINCT_BYTES (24u << 20)
#define KEPT_BYTES (12u << 20) /* tables of texts of all columns */
#define KEPT_MIN 16            /* different texts kept in a column */
#define KEPT_MAX 1024
#define SLOTS_FIRST 32

struct values_pool {
	struct distinct_pool *distinct;
	unsigned char key[crypto_shorthash_siphashx24_KEYBYTES];
	size_t kept_max;
};

struct kept {
	struct hash hash;
	uint64_t count;
	uint32_t text;
	uint16_t len;
	bool cut;
};

struct values {
	struct values_pool *pool;
	struct kept *slot; /* NULL once there are too many */
	size_t slots, used;
	struct buf texts;
	struct distinct *distinct;
};

struct values_pool *values_pool_new(size_t columns, const char *directory)
{
	struct values_pool *p = malloc(sizeof *p);
	/* A kept text takes two slots and, as a rule, less than half of what may be shown of it. */
	size_t each = 2 * sizeof(struct kept) + VALUES_SHOWN / 2;

	if (!p)
		bug("values: out of memory");
	if (getrandom(p->key, sizeof p->key, 0) != sizeof p->key)
		die(EX_OSERR, "no random numbers: %s", strerror(errno));
	p->distinct = distinct_pool_new(columns, DISTINCT_BYTES, directory);
	p->kept_max = KEPT_BYTES / each / (columns ? columns : 1);
	if (p->kept_max > KEPT_MAX)
		p->kept_max = KEPT_MAX;
	if (p->kept_max < KEPT_MIN)
		p->kept_max = KEPT_MIN;
	return p;
}

void values_pool_free(struct values_pool *p)
{
	if (p)
		distinct_pool_free(p->distinct);
	free(p);
}

enum rc values_pool_check(const struct values_pool *p, struct err *err)
{
	return distinct_pool_check(p->distinct, err);
}

static struct kept *new_slots(size_t slots)
{
	struct kept *p = calloc(slots, sizeof *p);

	if (!p)
		bug("values: out of memory");
	return p;
}

struct values *values_new(struct values_pool *p)
{
	struct values *v = malloc(sizeof *v);

	if (!v)
		bug("values: out of memory");
	*v = (struct values){ .pool = p, .slot = new_slots(SLOTS_FIRST), .slots = SLOTS_FIRST };
	buf_init(&v->texts);
	return v;
}

void values_free(struct values *v)
{
	if (!v)
		return;
	distinct_free(v->distinct);
	buf_release(&v->texts);
	free(v->slot);
	free(v);
}

/* The slot that holds the hash, or the free one where it belongs. */
static struct kept *find(struct kept *slot, size_t slots, struct hash h)
{
	size_t at = h.low & (slots - 1);

	while (slot[at].count && (slot[at].hash.low != h.low || slot[at].hash.high != h.high))
		at = (at + 1) & (slots - 1);
	return &slot[at];
}

static void grow(struct values *v)
{
	struct kept *old = v->slot;
	size_t old_slots = v->slots;

	v->slots *= 2;
	v->slot = new_slots(v->slots);
	for (size_t i = 0; i < old_slots; i++)
		if (old[i].count)
			*find(v->slot, v->slots, old[i].hash) = old[i];
	free(old);
}

static void overflow(struct values *v)
{
	v->distinct = distinct_new(v->pool->distinct);
	for (size_t i = 0; i < v->slots; i++)
		if (v->slot[i].count)
			distinct_add(v->distinct, v->slot[i].hash);
	free(v->slot);
	v->slot = NULL;
	buf_release(&v->texts);
}

/* How much of the text is kept: whole characters of UTF-8. */
static size_t shown(const char *text, size_t len)
{
	if (len <= VALUES_SHOWN)
		return len;
	len = VALUES_SHOWN;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void keep(
    struct values *v, struct kept *free_slot, struct hash h, const char *text, size_t len)
{
	size_t part = shown(text, len);

	*free_slot = (struct kept){ .hash = h, .count = 1, .text = (uint32_t)v->texts.len,
		.len = (uint16_t)part, .cut = part < len };
	buf_add(&v->texts, text, part);
	if (++v->used > v->pool->kept_max)
		overflow(v);
	else if (v->used * 2 > v->slots)
		grow(v);
}

void values_add(struct values *v, const char *text, size_t len)
{
	struct kept *slot;
	struct hash h;

	crypto_shorthash_siphashx24((unsigned char *)&h, (const unsigned char *)text, len,
	    v->pool->key);
	if (v->distinct) {
		distinct_add(v->distinct, h);
		return;
	}
	slot = find(v->slot, v->slots, h);
	if (slot->count)
		slot->count++;
	else
		keep(v, slot, h, text, len);
}

enum rc values_distinct(struct values *v, uint64_t *count, struct err *err)
{
	if (v->distinct)
		return distinct_count(v->distinct, count, err);
	*count = v->used;
	return RC_OK;
}

static int more_frequent(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

size_t values_top(const struct values *v, size_t most, struct value *out)
{
	struct value *all;
	size_t n = 0;

	if (!v->slot || !v->used)
		return 0;
	all = calloc(v->used, sizeof *all);
	if (!all)
		bug("values: out of memory");
	for (size_t i = 0; i < v->slots; i++)
		if (v->slot[i].count)
			all[n++] = (struct value){ v->texts.data + v->slot[i].text, v->slot[i].len,
				v->slot[i].cut, v->slot[i].count };
	qsort(all, n, sizeof *all, more_frequent);
	if (n > most)
		n = most;
	memcpy(out, all, n * sizeof *out);
	free(all);
	return n;
}
