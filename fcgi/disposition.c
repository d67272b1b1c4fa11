/*
 * Parsing Content-Disposition.
 */
#include "fcgi/disposition.h"

#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "fcgi/multipart.h"
#include "fcgi/query.h"

struct reader {
	const char *p, *end;
	struct arena *arena;
};

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

static bool token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~/", c));
}

static const char *read_token(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && token_char(*r->p))
		r->p++;
	return r->p > from ? arena_strndup(r->arena, from, (size_t)(r->p - from)) : NULL;
}

/* Behind the opening quote, up to and with the closing one. */
static bool read_quoted(struct reader *r, bool escapes, const char **out, size_t *len)
{
	char *text = arena_alloc(r->arena, (size_t)(r->end - r->p) + 1), *to = text;

	for (; r->p < r->end && *r->p != '"'; r->p++) {
		if (escapes && *r->p == '\\' && r->end - r->p > 1 &&
		    (r->p[1] == '"' || r->p[1] == '\\'))
			r->p++;
		*to++ = *r->p;
	}
	if (r->p == r->end)
		return false;
	r->p++;
	*to = '\0';
	*out = text;
	*len = (size_t)(to - text);
	return true;
}

/* A value that is not quoted: up to the next semicolon or blank, for boundaries hold more than
 * tokens. */
static bool read_bare(struct reader *r, const char **out, size_t *len)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p != ';' && *r->p != ' ' && *r->p != '\t' && *r->p != '"')
		r->p++;
	*len = (size_t)(r->p - from);
	*out = arena_strndup(r->arena, from, *len);
	return true;
}

static bool read_param(struct reader *r, struct header_value *v)
{
	const char *name = read_token(r), *value;
	size_t len;

	if (!name || r->p == r->end || *r->p != '=')
		return false;
	r->p++;
	if (r->p < r->end && *r->p == '"') {
		const char *from = ++r->p;

		/* Browsers leave a backslash alone, so the last one of a name looks like an escape.
		 */
		if (!read_quoted(r, true, &value, &len)) {
			r->p = from;
			if (!read_quoted(r, false, &value, &len))
				return false;
		}
	} else {
		read_bare(r, &value, &len);
	}
	if (v->n == HEADER_PARAMS_MAX || header_value_get(v, name, &(size_t){0}))
		return false;
	v->param[v->n].name = name;
	v->param[v->n].value = value;
	v->param[v->n++].len = len;
	return true;
}

bool header_value_parse(struct header_value *v, const char *s, size_t len, struct arena *a)
{
	struct reader r = {s, s + len, a};

	*v = (struct header_value){0};
	skip_blanks(&r);
	v->value = read_token(&r);
	if (!v->value)
		return false;
	for (;;) {
		skip_blanks(&r);
		if (r.p == r.end)
			return true;
		if (*r.p++ != ';')
			return false;
		skip_blanks(&r);
		if (r.p == r.end)
			return true;
		if (!read_param(&r, v))
			return false;
	}
}

const char *header_value_get(const struct header_value *v, const char *name, size_t *len)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcasecmp(v->param[i].name, name) == 0) {
			*len = v->param[i].len;
			return v->param[i].value;
		}
	return NULL;
}

/* Browsers write a quote, CR and LF in a name as these three, and a per cent sign as itself. */
static char *unescape(struct arena *a, const char *s, size_t *len)
{
	static const struct {
		const char *code;
		char c;
	} codes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};
	char *out = arena_alloc(a, *len + 1), *to = out;

	for (size_t i = 0; i < *len; i++) {
		char c = s[i];

		for (size_t k = 0; c == '%' && *len - i > 2 && k < 3; k++)
			if (strncasecmp(s + i, codes[k].code, 3) == 0) {
				c = codes[k].c;
				i += 2;
				break;
			}
		*to++ = c;
	}
	*to = '\0';
	*len = (size_t)(to - out);
	return out;
}

/* RFC 5987: UTF-8'language'percent-encoded; latin-1 as well. */
static bool decode_extended(
    struct arena *a, const char *s, size_t len, const char **out, size_t *out_len)
{
	const char *quote = memchr(s, '\'', len),
		   *second = quote ? memchr(quote + 1, '\'', len - (size_t)(quote + 1 - s)) : NULL;
	bool utf8 = len > 5 && strncasecmp(s, "UTF-8'", 6) == 0;
	bool latin1 = len > 10 && strncasecmp(s, "ISO-8859-1'", 11) == 0;
	size_t n = second ? len - (size_t)(second + 1 - s) : 0;
	char *text = arena_alloc(a, 2 * n + 1), *raw;
	ptrdiff_t got;

	if (!second || (!utf8 && !latin1))
		return false;
	raw = utf8 ? text : arena_alloc(a, n + 1);
	got = percent_decode(second + 1, n, false, raw);
	if (got < 0)
		return false;
	*out = text;
	*out_len = (size_t)got;
	if (utf8)
		return true;
	char *to = text;
	for (ptrdiff_t i = 0; i < got; i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c >= 0x80) {
			*to++ = (char)(0xc0 | c >> 6);
			*to++ = (char)(0x80 | (c & 0x3f));
		} else {
			*to++ = (char)c;
		}
	}
	*to = '\0';
	*out_len = (size_t)(to - text);
	return true;
}

enum rc disposition_parse(
    const char *s, size_t len, struct arena *a, struct part *part, struct err *err)
{
	struct header_value v;
	const char *name, *filename, *extended;
	size_t name_len, filename_len = 0, extended_len;

	if (!header_value_parse(&v, s, len, a) || strcasecmp(v.value, "form-data") != 0)
		return err_set(err, RC_INVALID, "a part's Content-Disposition is malformed");
	name = header_value_get(&v, "name", &name_len);
	if (!name)
		return err_set(err, RC_INVALID, "a part has no name");
	part->name = unescape(a, name, &name_len);
	if (!str_utf8(part->name, name_len))
		return err_set(err, RC_INVALID, "a part's name is not UTF-8 text");
	extended = header_value_get(&v, "filename*", &extended_len);
	filename = header_value_get(&v, "filename", &filename_len);
	if (extended) {
		if (!decode_extended(a, extended, extended_len, &filename, &filename_len))
			return err_set(err, RC_INVALID, "a file name in filename* is malformed");
	} else if (filename) {
		filename = unescape(a, filename, &filename_len);
	}
	if (filename && !str_utf8(filename, filename_len))
		return err_set(err, RC_INVALID, "a file name is not UTF-8 text or holds NUL");
	part->filename = filename;
	part->filename_len = filename_len;
	return RC_OK;
}
