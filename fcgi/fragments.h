/*
 * The last rendering of each view of the job table, kept by this process.
 *
 * A fragment is the same for everybody who looks at a project, so a thousand viewers cost one
 * rendering per change. Bounded in number and bytes; the least recently used goes first.
 */
#ifndef FCGI_FRAGMENTS_H
#define FCGI_FRAGMENTS_H

#include <stdint.h>

#include "core/buf.h"

#define FRAGMENTS_MAX 64
#define FRAGMENT_BYTES_MAX 262144

struct fragment {
	char *view; /* canonical name: project, role and filter; heap */
	int64_t version;
	uint64_t used;
	struct buf html;
};

struct fragments {
	struct fragment list[FRAGMENTS_MAX];
	size_t most; /* how many are kept, at most FRAGMENTS_MAX; set by the owner */
	size_t n;
	uint64_t clock;
};

void fragments_release(struct fragments *f);

/* The rendering of that view at that version, or NULL. Borrowed until the next fragments_put. */
const struct buf *fragments_get(struct fragments *f, const char *view, int64_t version);

/* Keep a copy. */
void fragments_put(struct fragments *f, const char *view, int64_t version, const struct buf *html);

#endif
