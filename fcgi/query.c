/*
 * Query strings, urlencoded forms, cookies. Every length is given: nothing here trusts a NUL.
 */
#include "fcgi/query.h"

#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

ptrdiff_t percent_decode(const char *s, size_t len, bool plus, char *out)
{
	char *to = out;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '%') {
			int high = len - i > 2 ? hex_value(s[i + 1]) : -1;
			int low = len - i > 2 ? hex_value(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*to++ = plus && s[i] == '+' ? ' ' : s[i];
		}
	}
	*to = '\0';
	return to - out;
}

/* Room for one more; the list doubles, and what it leaves behind goes with the arena. */
static struct pair *pairs_more(struct pairs *pairs, struct arena *a, struct err *err)
{
	if (pairs->n >= PAIRS_MAX) {
		err_set(err, RC_LIMIT, "too many parameters: at most %d", PAIRS_MAX);
		return NULL;
	}
	if ((pairs->n & (pairs->n - 1)) == 0) {
		size_t cap = pairs->n ? 2 * pairs->n : 1;
		struct pair *list = arena_alloc(a, cap * sizeof *list);

		if (pairs->n)
			memcpy(list, pairs->list, pairs->n * sizeof *list);
		pairs->list = list;
	}
	return &pairs->list[pairs->n++];
}

enum rc pairs_add(struct pairs *pairs, const char *name, size_t name_len, const char *value,
    size_t value_len, struct arena *a, struct err *err)
{
	struct pair *p = pairs_more(pairs, a, err);

	if (!p)
		return RC_LIMIT;
	*p = (struct pair){
	    .name = arena_strndup(a, name, name_len),
	    .value = arena_strndup(a, value, value_len),
	    .name_len = name_len,
	    .value_len = value_len,
	};
	return RC_OK;
}

static enum rc add_encoded(
    struct pairs *pairs, const char *s, size_t len, struct arena *a, struct err *err)
{
	const char *equals = memchr(s, '=', len);
	size_t name_len = equals ? (size_t)(equals - s) : len;
	size_t value_len = equals ? len - name_len - 1 : 0;
	char *name = arena_alloc(a, name_len + 1), *value = arena_alloc(a, value_len + 1);
	ptrdiff_t n = percent_decode(s, name_len, true, name);
	ptrdiff_t v = percent_decode(equals ? equals + 1 : s, value_len, true, value);
	struct pair *p;

	if (n < 0 || v < 0)
		return err_set(err, RC_INVALID, "bad percent-encoding in a parameter");
	p = pairs_more(pairs, a, err);
	if (!p)
		return RC_LIMIT;
	*p = (struct pair){name, value, (size_t)n, (size_t)v};
	return RC_OK;
}

enum rc query_parse(
    struct pairs *pairs, const char *s, size_t len, struct arena *a, struct err *err)
{
	const char *end = s + len;

	while (s < end) {
		const char *amp = memchr(s, '&', (size_t)(end - s));
		size_t n = (size_t)((amp ? amp : end) - s);
		enum rc rc = n ? add_encoded(pairs, s, n, a, err) : RC_OK;

		if (rc != RC_OK)
			return rc;
		s += n + 1;
	}
	return RC_OK;
}

enum rc cookie_parse(
    struct pairs *pairs, const char *s, size_t len, struct arena *a, struct err *err)
{
	const char *end = s + len;

	while (s < end) {
		const char *semi = memchr(s, ';', (size_t)(end - s)), *stop = semi ? semi : end,
			   *equals, *next = stop + 1;
		enum rc rc;

		while (s < stop && (*s == ' ' || *s == '\t'))
			s++;
		while (stop > s && (stop[-1] == ' ' || stop[-1] == '\t'))
			stop--;
		equals = s < stop ? memchr(s, '=', (size_t)(stop - s)) : NULL;
		if (equals && equals > s) {
			const char *value = equals + 1;

			if (stop - value >= 2 && *value == '"' && stop[-1] == '"') {
				value++;
				stop--;
			}
			rc = pairs_add(
			    pairs, s, (size_t)(equals - s), value, (size_t)(stop - value), a, err);
			if (rc != RC_OK)
				return rc;
		}
		s = next;
	}
	return RC_OK;
}

const struct pair *pairs_find(const struct pairs *pairs, const char *name, bool *again)
{
	const struct pair *found = NULL;
	size_t len = strlen(name);

	if (again)
		*again = false;
	for (size_t i = 0; i < pairs->n; i++) {
		if (pairs->list[i].name_len != len || memcmp(pairs->list[i].name, name, len) != 0)
			continue;
		if (!found) {
			found = &pairs->list[i];
			if (!again)
				break;
		} else {
			*again = true;
			break;
		}
	}
	return found;
}
