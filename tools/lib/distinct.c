/*
 * Open addressing by the first bits of the hash. The table look-up of a new hash is put off until
 * the next one arrives, so that its cache line is on its way meanwhile.
 */
#include "tools/lib/distinct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_MIN 64
#define SLOTS_MAX (1u << 20)
#define PARTS_MAX 256       /* of a run, by the first 8 bits */
#define SLOTS_PER_PART 512  /* at least */
#define COUNT_SLOTS (1u << 20)
#define READ_HASHES 4096

struct distinct_pool {
	size_t slots_max; /* of one counter's set */
	size_t parts;     /* every run is ordered into as many */
	char directory[4096];
	int spill;
	uint64_t spilled;
	struct hash *scratch; /* a full set, ordered */
	struct err failure;
};

/* A set that was written: where, and where each part begins (in hashes; one more for the end). */
struct run {
	uint64_t offset;
	uint32_t *begin;
};

struct distinct {
	struct distinct_pool *pool;
	struct hash *slot;
	size_t slots, used;
	struct hash pending;
	struct run *run;
	size_t runs;
};

static void *allocate(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count, size);

	if (!p)
		bug("distinct: out of memory bytes=%zu", count * size);
	return p;
}

static struct hash *new_slots(size_t slots)
{
	struct hash *p = calloc(slots, sizeof *p);

	if (!p)
		bug("distinct: out of memory bytes=%zu", slots * sizeof *p);
	return p;
}

struct distinct_pool *distinct_pool_new(size_t counters, size_t bytes, const char *directory)
{
	struct distinct_pool *p = allocate(NULL, 1, sizeof *p);
	size_t share = bytes / sizeof(struct hash) / (counters ? counters : 1);

	*p = (struct distinct_pool){ .slots_max = SLOTS_MIN, .spill = -1 };
	while (p->slots_max * 2 <= share && p->slots_max < SLOTS_MAX)
		p->slots_max *= 2;
	p->parts = 1;
	while (p->parts < PARTS_MAX && p->slots_max / p->parts > SLOTS_PER_PART)
		p->parts *= 2;
	snprintf(p->directory, sizeof p->directory, "%s", directory);
	return p;
}

void distinct_pool_free(struct distinct_pool *p)
{
	if (!p)
		return;
	if (p->spill >= 0)
		close(p->spill);
	free(p->scratch);
	free(p);
}

struct distinct *distinct_new(struct distinct_pool *p)
{
	struct distinct *d = allocate(NULL, 1, sizeof *d);

	*d = (struct distinct){ .pool = p, .slots = SLOTS_MIN, .slot = new_slots(SLOTS_MIN) };
	return d;
}

void distinct_free(struct distinct *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->runs; i++)
		free(d->run[i].begin);
	free(d->run);
	free(d->slot);
	free(d);
}

static bool empty(struct hash h)
{
	return !(h.high | h.low);
}

/* Where the leading bits of a key lie in `count` equal parts of all keys. */
static size_t place_of(uint64_t key, size_t count)
{
	return (size_t)(((unsigned __int128)key * count) >> 64);
}

/* Whether the hash was new to the table, in which it is looked up from its key's place on. */
static bool insert(struct hash *slot, size_t slots, uint64_t key, struct hash h)
{
	size_t at = place_of(key, slots);

	while (!empty(slot[at])) {
		if (slot[at].low == h.low && slot[at].high == h.high)
			return false;
		at = at + 1 == slots ? 0 : at + 1;
	}
	slot[at] = h;
	return true;
}

static void grow(struct distinct *d)
{
	struct hash *old = d->slot;
	size_t old_slots = d->slots;

	d->slots *= 2;
	d->slot = new_slots(d->slots);
	for (size_t i = 0; i < old_slots; i++)
		if (!empty(old[i]))
			insert(d->slot, d->slots, old[i].high, old[i]);
	free(old);
}

static int open_spill(const char *directory)
{
	char path[4200];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	snprintf(path, sizeof path, "%s/.spill-XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static bool write_all(int fd, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return false;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		offset += n > 0 ? (uint64_t)n : 0;
	}
	return true;
}

