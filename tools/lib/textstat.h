/*
 * Text figures: lines, words and the longest line of text fed in pieces, as UTF-8 or any encoding
 * that keeps ASCII. A word is a run of bytes other than ASCII blanks, as `wc -w` has it.
 */
#ifndef TOOLS_LIB_TEXTSTAT_H
#define TOOLS_LIB_TEXTSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct textstat {
	uint64_t line_feeds, returns, words;
	uint64_t longest_bytes,
	    longest_chars; /* chars: bytes that do not continue a UTF-8 character */
	uint64_t bytes_now, chars_now;
	bool in_word, open;
};

void textstat_feed(struct textstat *t, const void *data, size_t len);
/* After the last piece. */
void textstat_end(struct textstat *t);

/* Lines, the last one counted whether it is ended or not. A file without a line feed that has
 * carriage returns is of the old kind that ends lines with those. */
uint64_t textstat_lines(const struct textstat *t);

#endif
