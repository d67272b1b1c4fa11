/*
 * JSON text by hand: strings and doubles.
 */
#include "tools/lib/json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Length of the well-formed UTF-8 character at s, or 0. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t need = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || need > left)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

static void escape(struct buf *out, unsigned char c)
{
	static const char *const names[256] = {
		['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
	};

	if (names[c])
		buf_adds(out, names[c]);
	else
		buf_printf(out, "\\u%04x", c);
}

void json_string(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	buf_addc(out, '"');
	while (p < end) {
		const unsigned char *run = p;
		size_t n;

		while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
			p++;
		buf_add(out, run, (size_t)(p - run));
		if (p == end)
			break;
		n = utf8_len(p, (size_t)(end - p));
		if (n > 1)
			buf_add(out, p, n);
		else if (n == 1)
			escape(out, *p);
		else
			buf_adds(out, "\xef\xbf\xbd");
		p += n ? n : 1;
	}
	buf_addc(out, '"');
}

void json_text(struct buf *out, const char *s)
{
	if (s)
		json_string(out, s, strlen(s));
	else
		buf_adds(out, "null");
}

void json_real(struct buf *out, double value)
{
	char text[32];

	if (!isfinite(value)) {
		buf_adds(out, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_adds(out, text);
}
