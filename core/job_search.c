/*
 * Finding jobs by a part of their name: when names enter the index, and what it is asked.
 */
#include "core/job_search.h"

#include <locale.h>
#include <wctype.h>

#include "core/buf.h"

enum rc job_search_index(struct db *db, struct err *err)
{
	return db_exec(db, SQL_JOB_SEARCH_INDEX, DB_NO_ARGS, err);
}

enum rc job_search_add(struct db *db, int64_t job_id, struct err *err)
{
	return job_id % SEARCH_BATCH == 0 ? job_search_index(db, err) : RC_OK;
}

/* Both words as phrases, quotes doubled. */
const char *job_search_question(struct arena *a, int64_t project_id, const char *part)
{
	struct buf b;
	char *out;

	buf_init(&b);
	buf_printf(&b, "scope : \"[%lld]\" AND name : \"", (long long)project_id);
	for (; *part; part++) {
		if (*part == '"')
			buf_addc(&b, '"');
		buf_addc(&b, *part);
	}
	buf_addc(&b, '"');
	out = arena_strndup(a, b.data, b.len);
	buf_release(&b);
	return out;
}

/* The next character of a text in UTF-8, which the database has checked, in lower case. */
static wint_t next_folded(const char **s, locale_t locale)
{
	unsigned char first = (unsigned char)*(*s)++;
	wint_t c = first < 0x80   ? first
		   : first < 0xe0 ? first & 0x1f
		   : first < 0xf0 ? first & 0xf
				  : first & 7;

	for (; (**s & 0xc0) == 0x80; (*s)++)
		c = c << 6 | (unsigned char)(**s & 0x3f);
	return towlower_l(c, locale);
}

static bool begins_with(const char *text, const char *part, locale_t locale)
{
	while (*part)
		if (!*text || next_folded(&text, locale) != next_folded(&part, locale))
			return false;
	return true;
}

bool job_search_holds(const char *name, const char *part)
{
	static locale_t locale;

	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C", NULL);
	for (; *name; name++)
		if ((*name & 0xc0) != 0x80 && begins_with(name, part, locale))
			return true;
	return false;
}
