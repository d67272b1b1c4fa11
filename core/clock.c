/*
 * Clocks.
 */
#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/str.h"

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_boot_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

/* Two digits. */
static void two(char *to, unsigned n)
{
	to[0] = (char)('0' + n / 10);
	to[1] = (char)('0' + n % 10);
}

/* Civil date from days since 1970 by the usual era arithmetic: gmtime_r costs ten times as much,
 * and a page shows a hundred times. */
char *clock_iso(int64_t wall_ms, char out[static CLOCK_ISO_SIZE])
{
	int64_t days = wall_ms / 86400000, rest = wall_ms % 86400000;
	int64_t era, year, month, day;
	unsigned doe, yoe, doy, mp, ms;

	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = (unsigned)(days - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	day = doy - (153 * mp + 2) / 5 + 1;
	month = mp < 10 ? mp + 3 : mp - 9;
	year = (int64_t)yoe + era * 400 + (month <= 2);
	if (year < 0 || year > 9999)
		year = 9999;
	ms = (unsigned)rest;
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_ISO_SIZE);
	two(out, (unsigned)year / 100);
	two(out + 2, (unsigned)year % 100);
	two(out + 5, (unsigned)month);
	two(out + 8, (unsigned)day);
	two(out + 11, ms / 3600000);
	two(out + 14, ms / 60000 % 60);
	two(out + 17, ms / 1000 % 60);
	out[20] = (char)('0' + ms % 1000 / 100);
	two(out + 21, ms % 100);
	return out;
}

/* Days since 1970 of a date: the way back of clock_iso. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* `width` digits at *s, within [min, max], and the mark behind them. */
static bool field(const char **s, int width, char mark, int min, int max, int *out)
{
	int n = 0;

	for (int i = 0; i < width; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		n = n * 10 + (**s - '0');
	}
	if (mark && *(*s)++ != mark)
		return false;
	*out = n;
	return n >= min && n <= max;
}

static bool read_iso(const char *s, int64_t *out)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day, hour, minute, second = 0, ms = 0, length;

	if (!field(&s, 4, '-', 1970, 9999, &year) || !field(&s, 2, '-', 1, 12, &month) ||
	    !field(&s, 2, 'T', 1, 31, &day) || !field(&s, 2, ':', 0, 23, &hour) ||
	    !field(&s, 2, '\0', 0, 59, &minute))
		return false;
	length = lengths[month - 1] +
		 (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	if (day > length)
		return false;
	if (*s == ':' && (s++, !field(&s, 2, '\0', 0, 59, &second)))
		return false;
	if (*s == '.' && (s++, !field(&s, 3, '\0', 0, 999, &ms)))
		return false;
	if (strcmp(s, "Z") != 0)
		return false;
	*out = (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000 + ms;
	return true;
}

bool clock_read(const char *s, int64_t now_wall_ms, int64_t *out_wall_ms)
{
	int64_t ms;

	if (*s != '+')
		return read_iso(s, out_wall_ms);
	if (!str_duration(s + 1, &ms) || ms > INT64_MAX - now_wall_ms)
		return false;
	*out_wall_ms = now_wall_ms + ms;
	return true;
}

char *clock_words(int64_t ms, char out[static CLOCK_ISO_SIZE])
{
	long long s = ms / 1000;

	if (ms < 1000)
		snprintf(out, CLOCK_ISO_SIZE, "%lld ms", (long long)(ms < 0 ? 0 : ms));
	else if (s < 60)
		snprintf(out, CLOCK_ISO_SIZE, "%lld s", s);
	else if (s < 3600 && s % 60)
		snprintf(out, CLOCK_ISO_SIZE, "%lld min %lld s", s / 60, s % 60);
	else if (s < 3600)
		snprintf(out, CLOCK_ISO_SIZE, "%lld min", s / 60);
	else if (s < 2 * 86400 && s / 60 % 60)
		snprintf(out, CLOCK_ISO_SIZE, "%lld h %lld min", s / 3600, s / 60 % 60);
	else if (s < 2 * 86400)
		snprintf(out, CLOCK_ISO_SIZE, "%lld h", s / 3600);
	else if (s / 3600 % 24)
		snprintf(
		    out, CLOCK_ISO_SIZE, "%lld days %lld h", s / 86400 % 10000000, s / 3600 % 24);
	else
		snprintf(out, CLOCK_ISO_SIZE, "%lld days", s / 86400 % 10000000);
	return out;
}
