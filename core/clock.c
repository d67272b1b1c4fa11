/*
 * Clocks.
 */
#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* Civil date from days since 1970 by the usual era arithmetic: gmtime_r costs ten times as much,
 * and a page shows a hundred times. */
char *clock_iso(int64_t wall_ms, char out[static CLOCK_ISO_SIZE])
{
	int64_t days = wall_ms / 86400000, rest = wall_ms % 86400000;
	int64_t era, year, month, day;
	unsigned doe, yoe, doy, mp;
	static const char digits[] = "0123456789";

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

	const struct {
		int at, width;
		int64_t value;
	} fields[] = {
		{ 0, 4, year },
		{ 5, 2, month },
		{ 8, 2, day },
		{ 11, 2, rest / 3600000 },
		{ 14, 2, rest / 60000 % 60 },
		{ 17, 2, rest / 1000 % 60 },
		{ 20, 3, rest % 1000 },
	};
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_ISO_SIZE);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		int64_t value = fields[i].value;

		for (int k = fields[i].width - 1; k >= 0; k--, value /= 10)
			out[fields[i].at + k] = digits[value % 10];
	}
	return out;
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
	else
		snprintf(out, CLOCK_ISO_SIZE, "%lld h %lld min", s / 3600 % 1000000, s / 60 % 60);
	return out;
}
