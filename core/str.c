/*
 * Strict readers of small texts.
 */
#include "core/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits at *s up to `max`; moves *s behind them. */
static bool digits(const char **s, int64_t max, int64_t *out)
{
	int64_t n = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		int d = **s - '0';

		if (n > (max - d) / 10)
			return false;
		n = n * 10 + d;
	}
	*out = n;
	return true;
}

bool str_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = *s == '-';
	int64_t n;

	s += negative;
	if (!digits(&s, INT64_MAX, &n) || *s)
		return false;
	if (negative)
		n = -n;
	if (n < min || n > max)
		return false;
	*out = n;
	return true;
}

struct unit {
	const char *name;
	int64_t factor;
};

static bool scaled(const char *s, const struct unit *units, int64_t *out)
{
	int64_t n;

	if (!digits(&s, INT64_MAX, &n))
		return false;
	for (; units->name; units++)
		if (strcmp(s, units->name) == 0) {
			if (n > INT64_MAX / units->factor)
				return false;
			*out = n * units->factor;
			return true;
		}
	return false;
}

bool str_duration(const char *s, int64_t *out_ms)
{
	static const struct unit units[] = {
	    {"", 1000},
	    {"ms", 1},
	    {"s", 1000},
	    {"m", 60000},
	    {"min", 60000},
	    {"h", 3600000},
	    {"d", 86400000},
	    {NULL, 0},
	};

	return scaled(s, units, out_ms);
}

bool str_size(const char *s, int64_t *out_bytes)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"B", 1},
	    {"K", 1 << 10},
	    {"KB", 1 << 10},
	    {"KiB", 1 << 10},
	    {"M", 1 << 20},
	    {"MB", 1 << 20},
	    {"MiB", 1 << 20},
	    {"G", 1 << 30},
	    {"GB", 1 << 30},
	    {"GiB", 1 << 30},
	    {"T", INT64_C(1) << 40},
	    {"TB", INT64_C(1) << 40},
	    {"TiB", INT64_C(1) << 40},
	    {NULL, 0},
	};

	return scaled(s, units, out_bytes);
}

bool str_bool(const char *s, bool *out)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		if (strcmp(s, yes[i]) == 0) {
			*out = true;
			return true;
		}
		if (strcmp(s, no[i]) == 0) {
			*out = false;
			return true;
		}
	}
	return false;
}

/* Length of the well-formed character at p, and its code point; 0 if there is none. */
static size_t utf8_char(const unsigned char *p, size_t left, uint32_t *cp)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (!n || n > left)
		return 0;
	*cp = n == 1 ? p[0] : p[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && *cp < 0x800) || (n == 4 && (*cp < 0x10000 || *cp > 0x10ffff)) ||
	    (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

bool str_utf8(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t cp;

	while (len) {
		size_t n = utf8_char(p, len, &cp);

		if (!n || !cp)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

void str_mend(char *s)
{
	size_t len = strlen(s), n;
	char *to = s;
	uint32_t cp;

	for (; len; s += n, len -= n) {
		n = utf8_char((const unsigned char *)s, len, &cp);
		if (n) {
			memmove(to, s, n);
			to += n;
		} else {
			n = 1;
		}
	}
	*to = '\0';
}

/* Characters that draw nothing but change how the rest is read: controls, direction marks,
 * line separators, byte order marks. */
static bool invisible(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0x061c ||
	       cp == 0xfeff;
}

bool str_clean_name(const char *s, size_t len, char out[static 256])
{
	const unsigned char *p = (const unsigned char *)s;
	size_t used = 0;
	bool full = false; /* too long: keep the front, but go on looking for a separator */

	for (size_t left = len, n; left; p += n, left -= n) {
		uint32_t cp;

		n = utf8_char(p, left, &cp);
		if (!n || !cp)
			return false;
		if (cp == '/' || cp == '\\') {
			used = 0;
			full = false;
		} else if (!full && !invisible(cp) && (used || cp != ' ')) {
			full = used + n > 255;
			if (full)
				continue;
			memcpy(out + used, p, n);
			used += n;
		}
	}
	while (used && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
	return used && strcmp(out, ".") != 0 && strcmp(out, "..") != 0;
}

/* Whole numbers only: pages show hundreds of sizes, and printing floating point is slow. */
char *str_bytes(int64_t bytes, char out[static 16])
{
	static const char *const units[] = {" B", " kB", " MB", " GB", " TB", " PB"};
	uint64_t n = bytes > 0 ? (uint64_t)bytes : 0, one = 1, tenths, whole;
	char digits[24], *from = digits + sizeof digits, *to = out;
	size_t u = 0;

	for (; 2 * n >= 1999 * one && u + 1 < sizeof units / sizeof *units; u++)
		one *= 1000;
	tenths = n / one * 10 + (n % one * 10 + one / 2) / one;
	whole = u && tenths < 100 ? tenths / 10 : n / one + (n % one * 2 >= one && u);
	do
		*--from = (char)('0' + whole % 10);
	while (whole /= 10);
	to = mempcpy(to, from, (size_t)(digits + sizeof digits - from));
	if (u && tenths < 100) {
		*to++ = '.';
		*to++ = (char)('0' + tenths % 10);
	}
	strcpy(to, units[u]);
	return out;
}

char *str_count(int64_t n, char out[static 32])
{
	char digits[24];
	const char *from = digits;
	char *to = out;
	int left = snprintf(digits, sizeof digits, "%lld", (long long)n);

	if (*from == '-') {
		*to++ = *from++;
		left--;
	}
	for (; left > 0; left--) {
		*to++ = *from++;
		if (left % 3 == 1 && left > 1)
			*to++ = ',';
	}
	*to = '\0';
	return out;
}

bool str_fmt(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, size, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size;
}

size_t str_cut(const char *s, size_t most)
{
	size_t len = strnlen(s, most + 1);

	if (len <= most)
		return len;
	for (len = most; len && ((unsigned char)s[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

bool str_label(const char *s, size_t most)
{
	size_t len = strlen(s);

	if (!len || len > most || !str_utf8(s, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

bool str_listed(const char *list, const char *word, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, " \t");

		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
		list += n;
		list += strspn(list, " \t");
	}
	return false;
}
