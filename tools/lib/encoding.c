/*
 * Telling encodings apart, and decoders for the few that tables arrive in. They are written out
 * here because they are short, keep no state but one unit, and need no files of the system inside
 * the sandbox.
 */
#include "tools/lib/encoding.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u
#define SAMPLE 4096 /* bytes in which zeros at even and odd places are counted */

static const char *const names[ENCODING_MAX] = {
	[ENCODING_ASCII] = "ascii",
	[ENCODING_UTF8] = "utf-8",
	[ENCODING_WINDOWS_1252] = "windows-1252",
	[ENCODING_LATIN1] = "iso-8859-1",
	[ENCODING_UTF16LE] = "utf-16le",
	[ENCODING_UTF16BE] = "utf-16be",
	[ENCODING_BINARY] = "binary",
};

/* Windows-1252 from 0x80 to 0x9f; 0 is undefined. */
static const uint16_t windows[32] = {
    0x20ac,
    0,
    0x201a,
    0x0192,
    0x201e,
    0x2026,
    0x2020,
    0x2021,
    0x02c6,
    0x2030,
    0x0160,
    0x2039,
    0x0152,
    0,
    0x017d,
    0,
    0,
    0x2018,
    0x2019,
    0x201c,
    0x201d,
    0x2022,
    0x2013,
    0x2014,
    0x02dc,
    0x2122,
    0x0161,
    0x203a,
    0x0153,
    0,
    0x017e,
    0x0178,
};

const char *encoding_name(enum encoding e)
{
	return (unsigned)e < ENCODING_MAX ? names[e] : "unknown";
}

void encoding_check_init(struct encoding_check *c)
{
	*c = (struct encoding_check){ .nul_at = UINT64_MAX };
}

static void sample_zeros(struct encoding_check *c, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len && c->offset + i < SAMPLE; i++) {
		uint64_t at = c->offset + i;

		if (at < sizeof c->head)
			c->head[at] = p[i];
		if (!p[i] && at & 1)
			c->zero_odd++;
		else if (!p[i])
			c->zero_even++;
	}
}

/* One byte outside plain ASCII, or inside a character of several bytes. */
static void check_byte(struct encoding_check *c, unsigned char b)
{
	if (b >= 0x80) {
		c->beyond_ascii = true;
		if (b < 0xa0) {
			c->c1 = true;
			c->undefined |= !windows[b - 0x80];
		}
	}
	if (c->not_utf8)
		return;
	if (c->expect) {
		c->not_utf8 = b < c->low || b > c->high;
		c->low = 0x80;
		c->high = 0xbf;
		c->expect--;
	} else if (b >= 0x80) {
		c->not_utf8 = b < 0xc2 || b > 0xf4;
		c->expect = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
		c->low = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
		c->high = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
	}
}

void encoding_check_feed(struct encoding_check *c, const void *data, size_t len)
{
	const unsigned char *p = data, *end = p + len;

	if (c->offset < SAMPLE)
		sample_zeros(c, p, len);
	while (p < end) {
		uint64_t word;

		/* Eight bytes at once while they are all ASCII and none is zero. */
		while (!c->expect && end - p >= 8 &&
		    (memcpy(&word, p, 8), !(((word - ONES) | word) & HIGHS)))
			p += 8;
		if (p == end)
			break;
		if (!*p && c->nul_at == UINT64_MAX)
			c->nul_at = c->offset + len - (uint64_t)(end - p);
		if (*p >= 0x80 || c->expect)
			check_byte(c, *p);
		p++;
	}
	c->offset += len;
}

size_t encoding_mark(const struct encoding_check *c)
{
	if (c->offset >= 3 && !memcmp(c->head, "\xef\xbb\xbf", 3))
		return 3;
	if (c->offset >= 2 && (!memcmp(c->head, "\xff\xfe", 2) || !memcmp(c->head, "\xfe\xff", 2)))
		return 2;
	return 0;
}

