/*
 * Reader of the small configuration language. It walks a text in memory line by line and copies
 * what it returns into the arena. Keys are remembered per section, in a list: files are small, and
 * the number of keys in a section is bounded so that a hostile one stays cheap.
 */
#include "core/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

#define FILE_MAX (1 << 20)
#define KEYS_MAX 2000

struct ini_seen {
	struct ini_seen *next;
	const char *name;
	int line;
};

void ini_init(struct ini *ini, const char *file, const char *text, size_t len, struct arena *a)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	*ini = (struct ini){.file = file, .at = text, .end = text + len, .section = "", .arena = a};
}

enum rc ini_refuse(const char *file, int line, struct err *err, const char *fmt, ...)
{
	size_t len = strlen(file);
	char text[sizeof err->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(err, RC_INVALID, "%s%s:%d: %s", len > 100 ? "…" : "",
	    len > 100 ? file + len - 100 : file, line, text);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **from, const char **to)
{
	while (*from < *to && blank(**from))
		(*from)++;
	while (*to > *from && blank((*to)[-1]))
		(*to)--;
}

/* Remember a name; the line it stood on before, or 0. */
static int seen(struct ini *ini, struct ini_seen **list, const char *name)
{
	struct ini_seen *s;

	for (s = *list; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s->line;
	s = arena_alloc(ini->arena, sizeof *s);
	*s = (struct ini_seen){.next = *list, .name = name, .line = ini->line};
	*list = s;
	return 0;
}

static enum rc read_section(
    struct ini *ini, const char *from, const char *to, struct ini_entry *out, struct err *err)
{
	int before;

	if (to[-1] != ']')
		return ini_refuse(ini->file, ini->line, err, "section without a closing \"]\"");
	from++;
	to--;
	trim(&from, &to);
	if (from == to)
		return ini_refuse(ini->file, ini->line, err, "section without a name");
	ini->section = arena_strndup(ini->arena, from, (size_t)(to - from));
	ini->keys = NULL;
	ini->key_count = 0;
	before = seen(ini, &ini->sections, ini->section);
	if (before)
		return ini_refuse(ini->file, ini->line, err,
		    "section [%.60s] stands on line %d already", ini->section, before);
	*out = (struct ini_entry){.section = ini->section, .line = ini->line};
	return RC_OK;
}

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static enum rc read_key(
    struct ini *ini, const char *from, const char *to, struct ini_entry *out, struct err *err)
{
	const char *equals = memchr(from, '=', (size_t)(to - from)), *key_end = equals, *value;
	int before;

	if (!equals)
		return ini_refuse(ini->file, ini->line, err,
		    "expected \"key = value\", \"[section]\" or a comment");
	trim(&from, &key_end);
	for (const char *p = from; p < key_end; p++)
		if (!key_char(*p))
			return ini_refuse(ini->file, ini->line, err, "bad key \"%.*s\"",
			    (int)(key_end - from > 60 ? 60 : key_end - from), from);
	if (from == key_end)
		return ini_refuse(ini->file, ini->line, err, "no key before \"=\"");
	value = equals + 1;
	trim(&value, &to);
	*out = (struct ini_entry){
	    .section = ini->section,
	    .key = arena_strndup(ini->arena, from, (size_t)(key_end - from)),
	    .value = arena_strndup(ini->arena, value, (size_t)(to - value)),
	    .line = ini->line,
	};
	if (++ini->key_count > KEYS_MAX)
		return ini_refuse(
		    ini->file, ini->line, err, "more than %d keys in a section", KEYS_MAX);
	before = seen(ini, &ini->keys, out->key);
	if (before)
		return ini_refuse(ini->file, ini->line, err, "\"%.60s\" stands on line %d already",
		    out->key, before);
	return RC_OK;
}

enum rc ini_next(struct ini *ini, struct ini_entry *out, struct err *err)
{
	while (ini->at < ini->end) {
		const char *from = ini->at, *to = memchr(from, '\n', (size_t)(ini->end - from));

		if (!to)
			to = ini->end;
		ini->at = to < ini->end ? to + 1 : to;
		ini->line++;
		if (!str_utf8(from, (size_t)(to - from)))
			return ini_refuse(ini->file, ini->line, err, "not valid UTF-8 text");
		trim(&from, &to);
		if (from == to || *from == '#' || *from == ';')
			continue;
		return *from == '[' ? read_section(ini, from, to, out, err)
				    : read_key(ini, from, to, out, err);
	}
	return RC_DONE;
}

enum rc ini_slurp(const char *path, struct arena *a, char **text, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t got = 0;
	ssize_t n = 1;
	enum rc rc;

	if (fd < 0) {
		rc = err_sys(err, "cannot open \"%s\"", path);
		return errno == ENOENT ? err_set(err, RC_NOTFOUND, "no such file: \"%s\"", path)
				       : rc;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(err, RC_SYS, "not a regular file: \"%s\"", path);
	} else if (st.st_size > FILE_MAX) {
		rc = err_set(err, RC_LIMIT, "larger than 1 MiB: \"%s\"", path);
	} else {
		size_t room = (size_t)st.st_size;

		*text = arena_alloc(a, room + 1);
		while (got < room && (n = read(fd, *text + got, room - got)) != 0)
			if (n > 0)
				got += (size_t)n;
			else if (errno != EINTR)
				break;
		(*text)[got] = '\0';
		*len = got;
		rc = n < 0 ? err_sys(err, "cannot read \"%s\"", path) : RC_OK;
		if (!rc && got < room)
			rc = err_set(err, RC_INVALID, "changed while it was read: \"%s\"", path);
	}
	close(fd);
	return rc;
}
