/*
 * The five header layouts. Every read goes through a cursor-free accessor after one explicit length
 * test per layout, so the bounds of each can be seen in one place.
 */
#include "tools/lib/imagehdr.h"

#include <string.h>

static uint32_t le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le24(const uint8_t *p)
{
	return le16(p) | (uint32_t)p[2] << 16;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static bool set(struct imagehdr *out, const char *format, uint32_t width, uint32_t height)
{
	*out = (struct imagehdr){ format, width, height };
	return width && height && width <= INT32_MAX && height <= INT32_MAX;
}

static bool read_png(const uint8_t *p, size_t len, struct imagehdr *out)
{
	if (len < 24 || memcmp(p, "\x89PNG\r\n\x1a\n", 8) || memcmp(p + 12, "IHDR", 4))
		return false;
	return set(out, "PNG", be32(p + 16), be32(p + 20));
}

static bool read_gif(const uint8_t *p, size_t len, struct imagehdr *out)
{
	if (len < 10 || (memcmp(p, "GIF87a", 6) && memcmp(p, "GIF89a", 6)))
		return false;
	return set(out, "GIF", le16(p + 6), le16(p + 8));
}

static bool read_bmp(const uint8_t *p, size_t len, struct imagehdr *out)
{
	uint32_t header, height;

	if (len < 26 || memcmp(p, "BM", 2))
		return false;
	header = le32(p + 14);
	if (header == 12) /* the layout of OS/2 1.x has 16 bit figures */
		return set(out, "BMP", le16(p + 18), le16(p + 20));
	if (header < 40 || header > 1024)
		return false;
	height = le32(p + 22);
	if (height > INT32_MAX) /* negative: stored from top to bottom */
		height = -height;
	return set(out, "BMP", le32(p + 18), height);
}

static bool read_webp(const uint8_t *p, size_t len, struct imagehdr *out)
{
	if (len < 30 || memcmp(p, "RIFF", 4) || memcmp(p + 8, "WEBP", 4))
		return false;
	if (!memcmp(p + 12, "VP8X", 4))
		return set(out, "WebP", le24(p + 24) + 1, le24(p + 27) + 1);
	if (!memcmp(p + 12, "VP8L", 4) && p[20] == 0x2f) {
		uint32_t bits = le32(p + 21);

		return set(out, "WebP", (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
	}
	if (!memcmp(p + 12, "VP8 ", 4) && !memcmp(p + 23, "\x9d\x01\x2a", 3))
		return set(out, "WebP", le16(p + 26) & 0x3fff, le16(p + 28) & 0x3fff);
	return false;
}

/* Markers that stand alone, without a length: TEM and the restart markers. */
static bool jpeg_alone(uint8_t marker)
{
	return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

/* Start-of-frame markers, all of which carry the size; C4, C8 and CC are something else. */
static bool jpeg_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
	       marker != 0xcc;
}

static bool read_jpeg(const uint8_t *p, size_t len, struct imagehdr *out)
{
	size_t at = 2;

	if (len < 4 || p[0] != 0xff || p[1] != 0xd8 || p[2] != 0xff)
		return false;
	while (len - at >= 4) {
		uint8_t marker = p[at + 1];
		size_t length;

		if (p[at] != 0xff)
			return false;
		if (marker == 0xff) { /* fill byte */
			at++;
			continue;
		}
		at += 2;
		if (jpeg_alone(marker))
			continue;
		if (marker == 0xd9 || marker == 0xda) /* end, or pixels without a frame */
			return false;
		length = be16(p + at);
		if (length < 2)
			return false;
		if (jpeg_frame(marker))
			return length >= 8 && len - at >= 7 &&
			    set(out, "JPEG", be16(p + at + 5), be16(p + at + 3));
		if (length > len - at)
			return false;
		at += length;
	}
	return false;
}

bool imagehdr_read(const void *data, size_t len, struct imagehdr *out)
{
	return read_png(data, len, out) || read_jpeg(data, len, out) || read_gif(data, len, out) ||
	    read_webp(data, len, out) || read_bmp(data, len, out);
}
