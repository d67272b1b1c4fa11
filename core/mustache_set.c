/*
 * Sets of Mustache templates: an open-addressed table of names. A name that a template uses gets
 * its entry at once, so an operation is bound to the entry and nothing is looked up while rendering
 * but dynamic names. All of it lives in the set's arena; a replaced template stays there to the
 * end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mustache_op.h"

#define SUFFIX ".mustache"
#define SUFFIX_LEN 9
#define FILE_BYTES_MAX (16u << 20)
#define FOLDERS_DEEP_MAX 16

struct mustache_set {
	struct arena arena;
	struct mustache **table; /* of `size` places, at most half of them used */
	size_t count, size;
	const char *partials; /* directory to look in for names that are missing, or NULL */
	uint64_t budget;
};

struct mustache_set *mustache_set_new(void)
{
	struct mustache_set *set = calloc(1, sizeof *set);

	if (!set)
		bug("mustache: out of memory");
	arena_init(&set->arena);
	set->size = 64;
	set->table = arena_zalloc(&set->arena, set->size * sizeof *set->table);
	set->budget = 100000000;
	return set;
}

void mustache_set_free(struct mustache_set *set)
{
	if (!set)
		return;
	arena_release(&set->arena);
	free(set);
}

void mustache_set_budget(struct mustache_set *set, uint64_t sections)
{
	set->budget = sections;
}

uint64_t mustache_budget(const struct mustache_set *set)
{
	return set->budget;
}

/* The place of that name: its template, or NULL where it would be put. */
static struct mustache **place(
    const struct mustache_set *set, const char *name, size_t len, uint64_t tag)
{
	size_t at = view_spread(tag) & (set->size - 1);

	for (;; at = (at + 1) & (set->size - 1)) {
		struct mustache *m = set->table[at];

		if (!m || (m->tag == tag && m->name_len == len && memcmp(m->name, name, len) == 0))
			return set->table + at;
	}
}

static void grow(struct mustache_set *set)
{
	struct mustache **old = set->table;
	size_t size = set->size;

	set->size *= 2;
	set->table = arena_zalloc(&set->arena, set->size * sizeof *set->table);
	for (size_t i = 0; i < size; i++)
		if (old[i])
			*place(set, old[i]->name, old[i]->name_len, old[i]->tag) = old[i];
}

struct mustache *mustache_intern(struct mustache_set *set, const char *name, size_t len)
{
	uint64_t tag = view_tag(name, len);
	struct mustache **at = place(set, name, len, tag), *m = *at;

	if (m)
		return m;
	if (set->count >= set->size / 2) {
		grow(set);
		at = place(set, name, len, tag);
	}
	m = arena_zalloc(&set->arena, sizeof *m);
	m->name = m->file = arena_strndup(&set->arena, name, len);
	m->name_len = (uint32_t)len;
	m->tag = tag;
	m->set = set;
	set->count++;
	return *at = m;
}

const struct mustache *mustache_find(const struct mustache_set *set, const char *name)
{
	size_t len = strlen(name);
	const struct mustache *m = *place(set, name, len, view_tag(name, len));

	return m && m->ops ? m : NULL;
}

static enum rc compile(struct mustache_set *set, const char *name, const char *file,
    const char *text, size_t len, struct err *err)
{
	struct mustache *m = mustache_intern(set, name, strlen(name));
	struct mustache fresh = *m;
	enum rc rc;

	if (len > FILE_BYTES_MAX)
		return mustache_fail(
		    err, RC_LIMIT, file, 1, 1, "larger than %u MiB", FILE_BYTES_MAX >> 20);
	fresh.file = arena_strdup(&set->arena, file);
	rc = mustache_parse(&fresh, &set->arena, arena_strndup(&set->arena, text, len), len, err);
	if (rc == RC_OK)
		*m = fresh;
	return rc;
}

enum rc mustache_set_add(
    struct mustache_set *set, const char *name, const char *text, size_t len, struct err *err)
{
	return compile(set, name, name, text, len, err);
}

/* ---- files --------------------------------------------------------------------------------- */

static enum rc compile_file(
    struct mustache_set *set, const char *name, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf text;
	ssize_t got;
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open template %s", path);
	buf_init(&text);
	while ((got = read(fd, buf_reserve(&text, 65536), 65536)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || text.len > FILE_BYTES_MAX)
			break;
		text.len += (size_t)got;
	}
	rc = got < 0 ? err_sys(err, "cannot read template %s", path)
		     : compile(set, name, path, text.data, text.len, err);
	close(fd);
	buf_release(&text);
	return rc;
}

static enum rc load_folder(
    struct mustache_set *set, const char *dir, const char *prefix, int deep, struct err *err);

static enum rc load_entry(struct mustache_set *set, const char *dir, const char *prefix,
    const char *entry, int deep, struct err *err)
{
	char *path = arena_printf(&set->arena, "%s/%s", dir, entry);
	size_t len = strlen(entry);
	struct stat st;

	if (entry[0] == '.')
		return RC_OK;
	if (stat(path, &st) != 0)
		return err_sys(err, "cannot read template %s", path);
	if (S_ISDIR(st.st_mode))
		return load_folder(
		    set, path, arena_printf(&set->arena, "%s%s/", prefix, entry), deep + 1, err);
	if (!S_ISREG(st.st_mode) || len <= SUFFIX_LEN ||
	    strcmp(entry + len - SUFFIX_LEN, SUFFIX) != 0)
		return RC_OK;
	return compile_file(set,
	    arena_printf(&set->arena, "%s%.*s", prefix, (int)(len - SUFFIX_LEN), entry), path, err);
}

