/*
 * Parts of URLs.
 */
#include "core/url.h"

#include <stdbool.h>
#include <string.h>

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static char *escape(struct arena *a, const char *s, bool slash)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * strlen(s) + 1), *to = out;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (unreserved(c) || (slash && c == '/')) {
			*to++ = *s;
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	*to = '\0';
	return out;
}

char *url_escape(struct arena *a, const char *s)
{
	return escape(a, s, false);
}

char *url_escape_path(struct arena *a, const char *s)
{
	return escape(a, s, true);
}
