/*
 * Classification by the first byte; figures without strtod where the result is exact without it.
 */
#include "tools/lib/celltype.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_LEN_MAX 400 /* longer rows of digits are text */

static const char *const names[CELL_MAX] = {
	[CELL_EMPTY] = "empty",
	[CELL_INTEGER] = "integer",
	[CELL_NUMBER] = "number",
	[CELL_BOOLEAN] = "boolean",
	[CELL_DATE] = "date",
	[CELL_DATETIME] = "datetime",
	[CELL_TEXT] = "text",
};

static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

const char *celltype_name(enum celltype t)
{
	return (unsigned)t < CELL_MAX ? names[t] : "unknown";
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A figure taken apart: mantissa * 10^exponent, exact while `digits` is at most 19. */
struct figure {
	uint64_t mantissa;
	int digits, exponent;
};

static size_t take_digits(const char *s, size_t at, size_t len, struct figure *f, bool fraction)
{
	for (; at < len && digit(s[at]); at++) {
		f->mantissa = f->mantissa * 10 + (unsigned)(s[at] - '0');
		f->digits += f->mantissa != 0;
		f->exponent -= fraction;
	}
	return at;
}

/* Exponent after e or E; the place after it, or 0 if it is malformed. */
static size_t take_exponent(const char *s, size_t at, size_t len, struct figure *f)
{
	bool negative = at < len && s[at] == '-';
	int exponent = 0;

	if (at < len && (s[at] == '-' || s[at] == '+'))
		at++;
	if (at == len)
		return 0;
	for (; at < len && digit(s[at]); at++)
		if (exponent < 100000)
			exponent = exponent * 10 + (s[at] - '0');
	f->exponent += negative ? -exponent : exponent;
	return at;
}

static double slow_value(const char *s, size_t len)
{
	char text[NUMBER_LEN_MAX + 1];

	memcpy(text, s, len);
	text[len] = '\0';
	return strtod(text, NULL);
}

static enum celltype number(const char *s, size_t len, double *value)
{
	struct figure f = { 0 };
	bool negative = s[0] == '-';
	size_t at = s[0] == '-' || s[0] == '+', begin = at, digits;
	enum celltype type = CELL_INTEGER;

	if (len > NUMBER_LEN_MAX)
		return CELL_TEXT;
	at = take_digits(s, at, len, &f, false);
	digits = at - begin;
	if (at < len && s[at] == '.') {
		type = CELL_NUMBER;
		begin = at + 1;
		at = take_digits(s, begin, len, &f, true);
		digits += at - begin;
	}
	if (!digits)
		return CELL_TEXT;
	if (at < len && (s[at] == 'e' || s[at] == 'E')) {
		type = CELL_NUMBER;
		at = take_exponent(s, at + 1, len, &f);
	}
	if (at != len)
		return CELL_TEXT;
	/* Both factors exact: one operation rounds once, so the result is the nearest double. */
	if (f.digits <= 19 && f.mantissa <= 1ull << 53 && f.exponent >= -22 && f.exponent <= 22) {
		*value = f.exponent < 0 ? (double)f.mantissa / powers[-f.exponent]
		                        : (double)f.mantissa * powers[f.exponent];
		*value = negative ? -*value : *value;
	} else {
		*value = slow_value(s, len);
	}
	return isfinite(*value) ? type : CELL_TEXT;
}

/* Two digits at s as a number up to max, or -1. */
static int two(const char *s, int max)
{
	int n = digit(s[0]) && digit(s[1]) ? (s[0] - '0') * 10 + (s[1] - '0') : -1;

	return n <= max ? n : -1;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date(const char *s, double *days)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int high = two(s, 99), low = two(s + 2, 99), month = two(s + 5, 12), day = two(s + 8, 31);
	int year = high * 100 + low;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (high < 0 || low < 0 || year < 1 || month < 1 || day < 1 || s[4] != '-' || s[7] != '-')
		return false;
	if (day > lengths[month - 1] + (month == 2 && leap))
		return false;
	*days = (double)days_of(year, month, day);
	return true;
}

/* The time and zone after a date: "T09:30:00.5+01:00". */
static bool time_of_day(const char *s, size_t len, double *days)
{
	int hour, minute, second = 0;
	size_t at = 6;

	if (len < 6 || (s[0] != 'T' && s[0] != ' ') || s[3] != ':')
		return false;
	hour = two(s + 1, 23);
	minute = two(s + 4, 59);
	if (len >= 9 && s[6] == ':') {
		second = two(s + 7, 60);
		at = 9;
		if (at < len && (s[at] == '.' || s[at] == ',')) {
			size_t begin = ++at;

			while (at < len && digit(s[at]))
				at++;
			if (at == begin)
				return false;
		}
	}
	if (hour < 0 || minute < 0 || second < 0)
		return false;
	*days += (hour * 3600 + minute * 60 + second) / 86400.0;
	if (at == len || (at + 1 == len && s[at] == 'Z'))
		return true;
	if (s[at] != '+' && s[at] != '-')
		return false;
	s += at + 1;
	len -= at + 1;
	return len >= 2 && two(s, 23) >= 0 && (len == 2 || (len == 4 && two(s + 2, 59) >= 0) ||
	    (len == 5 && s[2] == ':' && two(s + 3, 59) >= 0));
}

static bool boolean(const char *s, size_t len)
{
	return (len == 4 && !strncasecmp(s, "true", 4)) ||
	       (len == 5 && !strncasecmp(s, "false", 5)) ||
	       (len == 3 && !strncasecmp(s, "yes", 3)) || (len == 2 && !strncasecmp(s, "no", 2));
}

enum celltype celltype_of(const char *s, size_t len, double *value)
{
	if (!len)
		return CELL_EMPTY;
	if (digit(s[0]) || s[0] == '-' || s[0] == '+' || s[0] == '.') {
		if (len < 10 || s[4] != '-' || !date(s, value))
			return number(s, len, value);
		if (len == 10)
			return CELL_DATE;
		return time_of_day(s + 10, len - 10, value) ? CELL_DATETIME : CELL_TEXT;
	}
	return boolean(s, len) ? CELL_BOOLEAN : CELL_TEXT;
}

void celltype_date(double days, bool with_time, char out[static 32])
{
	int64_t day = (int64_t)floor(days), minutes = (int64_t)((days - floor(days)) * 1440 + 1e-6);
	int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097,
		of_era = z - era * 146097;
	int64_t of = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * of + of / 4 - of / 100), month = (5 * of_year + 2) / 153;
	int year = (int)(of + era * 400 + (month >= 10));

	snprintf(out, 32, "%04d-%02d-%02d", year, (int)(month < 10 ? month + 3 : month - 9),
	    (int)(of_year - (153 * month + 2) / 5 + 1));
	if (with_time)
		snprintf(out + strlen(out), 32 - strlen(out), " %02d:%02d", (int)(minutes / 60),
		    (int)(minutes % 60));
}
