/*
 * Counting lines and words: one table look-up per byte.
 */
#include "tools/lib/textstat.h"

enum kind { LETTER, INSIDE, BLANK, LINE_FEED, RETURN };

static const unsigned char kinds[256] = {
	[' '] = BLANK,
	['\t'] = BLANK,
	['\v'] = BLANK,
	['\f'] = BLANK,
	['\n'] = LINE_FEED,
	['\r'] = RETURN,
	[0x80 ... 0xbf] = INSIDE,
};

static void end_line(struct textstat *t)
{
	if (t->bytes_now > t->longest_bytes)
		t->longest_bytes = t->bytes_now;
	if (t->chars_now > t->longest_chars)
		t->longest_chars = t->chars_now;
	t->bytes_now = t->chars_now = 0;
}

void textstat_feed(struct textstat *t, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		enum kind kind = kinds[p[i]];

		if (kind >= LINE_FEED) {
			t->line_feeds += kind == LINE_FEED;
			t->returns += kind == RETURN;
			t->in_word = false;
			end_line(t);
			continue;
		}
		t->bytes_now++;
		t->chars_now += kind != INSIDE;
		t->words += kind != BLANK && !t->in_word;
		t->in_word = kind != BLANK;
	}
	if (len)
		t->open = kinds[p[len - 1]] < LINE_FEED;
}

void textstat_end(struct textstat *t)
{
	end_line(t);
}

uint64_t textstat_lines(const struct textstat *t)
{
	return (t->line_feeds ? t->line_feeds : t->returns) + t->open;
}