static enum rc load_folder(
    struct mustache_set *set, const char *dir, const char *prefix, int deep, struct err *err)
{
	struct dirent **entry;
	enum rc rc = RC_OK;
	int count;

	if (deep > FOLDERS_DEEP_MAX)
		return err_set(err, RC_LIMIT, "template folders nested too deep at %s", dir);
	count = scandir(dir, &entry, NULL, alphasort);
	if (count < 0)
		return err_sys(err, "cannot read template folder %s", dir);
	for (int i = 0; i < count; i++) {
		if (rc == RC_OK)
			rc = load_entry(set, dir, prefix, entry[i]->d_name, deep, err);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

enum rc mustache_set_load_dir(struct mustache_set *set, const char *dir, struct err *err)
{
	return load_folder(set, dir, "", 0, err);
}

/* Names may come with the data: they stay inside the directory. */
static bool is_inside(const char *name, size_t len)
{
	size_t from = 0;

	if (!len || len > 1000 || memchr(name, '\0', len))
		return false;
	for (size_t i = 0; i <= len; i++)
		if (i == len || name[i] == '/') {
			if (i == from || name[from] == '.')
				return false;
			from = i + 1;
		}
	return true;
}

/* Look for one undefined template among the partials; absence is no error. */
static enum rc find_partial(struct mustache_set *set, struct mustache *m, struct err *err)
{
	char *path;

	if (m->ops || m->sought || !set->partials)
		return RC_OK;
	m->sought = true;
	if (!is_inside(m->name, m->name_len))
		return RC_OK;
	path = arena_printf(&set->arena, "%s/%s" SUFFIX, set->partials, m->name);
	if (access(path, F_OK) != 0)
		return RC_OK;
	return compile_file(set, m->name, path, err);
}

/* Every name that is bound, and those which the partials found bind in turn. */
static enum rc find_partials(struct mustache_set *set, struct err *err)
{
	size_t before;

	do {
		before = set->count;
		for (size_t i = 0; i < set->size; i++) {
			enum rc rc = set->table[i] ? find_partial(set, set->table[i], err) : RC_OK;

			if (rc != RC_OK)
				return rc;
		}
	} while (set->count != before);
	return RC_OK;
}

enum rc mustache_set_load_file(struct mustache_set *set, const char *path, const char *partials,
    const struct mustache **out, struct err *err)
{
	/* Not reachable as a partial: a file of that name may lie among the partials. */
	const char *name = arena_printf(&set->arena, "/%s", path);
	enum rc rc = compile_file(set, name, path, err);

	set->partials = arena_strdup(&set->arena, partials);
	if (rc == RC_OK)
		rc = find_partials(set, err);
	if (rc == RC_OK)
		*out = mustache_find(set, name);
	return rc;
}

enum rc mustache_seek(struct mustache_set *set, const char *name, size_t len,
    const struct mustache **out, struct err *err)
{
	struct mustache *m = *place(set, name, len, view_tag(name, len));
	enum rc rc = RC_OK;

	/* What is not there is not remembered: data could fill the table. */
	if (!m && set->partials && is_inside(name, len)) {
		char *path = NULL;

		if (asprintf(&path, "%s/%.*s" SUFFIX, set->partials, (int)len, name) < 0)
			bug("mustache: out of memory");
		if (access(path, F_OK) == 0)
			m = mustache_intern(set, name, len);
		free(path);
	}
	if (m && !m->ops) {
		rc = find_partial(set, m, err);
		if (rc == RC_OK)
			rc = find_partials(set, err);
	}
	*out = m && m->ops ? m : NULL;
	return rc;
}

/* ---- lint ---------------------------------------------------------------------------------- */

static bool is_listed(const char *const *raw, const char *what)
{
	for (; raw && *raw; raw++)
		if (strcmp(*raw, what) == 0)
			return true;
	return false;
}

static bool is_flawed(
    const struct mustache *m, const struct op *op, const char *const *raw, struct buf *out)
{
	buf_clear(out);
	if (op->target && !op->target->ops) {
		buf_printf(out, "%s:%u:%u: no template \"%s\"", m->file, op->line, op->column,
		    op->target->name);
		return true;
	}
	if (op->kind != OP_RAW)
		return false;
	buf_printf(out, "%s:", m->name);
	for (uint16_t i = 0; i < op->parts; i++)
		buf_printf(
		    out, "%s%.*s", i ? "." : "", (int)op->name[i].key.len, op->name[i].key.s);
	if (!op->parts)
		buf_addc(out, '.');
	if (is_listed(raw, out->data))
		return false;
	buf_clear(out);
	buf_printf(
	    out, "%s:%u:%u: unescaped value is not on the list", m->file, op->line, op->column);
	return true;
}

size_t mustache_set_lint(const struct mustache_set *set, const char *const *raw,
    void (*report)(void *arg, const char *text), void *arg)
{
	size_t flaws = 0;
	struct buf text;

	buf_init(&text);
	for (size_t i = 0; i < set->size; i++) {
		const struct mustache *m = set->table[i];

		for (size_t at = 0; m && at < m->count; at++)
			if (is_flawed(m, m->ops + at, raw, &text)) {
				flaws++;
				report(arg, text.data);
			}
	}
	buf_release(&text);
	return flaws;
}
