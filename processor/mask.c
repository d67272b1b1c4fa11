/*
 * Masking by an automaton (Aho and Corasick's): a tree of all secrets, where each node also knows
 * the longest end of its text that begins another secret. Its depth after a byte is how much of the
 * newest text may still become a secret; everything older is given out.
 */
#include "processor/mask.h"

#include <stdlib.h>
#include <string.h>

struct node {
	uint32_t child, sibling; /* first child, next child of the parent; 0: none */
	uint32_t fail; /* node of the longest proper end of this text that is in the tree */
	uint32_t depth;
	uint32_t match; /* length of the longest secret that ends here; 0: none does */
	unsigned char byte;
};

struct mask {
	struct node *nodes; /* [0] is the root */
	uint32_t count;
	uint32_t ring;       /* a power of two, more than the longest secret */
	uint32_t first[256]; /* the root's children by byte */
};

/* ---- making ---- */

static uint32_t child_of(const struct mask *m, uint32_t node, unsigned char byte)
{
	if (!node)
		return m->first[byte];
	for (uint32_t i = m->nodes[node].child; i; i = m->nodes[i].sibling)
		if (m->nodes[i].byte == byte)
			return i;
	return 0;
}

static void add_text(struct mask *m, const char *text, size_t len)
{
	uint32_t at = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		uint32_t next = child_of(m, at, byte);

		if (!next) {
			next = m->count++;
			m->nodes[next] = (struct node){
			    .byte = byte, .depth = (uint32_t)i + 1, .sibling = m->nodes[at].child};
			m->nodes[at].child = next;
			if (!at)
				m->first[byte] = next;
		}
		at = next;
	}
	m->nodes[at].match = (uint32_t)len;
	while (m->ring <= len)
		m->ring *= 2;
}

/* The lines of a secret, or all of it when they are too short to be looked for singly. */
static void add_secret(struct mask *m, const char *secret)
{
	size_t len = strlen(secret);
	bool any = false;

	for (const char *s = secret; *s;) {
		size_t n = strcspn(s, "\r\n");

		if (n >= MASK_MIN) {
			add_text(m, s, n);
			any = true;
		}
		s += n + (s[n] != '\0');
	}
	if (!any && len >= MASK_MIN)
		add_text(m, secret, len);
}

/* Nodes level by level: what a node falls back to lies above it and is known by then. */
static void link_nodes(struct mask *m)
{
	uint32_t *queue = malloc(m->count * sizeof *queue), n = 0;

	if (!queue)
		abort();
	for (uint32_t i = m->nodes[0].child; i; i = m->nodes[i].sibling)
		queue[n++] = i;
	for (uint32_t done = 0; done < n; done++) {
		uint32_t at = queue[done];

		for (uint32_t i = m->nodes[at].child; i; i = m->nodes[i].sibling) {
			uint32_t back = m->nodes[at].fail, to;

			while (!(to = child_of(m, back, m->nodes[i].byte)) && back)
				back = m->nodes[back].fail;
			m->nodes[i].fail = to;
			queue[n++] = i;
		}
		if (!m->nodes[at].match)
			m->nodes[at].match = m->nodes[m->nodes[at].fail].match;
	}
	free(queue);
}

enum rc mask_new(const char *const *secrets, size_t n, struct mask **out, struct err *err)
{
	struct mask *m;
	size_t bytes = 0;

	*out = NULL;
	for (size_t i = 0; i < n; i++)
		if ((bytes += strlen(secrets[i])) > MASK_BYTES_MAX)
			return err_set(
			    err, RC_LIMIT, "secrets of more than %d KiB", MASK_BYTES_MAX / 1024);
	if (!bytes)
		return RC_OK;
	if (!(m = calloc(1, sizeof *m)) || !(m->nodes = calloc(bytes + 1, sizeof *m->nodes)))
		abort();
	m->count = 1;
	m->ring = 2 * MASK_MIN;
	for (size_t i = 0; i < n; i++)
		add_secret(m, secrets[i]);
	if (m->count == 1) {
		mask_free(m);
		return RC_OK;
	}
	link_nodes(m);
	*out = m;
	return RC_OK;
}

void mask_free(struct mask *m)
{
	if (m)
		free(m->nodes);
	free(m);
}

/* ---- filtering ---- */

void mask_stream_init(struct mask_stream *s, const struct mask *m)
{
	*s = (struct mask_stream){.mask = m};
	s->bytes = malloc(m->ring);
	s->reach = malloc(m->ring * sizeof *s->reach);
	if (!s->bytes || !s->reach)
		abort();
}

void mask_stream_release(struct mask_stream *s)
{
	free(s->bytes);
	free(s->reach);
	*s = (struct mask_stream){0};
}

/* Give out the oldest bytes until only `keep` are held back. */
static void give(struct mask_stream *s, uint32_t keep, struct buf *out)
{
	for (; s->held > keep; s->held--) {
		if (s->reach[s->at] > s->covered)
			s->covered = s->reach[s->at];
		if (!s->covered)
			buf_addc(out, s->bytes[s->at]);
		else if (!s->marked)
			buf_adds(out, MASK_TEXT);
		s->marked = s->covered > 0;
		s->covered -= s->marked;
		s->at = (s->at + 1) & (s->mask->ring - 1);
	}
}

/* Take one byte in: move on in the tree, and note a secret that ends with it. */
static void take(struct mask_stream *s, unsigned char byte)
{
	const struct mask *m = s->mask;
	uint32_t wrap = m->ring - 1, here = (s->at + s->held) & wrap, next, match;

	while (!(next = child_of(m, s->state, byte)) && s->state)
		s->state = m->nodes[s->state].fail;
	s->state = next;
	s->bytes[here] = (char)byte;
	s->reach[here] = 0;
	s->held++;
	match = m->nodes[next].match;
	if (match) {
		uint32_t from = (here + 1 - match) & wrap;

		if (s->reach[from] < match)
			s->reach[from] = match;
	}
	/* What cannot grow any longer need not wait for the next byte. */
	while (s->state && !m->nodes[s->state].child)
		s->state = m->nodes[s->state].fail;
}

void mask_feed(struct mask_stream *s, const char *data, size_t len, struct buf *out)
{
	const struct mask *m = s->mask;
	const char *end = data + len;

	while (data < end) {
		const char *from = data;

		if (!s->held) {
			while (data < end && !m->first[(unsigned char)*data])
				data++;
			if (data > from) {
				buf_add(out, from, (size_t)(data - from));
				s->marked = false;
				continue;
			}
		}
		take(s, (unsigned char)*data++);
		give(s, m->nodes[s->state].depth, out);
	}
}

void mask_finish(struct mask_stream *s, struct buf *out)
{
	give(s, 0, out);
	s->state = 0;
}

void mask_text(const struct mask *m, const char *text, size_t len, struct buf *out)
{
	struct mask_stream s;

	if (!m) {
		buf_add(out, text, len);
		return;
	}
	mask_stream_init(&s, m);
	mask_feed(&s, text, len, out);
	mask_finish(&s, out);
	mask_stream_release(&s);
}
