/*
 * Patterns of parameters: POSIX extended regular expressions over UTF-8.
 *
 * They are written by the administrator, but a slip such as ((a{1,255}){1,255}){1,255} costs
 * regcomp gigabytes, so the size of what a pattern unfolds to is estimated first; and back
 * references, which are not POSIX extended and take exponential time, are refused.
 */
#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "core/param.h"

#define PATTERN_MAX 200
#define DEPTH_MAX 20
#define COST_MAX 10000

/* Behind the ] that closes the bracket expression at s, or the end of the text. */
static const char *skip_bracket(const char *s)
{
	s += 1 + (s[1] == '^');
	if (*s == ']')
		s++;
	while (*s && *s != ']') {
		if (s[0] == '[' && s[1] && strchr(".:=", s[1])) {
			const char close[] = {s[1], ']', '\0'}, *end = strstr(s + 2, close);

			s = end ? end + 1 : s;
		}
		s++;
	}
	return *s ? s + 1 : s;
}

/* Upper bound of the interval {m,n} at s, or 1 if there is none; *s moves to its end. */
static long interval(const char **s)
{
	const char *end = strchr(*s, '}'), *comma = memchr(*s, ',', end ? (size_t)(end - *s) : 0);
	long n;

	if (!end)
		return 1;
	n = strtol(comma && comma + 1 < end ? comma + 1 : *s + 1, NULL, 10);
	*s = end;
	return n < 1 ? 1 : n > COST_MAX ? COST_MAX + 1 : n;
}

/* States the pattern unfolds to; more than COST_MAX for anything that must not be compiled. */
static long unfolded(const char *s)
{
	long sum[DEPTH_MAX + 1] = {0}, last = 0;
	int depth = 0;

	while (*s) {
		switch (*s) {
		case '(':
			if (++depth > DEPTH_MAX)
				return COST_MAX + 1;
			sum[depth] = last = 0;
			break;
		case ')':
			if (depth) {
				last = sum[depth] + 1;
				sum[--depth] += last;
			}
			break;
		case '{': {
			long more = last * (interval(&s) - 1);

			sum[depth] += more;
			last += more;
			break;
		}
		case '[':
			s = skip_bracket(s) - 1;
			/* fall through */
		default:
			s += *s == '\\' && s[1];
			sum[depth] += last = 1;
		}
		if (sum[depth] > COST_MAX || last > COST_MAX)
			return COST_MAX + 1;
		s++;
	}
	return sum[depth];
}

/* \1 and its like, outside brackets. */
static bool refers_back(const char *s)
{
	while (*s) {
		if (*s == '[') {
			s = skip_bracket(s);
		} else if (*s == '\\' && s[1]) {
			if (s[1] >= '0' && s[1] <= '9')
				return true;
			s += 2;
		} else {
			s++;
		}
	}
	return false;
}

/* Characters are those of UTF-8, whatever the process was started with. */
static locale_t enter_utf8(void)
{
	static locale_t utf8;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return utf8 ? uselocale(utf8) : (locale_t)0;
}

static void leave_utf8(locale_t before)
{
	if (before)
		uselocale(before);
}

enum rc param_pattern_check(const char *pattern, struct err *err)
{
	locale_t before;
	regex_t re;
	int bad;

	if (!*pattern || strlen(pattern) > PATTERN_MAX)
		return err_set(
		    err, RC_INVALID, "the pattern must have 1 to %d characters", PATTERN_MAX);
	if (refers_back(pattern))
		return err_set(err, RC_INVALID, "the pattern must not refer back (\\1)");
	if (unfolded(pattern) > COST_MAX)
		return err_set(err, RC_INVALID, "the pattern repeats too much");
	before = enter_utf8();
	bad = regcomp(&re, pattern, REG_EXTENDED);
	if (bad) {
		char why[100];

		regerror(bad, &re, why, sizeof why);
		err_set(err, RC_INVALID, "the pattern is no regular expression: %s", why);
	} else {
		regfree(&re);
	}
	leave_utf8(before);
	return bad ? RC_INVALID : RC_OK;
}

bool param_pattern_match(const char *pattern, const char *value)
{
	locale_t before = enter_utf8();
	regmatch_t m;
	regex_t re;
	bool matches = false;

	if (regcomp(&re, pattern, REG_EXTENDED) == 0) {
		/* The leftmost, longest match is the whole value if any match is: unlike ^( )$
		 * around it, that holds for every pattern. */
		matches = regexec(&re, value, 1, &m, 0) == 0 && m.rm_so == 0 &&
			  (size_t)m.rm_eo == strlen(value);
		regfree(&re);
	}
	leave_utf8(before);
	return matches;
}

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define MARKS " _,:;@#%=~\"'<>"

/* A browser's classes know set operations (--, &&) and want more escapes than ours. */
static bool portable_bracket(const char *s, const char *end)
{
	if (s == end)
		return false;
	for (const char *first = s; s < end; s++) {
		if (*s == '-' ? s == first || !strchr(ALNUM, s[-1]) || !strchr(ALNUM, s[1])
			      : !strchr(ALNUM MARKS ".+*?$", *s))
			return false;
		if (s[0] == s[1] && !strchr(ALNUM, *s))
			return false;
	}
	return true;
}

bool param_pattern_portable(const char *pattern)
{
	for (const char *s = pattern; *s; s++) {
		if (*s == '[') {
			const char *first = s + 1 + (s[1] == '^'), *end = skip_bracket(s) - 1;

			if (*end != ']' || !portable_bracket(first, end))
				return false;
			s = end;
		} else if (*s == '{') {
			s += 1 + strspn(s + 1, "0123456789,");
			if (*s != '}')
				return false;
		} else if (*s == '\\') {
			if (!s[1] || !strchr(".*+?|()[]{}^$\\/", *++s))
				return false;
		} else if (!strchr(ALNUM MARKS "-.*+?|()^$", *s)) {
			return false;
		}
	}
	return true;
}
