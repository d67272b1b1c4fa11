/*
 * Splitting and quoting of command lines.
 */
#include "core/argv.h"

#include <stdbool.h>
#include <string.h>

/* Copy one argument from *at to `to` without its quotes; returns the end of the copy, NULL if it is
 * not closed. */
static char *take(const char **at, char *to)
{
	char quote = '\0';
	const char *s = *at;

	for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
		if (*s == '\\' && quote != '\'') {
			/* Within double quotes only what is special there is escaped, as in a
			 * shell. */
			if (!*++s)
				return NULL;
			if (quote && *s != '"' && *s != '\\')
				*to++ = '\\';
			*to++ = *s;
		} else if (quote ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote ? '\0' : *s;
		} else {
			*to++ = *s;
		}
	}
	*at = s;
	return quote ? NULL : to;
}

enum rc argv_split(
    const char *text, struct arena *a, const char ***argv, size_t *n, struct err *err)
{
	size_t len = strlen(text), count = 0;
	/* No more elements than every other character, and copies never longer than the text. */
	const char **list = arena_alloc(a, (len / 2 + 2) * sizeof *list);
	char *to = arena_alloc(a, 2 * len + 1);

	for (;;) {
		text += strspn(text, " \t\r\n");
		if (!*text)
			break;
		list[count++] = to;
		to = take(&text, to);
		if (!to)
			return err_set(err, RC_INVALID,
			    "a quote is not closed, or a backslash stands at the end");
		*to++ = '\0';
	}
	list[count] = NULL;
	*argv = list;
	if (n)
		*n = count;
	return RC_OK;
}

static bool plain(const char *arg)
{
	static const char safe[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%{}";

	return *arg && arg[strspn(arg, safe)] == '\0';
}

void argv_quote(const char *arg, struct buf *out)
{
	if (plain(arg)) {
		buf_adds(out, arg);
		return;
	}
	buf_addc(out, '\'');
	for (; *arg; arg++)
		if (*arg == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *arg);
	buf_addc(out, '\'');
}