/* Order the set into parts and write it as one run; the set is empty afterwards. */
static void spill(struct distinct *d)
{
	struct distinct_pool *p = d->pool;
	uint32_t *begin = allocate(NULL, p->parts + 1, sizeof *begin), place[PARTS_MAX];

	if (!p->scratch)
		p->scratch = allocate(NULL, p->slots_max, sizeof *p->scratch);
	memset(begin, 0, (p->parts + 1) * sizeof *begin);
	for (size_t i = 0; i < d->slots; i++)
		if (!empty(d->slot[i]))
			begin[place_of(d->slot[i].high, p->parts) + 1]++;
	for (size_t i = 0; i < p->parts; i++) {
		begin[i + 1] += begin[i];
		place[i] = begin[i];
	}
	for (size_t i = 0; i < d->slots; i++)
		if (!empty(d->slot[i]))
			p->scratch[place[place_of(d->slot[i].high, p->parts)]++] = d->slot[i];
	if (!p->failure.rc && p->spill < 0 && (p->spill = open_spill(p->directory)) < 0)
		err_sys(&p->failure, "cannot make a temporary file in the output directory");
	if (!p->failure.rc &&
	    !write_all(p->spill, p->scratch, d->used * sizeof(struct hash), p->spilled))
		err_sys(&p->failure, "cannot write the temporary file");
	d->run = allocate(d->run, d->runs + 1, sizeof *d->run);
	d->run[d->runs++] = (struct run){ p->spilled, begin };
	p->spilled += d->used * sizeof(struct hash);
	memset(d->slot, 0, d->slots * sizeof *d->slot);
	d->used = 0;
}

static void add_now(struct distinct *d, struct hash h)
{
	if (!insert(d->slot, d->slots, h.high, h))
		return;
	d->used++;
	if (d->used < d->slots / 4 * 3)
		return;
	if (d->slots < d->pool->slots_max)
		grow(d);
	else
		spill(d);
}

void distinct_add(struct distinct *d, struct hash h)
{
	struct hash before = d->pending;

	if (empty(h))
		h.low = 1; /* empty slots are zero; one hash in 2^128 changes */
	d->pending = h;
	__builtin_prefetch(&d->slot[place_of(h.high, d->slots)], 1);
	if (!empty(before))
		add_now(d, before);
}

/* One look at a part: the hashes whose last bits under `mask` are `bits`. The first bits of `high`
 * are the same in all of the part, so the table goes by `low`. */
struct look {
	size_t part;
	uint64_t mask, bits;
	struct hash *table;
	size_t slots, room; /* in use, and there */
};

static enum rc count_part(const struct distinct *d, const struct look *look, uint64_t *count,
    struct err *err)
{
	struct hash piece[READ_HASHES];

	for (size_t r = 0; r < d->runs; r++) {
		uint64_t at = d->run[r].begin[look->part], end = d->run[r].begin[look->part + 1];

		while (at < end) {
			size_t want = end - at < READ_HASHES ? (size_t)(end - at) : READ_HASHES;
			ssize_t n = pread(d->pool->spill, piece, want * sizeof *piece,
			    (off_t)(d->run[r].offset + at * sizeof *piece));

			if (n < 0 && errno == EINTR)
				continue;
			if (n < (ssize_t)sizeof *piece)
				return err_sys(err, "cannot read the temporary file");
			want = (size_t)n / sizeof *piece;
			for (size_t i = 0; i < want; i++)
				if ((piece[i].low & look->mask) == look->bits)
					*count += insert(
					    look->table, look->slots, piece[i].low, piece[i]);
			at += want;
		}
	}
	return RC_OK;
}

/* Hashes in one part of all runs. */
static uint64_t part_size(const struct distinct *d, size_t part)
{
	uint64_t size = 0;

	for (size_t r = 0; r < d->runs; r++)
		size += d->run[r].begin[part + 1] - d->run[r].begin[part];
	return size;
}

/* A table, all zero between two looks, for a part of that size. */
static void make_room(struct look *look, uint64_t size)
{
	size_t slots = SLOTS_MIN;

	while (slots < COUNT_SLOTS && slots < size * 2)
		slots *= 2;
	if (slots > look->room) {
		free(look->table);
		look->table = new_slots(slots);
		look->room = slots;
	}
	look->slots = slots;
}

enum rc distinct_count(struct distinct *d, uint64_t *count, struct err *err)
{
	struct look look = { 0 };
	enum rc rc = RC_OK;

	if (!empty(d->pending))
		add_now(d, d->pending);
	d->pending = (struct hash){ 0 };
	*count = d->used;
	if (!d->runs)
		return RC_OK;
	if (d->used)
		spill(d);
	free(d->slot);
	d->slot = NULL;
	rc = distinct_pool_check(d->pool, err);
	if (rc)
		return rc;
	*count = 0;
	for (; !rc && look.part < d->pool->parts; look.part++) {
		uint64_t size = part_size(d, look.part), rounds = 1;

		while (size / rounds > COUNT_SLOTS / 2)
			rounds *= 2;
		make_room(&look, size);
		look.mask = rounds - 1;
		for (look.bits = 0; !rc && look.bits < rounds; look.bits++) {
			rc = count_part(d, &look, count, err);
			memset(look.table, 0, look.slots * sizeof *look.table);
		}
	}
	free(look.table);
	return rc;
}

enum rc distinct_pool_check(const struct distinct_pool *p, struct err *err)
{
	if (p->failure.rc)
		*err = p->failure;
	return p->failure.rc;
}

uint64_t distinct_pool_spilled(const struct distinct_pool *p)
{
	return p->spilled;
}
