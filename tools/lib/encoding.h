/*
 * Encoding: which character encoding a file has, and turning it into UTF-8.
 *
 * The whole file is looked at before a guess is made, because the first letter with an accent may
 * stand at its end: bytes that are well-formed UTF-8 are UTF-8; otherwise the file is Windows-1252,
 * or ISO 8859-1 where it uses a byte that Windows-1252 does not define. UTF-16 is known by its
 * mark or by its zero bytes. A file with zero bytes that is not UTF-16 is not text.
 */
#ifndef TOOLS_LIB_ENCODING_H
#define TOOLS_LIB_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum encoding {
	ENCODING_ASCII,
	ENCODING_UTF8,
	ENCODING_WINDOWS_1252,
	ENCODING_LATIN1,
	ENCODING_UTF16LE,
	ENCODING_UTF16BE,
	ENCODING_BINARY,
	ENCODING_MAX
};

/* "ascii", "utf-8", "windows-1252", … Static. */
const char *encoding_name(enum encoding e);

/* Collects what is needed to tell, from bytes fed in order. Fields are private except `nul_at`. */
struct encoding_check {
	uint64_t offset;
	uint64_t nul_at; /* offset of the first zero byte; UINT64_MAX: none */
	uint32_t zero_even, zero_odd;
	unsigned char head[4], expect, low, high;
	bool beyond_ascii, not_utf8, c1, undefined;
};

void encoding_check_init(struct encoding_check *c);
void encoding_check_feed(struct encoding_check *c, const void *data, size_t len);

/* The answer for what was fed so far. `whole`: that was the whole file, so a character cut off at
 * the end counts as malformed. */
enum encoding encoding_check_guess(const struct encoding_check *c, bool whole);

/* Bytes of a byte order mark at the beginning (0, 2 or 3). */
size_t encoding_mark(const struct encoding_check *c);

/* A decoder's state between two pieces of input. `replaced` counts code units that stand for no
 * character and became U+FFFD. */
struct decoder {
	enum encoding from;
	uint64_t replaced;
	uint32_t surrogate;
	int half; /* first byte of a split UTF-16 unit, or -1 */
};

void decoder_init(struct decoder *d, enum encoding from);

/* Append the input as UTF-8 to out. ASCII and UTF-8 are copied as they are. */
void decoder_feed(struct decoder *d, const void *data, size_t len, struct buf *out);
/* After the last piece: a unit left half becomes U+FFFD. */
void decoder_end(struct decoder *d, struct buf *out);

#endif