enum encoding encoding_check_guess(const struct encoding_check *c, bool whole)
{
	uint64_t pairs = (c->offset < SAMPLE ? c->offset : SAMPLE) / 2;

	if (c->offset >= 4 && !memcmp(c->head, "\xff\xfe\0\0", 4))
		return ENCODING_BINARY; /* UTF-32 */
	if (encoding_mark(c) == 2)
		return c->head[0] == 0xff ? ENCODING_UTF16LE : ENCODING_UTF16BE;
	if (c->nul_at != UINT64_MAX) {
		/* Western text in UTF-16 has a zero in nearly every pair, always at the same
		 * side. */
		if (c->zero_odd > pairs / 2 && !c->zero_even)
			return ENCODING_UTF16LE;
		if (c->zero_even > pairs / 2 && !c->zero_odd)
			return ENCODING_UTF16BE;
		return ENCODING_BINARY;
	}
	if (!c->beyond_ascii)
		return ENCODING_ASCII;
	if (!c->not_utf8 && !(whole && c->expect))
		return ENCODING_UTF8;
	return c->undefined || !c->c1 ? ENCODING_LATIN1 : ENCODING_WINDOWS_1252;
}

static void put(struct buf *out, uint32_t ch)
{
	char s[4];
	size_t n = 0;

	if (ch < 0x80) {
		s[n++] = (char)ch;
	} else if (ch < 0x800) {
		s[n++] = (char)(0xc0 | ch >> 6);
		s[n++] = (char)(0x80 | (ch & 0x3f));
	} else if (ch < 0x10000) {
		s[n++] = (char)(0xe0 | ch >> 12);
		s[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (ch & 0x3f));
	} else {
		s[n++] = (char)(0xf0 | ch >> 18);
		s[n++] = (char)(0x80 | (ch >> 12 & 0x3f));
		s[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (ch & 0x3f));
	}
	buf_add(out, s, n);
}

static void put_replacement(struct decoder *d, struct buf *out)
{
	d->replaced++;
	put(out, 0xfffd);
}

static void put_unit(struct decoder *d, uint32_t unit, struct buf *out)
{
	if (d->surrogate) {
		uint32_t first = d->surrogate;

		d->surrogate = 0;
		if (unit >= 0xdc00 && unit <= 0xdfff) {
			put(out, 0x10000 + ((first - 0xd800) << 10) + (unit - 0xdc00));
			return;
		}
		put_replacement(d, out);
	}
	if (unit >= 0xd800 && unit <= 0xdbff)
		d->surrogate = unit;
	else if (!unit || (unit >= 0xdc00 && unit <= 0xdfff))
		put_replacement(d, out);
	else
		put(out, unit);
}

void decoder_init(struct decoder *d, enum encoding from)
{
	*d = (struct decoder){ .from = from, .half = -1 };
}

void decoder_feed(struct decoder *d, const void *data, size_t len, struct buf *out)
{
	const unsigned char *p = data;
	bool little = d->from == ENCODING_UTF16LE;

	if (d->from == ENCODING_UTF16LE || d->from == ENCODING_UTF16BE) {
		for (size_t i = 0; i < len; i++) {
			unsigned half = (unsigned)d->half;

			if (d->half < 0) {
				d->half = p[i];
				continue;
			}
			put_unit(d, little ? (unsigned)p[i] << 8 | half : half << 8 | p[i], out);
			d->half = -1;
		}
	} else if (d->from == ENCODING_WINDOWS_1252) {
		for (size_t i = 0; i < len; i++)
			put(out, p[i] >= 0x80 && p[i] < 0xa0 ? windows[p[i] - 0x80] : p[i]);
	} else if (d->from == ENCODING_LATIN1) {
		for (size_t i = 0; i < len; i++)
			put(out, p[i]);
	} else {
		buf_add(out, data, len);
	}
}

void decoder_end(struct decoder *d, struct buf *out)
{
	if (d->half >= 0 || d->surrogate)
		put_replacement(d, out);
	d->half = -1;
	d->surrogate = 0;
}
