/*
 * Image header: width and height of a PNG, JPEG, GIF, WebP or BMP, read from the first bytes of the
 * file. No pixel is decoded, and no byte outside the given ones is looked at.
 */
#ifndef TOOLS_LIB_IMAGEHDR_H
#define TOOLS_LIB_IMAGEHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imagehdr {
	const char *format; /* "PNG", …; static */
	uint32_t width, height;
};

/* Whether data begins with a header of one of these formats that names a size above zero. A JPEG
 * tells its size after its metadata, so it needs more bytes than the others: a megabyte is
 * plenty. */
bool imagehdr_read(const void *data, size_t len, struct imagehdr *out);

#endif
