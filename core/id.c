/*
 * Random tokens and UUIDs, straight from getrandom(2).
 */
#include "core/id.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/rc.h"

static void random_fill(void *out, size_t len)
{
	while (getrandom(out, len, 0) != (ssize_t)len)
		if (errno != EINTR)
			bug("getrandom failed errno=%d", errno);
}

char *hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}

char *token_new(char out[static TOKEN_SIZE])
{
	unsigned char bytes[16];

	random_fill(bytes, sizeof bytes);
	return hex_encode(bytes, sizeof bytes, out);
}

char *uuid_make(int64_t wall_ms, const unsigned char random[static 10], char out[static UUID_SIZE])
{
	static const unsigned char group[] = { 4, 2, 2, 2, 6 };
	unsigned char bytes[16], *from = bytes;
	char *to = out;

	memcpy(bytes + 6, random, 10);
	for (int i = 0; i < 6; i++)
		bytes[i] = (unsigned char)((uint64_t)wall_ms >> (40 - 8 * i));
	bytes[6] = (unsigned char)(0x70 | (bytes[6] & 0x0f));
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
	for (size_t i = 0; i < sizeof group; i++) {
		hex_encode(from, group[i], to);
		from += group[i];
		to += 2 * group[i];
		*to++ = i + 1 < sizeof group ? '-' : '\0';
	}
	return out;
}

char *uuid_new(char out[static UUID_SIZE])
{
	unsigned char random[10];

	random_fill(random, sizeof random);
	return uuid_make(clock_wall_ms(), random, out);
}

bool uuid_valid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(s) != UUID_SIZE - 1)
		return false;
	for (size_t i = 0; i < UUID_SIZE - 1; i++)
		if (form[i] == '-' ? s[i] != '-' : !strchr("0123456789abcdefABCDEF", s[i]))
			return false;
	return true;
}
