/*
 * Reader of the small configuration language: `[section]`, `key = value`, comments.
 *
 * A comment is a line whose first character that is not blank is `#` or `;`, and nothing else:
 * `#` and `;` inside a value are data. Lines may be of any length, a value is the rest of its line
 * without the blanks around it, sections are not nested, and a key or section that stands twice is
 * an error. Text must be UTF-8.
 */
#ifndef CORE_INI_H
#define CORE_INI_H

#include <stddef.h>

#include "core/arena.h"
#include "core/rc.h"

struct ini_seen;

/* A text being read. Fields are private but for `file` and `line` (of the entry last returned). */
struct ini {
	const char *file;
	int line;
	const char *at, *end;
	const char *section;
	struct arena *arena;
	struct ini_seen *sections, *keys;
	size_t key_count;
};

/* One line of meaning. key NULL: the line opened a section. section is "" before the first. All
 * texts live in the arena. */
struct ini_entry {
	const char *section, *key, *value;
	int line;
};

/* Begin to read `text`; `file` names it in errors. Both are borrowed while the reader is in use. */
void ini_init(struct ini *ini, const char *file, const char *text, size_t len, struct arena *a);

/* The next entry: RC_OK, RC_DONE at the end, RC_INVALID with "file:line: …". */
enum rc ini_next(struct ini *ini, struct ini_entry *out, struct err *err);

/* "file:line: …" for an entry that has no meaning to the caller; RC_INVALID. A file name that would
 * crowd out the message loses its front. */
enum rc ini_refuse(const char *file, int line, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Read a whole file of at most 1 MiB into the arena, NUL-terminated. RC_NOTFOUND, RC_SYS, RC_LIMIT;
 * RC_INVALID: it became shorter meanwhile. */
enum rc ini_slurp(const char *path, struct arena *a, char **text, size_t *len, struct err *err);

#endif
