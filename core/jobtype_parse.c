/*
 * Job types from their files. One table declares the keys of a definition; every error names file
 * and line, and a file with an error adds nothing, so a slip of the pen never takes a type away.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/argv.h"
#include "core/ini.h"
#include "core/jobtype.h"
#include "core/log.h"
#include "core/str.h"

#define MiB (INT64_C(1) << 20)
#define MINUTE (60 * INT64_C(1000))
#define DAY (24 * 60 * MINUTE)

/* Where a value is read: for its errors. */
struct place {
	const char *file, *key;
	int line;
	struct arena *arena;
	struct err *err;
};

struct key {
	const char *name;
	enum rc (*read)(
	    const struct key *k, const struct place *at, const char *value, void *field);
	size_t offset;
	int64_t min, max;
};

static enum rc refuse(const struct place *at, const char *value, const char *allowed)
{
	return ini_refuse(at->file, at->line, at->err, "bad value \"%.60s\" for %s (%s)", value,
	    at->key, allowed);
}

static enum rc read_text(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	(void)k;
	if (!*value)
		return refuse(at, value, "it must not be empty");
	*(const char **)field = value;
	return RC_OK;
}

static enum rc read_words(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	struct err why;

	(void)k;
	if (argv_split(value, at->arena, field, NULL, &why) != RC_OK)
		return refuse(at, value, why.text);
	return RC_OK;
}

static enum rc read_accept(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	const char **list;
	enum rc rc = read_words(k, at, value, field);

	if (rc != RC_OK)
		return rc;
	list = *(const char ***)field;
	if (!*list)
		return refuse(at, value, "name content types, extensions such as .csv, or *");
	for (; *list; list++) {
		const char *slash = strchr(*list, '/');
		bool extension = **list == '.' && (*list)[1] && !slash;

		if (!extension && strcmp(*list, "*") != 0 && !(slash && slash != *list && slash[1]))
			return refuse(at, *list,
			    "allowed: a content type such as image/png or image/*, an "
			    "extension such as .csv, or *");
	}
	return RC_OK;
}

static enum rc read_command(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	const char **list;
	enum rc rc = read_words(k, at, value, field);

	if (rc != RC_OK)
		return rc;
	list = *(const char ***)field;
	if (!*list)
		return refuse(at, value, "it must not be empty");
	if (!**list || (**list != '/' && strchr(*list, '/')))
		return refuse(
		    at, *list, "the program is an absolute path, or a name without a slash");
	return RC_OK;
}

/* Absolute, not the root, and without "..". */
static bool path_valid(const char *path)
{
	size_t len = strlen(path);

	return *path == '/' && path[strspn(path, "/.")] && !strstr(path, "/../") &&
	       (len < 3 || strcmp(path + len - 3, "/..") != 0);
}

static enum rc read_paths(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	enum rc rc = read_words(k, at, value, field);

	for (const char **p = *(const char ***)field; rc == RC_OK && *p; p++)
		if (!path_valid(*p))
			rc = refuse(at, *p, "absolute paths, separated by blanks");
	return rc;
}

static enum rc read_bool(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	(void)k;
	return str_bool(value, field) ? RC_OK : refuse(at, value, "allowed: yes, no");
}

static enum rc read_progress(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	(void)k;
	if (strcmp(value, "percent") != 0 && strcmp(value, "items") != 0)
		return refuse(at, value, "allowed: percent, items");
	*(enum jobtype_progress *)field =
	    *value == 'i' ? JOBTYPE_PROGRESS_ITEMS : JOBTYPE_PROGRESS_PERCENT;
	return RC_OK;
}

static enum rc read_inputs(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	(void)k;
	if (strcmp(value, "one") != 0 && strcmp(value, "many") != 0)
		return refuse(at, value, "allowed: one, many");
	*(bool *)field = *value == 'm';
	return RC_OK;
}

static enum rc read_runner(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	(void)k;
	if (strcmp(value, "local") != 0 && strcmp(value, "external") != 0)
		return refuse(at, value, "allowed: local, external");
	*(bool *)field = *value == 'e';
	return RC_OK;
}

static enum rc read_retry_on(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	const char **words;
	unsigned bits = 0;
	enum rc rc = read_words(k, at, value, &words);

	for (; rc == RC_OK && *words; words++) {
		size_t i = 0;

		if (strcmp(*words, "none") == 0 && !bits && !words[1])
			break;
		while (jobtype_retry_names[i] && strcmp(jobtype_retry_names[i], *words) != 0)
			i++;
		if (!jobtype_retry_names[i])
			return refuse(at, *words,
			    "allowed: tempfail lost timeout signal memory any, or none");
		bits |= 1u << i;
	}
	*(unsigned *)field = bits;
	return rc;
}

static enum rc read_number(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	if (str_int(value, k->min, k->max, field))
		return RC_OK;
	return refuse(at, value,
	    arena_printf(at->arena, "allowed: a number from %lld to %lld", (long long)k->min,
		(long long)k->max));
}

static enum rc read_duration(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	int64_t ms;

	if (!str_duration(value, &ms) || ms < k->min || ms > k->max)
		return refuse(at, value,
		    arena_printf(at->arena,
			"allowed: a duration such as 30s, 2m, 1h, 30d, "
			"from %lld to %lld s",
			(long long)k->min / 1000, (long long)k->max / 1000));
	*(int64_t *)field = ms;
	return RC_OK;
}

static enum rc read_size(
    const struct key *k, const struct place *at, const char *value, void *field)
{
	int64_t bytes;

	if (!str_size(value, &bytes) || bytes < k->min || bytes > k->max)
		return refuse(at, value,
		    arena_printf(at->arena, "allowed: a size such as 512M, 2G, from %lldM",
			(long long)(k->min / MiB)));
	*(int64_t *)field = bytes;
	return RC_OK;
}

#define KEY(n, fn, field, lo, hi)                               \
	{                                                       \
#n, fn, offsetof(struct jobtype, field), lo, hi \
	}

static const struct key keys[] = {
    KEY(title, read_text, title, 0, 0),
    KEY(description, read_text, description, 0, 0),
    KEY(accept, read_accept, accept, 0, 0),
    KEY(command, read_command, command, 0, 0),
    KEY(requires, read_words, requires, 0, 0),
    KEY(read, read_paths, read, 0, 0),
    KEY(network, read_bool, network, 0, 0),
    KEY(default, read_bool, by_default, 0, 0),
    KEY(inputs, read_inputs, many, 0, 0),
    KEY(manual, read_bool, manual, 0, 0),
    KEY(runner, read_runner, external, 0, 0),
    KEY(sample, read_words, sample, 0, 0),
    KEY(expect, read_text, expect, 0, 0),
    KEY(progress, read_progress, progress, 0, 0),
    KEY(retry_on, read_retry_on, retry_on, 0, 0),
    KEY(timeout, read_duration, timeout_ms, 1000, 30 * DAY),
    KEY(memory, read_size, memory_bytes, 4 * MiB, INT64_C(1) << 44),
    KEY(output_max, read_size, output_max_bytes, 1, INT64_C(1) << 50),
    KEY(keep, read_duration, keep_ms, 0, 36500 * DAY),
    KEY(attempts, read_number, attempts, 1, 100),
    KEY(concurrency, read_number, concurrency, 0, 10000),
};

#define KEY_COUNT (sizeof keys / sizeof *keys)

static void set_defaults(struct jobtype *t, const char *name, const char *file)
{
	static const char *none[] = {NULL};

	*t = (struct jobtype){
	    .name = name,
	    .file = file,
	    .description = "",
	    .command = none,
	    .sample = none,
	    .requires = none,
	    .read = none,
	    .retry_on = RETRY_TEMPFAIL | RETRY_LOST,
	    .timeout_ms = 60 * MINUTE,
	    .memory_bytes = 512 * MiB,
	    .output_max_bytes = 1024 * MiB,
	    .keep_ms = 30 * DAY,
	    .attempts = 3,
	};
}

static void grow(struct jobtypes *types, struct arena *a)
{
	struct jobtype *list;

	if (types->n & (types->n - 1))
		return;
	list = arena_alloc(a, (types->n ? 2 * types->n : 1) * sizeof *list);
	if (types->n)
		memcpy(list, types->list, types->n * sizeof *list);
	types->list = list;
}

/* Put in by name, in place of a namesake. */
static void put(struct jobtypes *types, const struct jobtype *t, struct arena *a)
{
	size_t i = 0;

	while (i < types->n && strcmp(types->list[i].name, t->name) < 0)
		i++;
	if (i == types->n || strcmp(types->list[i].name, t->name) != 0) {
		grow(types, a);
		memmove(types->list + i + 1, types->list + i, (types->n - i) * sizeof *t);
		types->n++;
	}
	types->list[i] = *t;
}

/* A section that is being read. */
struct section {
	struct jobtype t;       /* name NULL: none yet */
	int line, command_line; /* of its head, and of its command */
};

/* A section is over: is all there that must be? Its parameters may stand behind the command, so
 * that is looked at here. */
static enum rc check_complete(const struct section *s, struct err *err)
{
	const struct jobtype *t = &s->t;
	bool elsewhere = t->manual || t->external;
	const char *missing = !t->title                    ? "title"
			      : !t->accept                 ? "accept"
			      : !*t->command && !elsewhere ? "command"
							   : NULL;
	struct err why;

	if (t->external && (t->manual || *t->command))
		return ini_refuse(t->file, s->line, err,
		    "[job %s] has runner = external, and a command or manual = yes beside it",
		    t->name);

	if (t->manual && *t->command)
		return ini_refuse(t->file, s->line, err,
		    "[job %s] has a command and manual = yes: nobody would run it", t->name);
	if (t->manual && t->by_default)
		return ini_refuse(t->file, s->line, err,
		    "[job %s] cannot be default and manual: uploads would wait for somebody",
		    t->name);
	if (missing)
		return ini_refuse(t->file, s->line, err, "[job %s] has no %s", t->name, missing);
	if (jobtype_command_check(t, &why) != RC_OK)
		return ini_refuse(t->file, s->command_line, err, "%s", why.text);
	return RC_OK;
}

static enum rc begin_section(const struct ini *ini, const struct jobtypes *types,
    const struct ini_entry *e, struct section *s, struct err *err)
{
	const char *name = e->section + 4;
	const struct jobtype *other;

	if (strncmp(e->section, "job ", 4) != 0)
		return ini_refuse(ini->file, e->line, err,
		    "expected a section [job NAME], not [%.60s]", e->section);
	name += strspn(name, " \t");
	if (!jobtype_name_valid(name))
		return ini_refuse(ini->file, e->line, err,
		    "bad name \"%.70s\" (allowed: 1 to 63 of a-z 0-9 _ -, beginning with a letter "
		    "or digit)",
		    name);
	other = jobtype_find(types, name);
	if (other)
		return ini_refuse(ini->file, e->line, err,
		    "job type \"%s\" stands in %.100s already", name, other->file);
	set_defaults(&s->t, name, ini->file);
	s->line = e->line;
	return RC_OK;
}

static enum rc read_param(const struct place *at, const char *value, struct params *params)
{
	struct err why;

	if (params->n == PARAMS_MAX)
		return ini_refuse(
		    at->file, at->line, at->err, "more than %d parameters", PARAMS_MAX);
	if (!params->list)
		params->list = arena_alloc(at->arena, PARAMS_MAX * sizeof *params->list);
	if (param_parse(strchr(at->key, '.') + 1, value, at->arena, &params->list[params->n],
		&why) != RC_OK)
		return ini_refuse(at->file, at->line, at->err, "%.70s: %s", at->key, why.text);
	params->n++;
	return RC_OK;
}

static enum rc read_key(
    const struct ini *ini, const struct ini_entry *e, struct section *s, struct err *err)
{
	struct place at = {ini->file, e->key, e->line, ini->arena, err};

	if (strncmp(e->key, "param.", 6) == 0)
		return read_param(&at, e->value, &s->t.params);
	if (strcmp(e->key, "command") == 0)
		s->command_line = e->line;
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, e->key) == 0)
			return keys[i].read(
			    &keys[i], &at, e->value, (char *)&s->t + keys[i].offset);
	return ini_refuse(
	    ini->file, e->line, err, "unknown key \"%.60s\" in [job %s]", e->key, s->t.name);
}

enum rc jobtype_parse(struct jobtypes *types, const char *file, const char *text, size_t len,
    struct arena *a, struct err *err)
{
	struct jobtypes found = {0};
	struct section s = {0};
	struct ini_entry e;
	struct ini ini;
	enum rc rc;

	ini_init(&ini, arena_strdup(a, file), text, len, a);
	while ((rc = ini_next(&ini, &e, err)) == RC_OK) {
		if (e.key && !s.t.name)
			return ini_refuse(file, e.line, err,
			    "\"%.60s\" stands before the first [job NAME]", e.key);
		if (e.key) {
			rc = read_key(&ini, &e, &s, err);
		} else {
			if (s.t.name && (rc = check_complete(&s, err)) != RC_OK)
				return rc;
			if (s.t.name)
				put(&found, &s.t, a);
			rc = begin_section(&ini, types, &e, &s, err);
			if (rc == RC_OK && jobtype_find(&found, s.t.name))
				rc = ini_refuse(file, e.line, err,
				    "job type \"%s\" stands here twice", s.t.name);
		}
		if (rc != RC_OK)
			return rc;
	}
	if (rc != RC_DONE)
		return rc;
	if (!s.t.name)
		return ini_refuse(file, 1, err, "no section [job NAME]");
	if ((rc = check_complete(&s, err)) != RC_OK)
		return rc;
	put(&found, &s.t, a);
	for (size_t i = 0; i < found.n; i++)
		put(types, &found.list[i], a);
	return RC_OK;
}

/* ---- directories
 * --------------------------------------------------------------------------------- */

static void add_bad(struct jobtypes *types, const char *file, const char *why, struct arena *a)
{
	struct jobtype_bad *list = arena_alloc(a, (types->bad_count + 1) * sizeof *list);

	if (types->bad_count)
		memcpy(list, types->bad, types->bad_count * sizeof *list);
	list[types->bad_count++] = (struct jobtype_bad){file, arena_strdup(a, why)};
	types->bad = list;
}

void jobtype_log_bad(const struct jobtypes *types)
{
	for (size_t i = 0; i < types->bad_count; i++)
		log_error("job types: %s", types->bad[i].why);
}

static int is_conf(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0;
}

static enum rc load_dir(const char *dir, struct jobtypes *out, struct arena *a, struct err *err)
{
	struct jobtypes here = {0};
	struct dirent **names;
	int n = scandir(dir, &names, is_conf, alphasort);

	if (n < 0)
		return errno == ENOENT ? RC_OK : err_sys(err, "cannot read directory \"%s\"", dir);
	for (int i = 0; i < n; i++) {
		const char *path = arena_printf(a, "%s/%s", dir, names[i]->d_name);
		struct err why;
		char *text;
		size_t len;

		free(names[i]);
		if (ini_slurp(path, a, &text, &len, &why) != RC_OK ||
		    jobtype_parse(&here, path, text, len, a, &why) != RC_OK)
			add_bad(out, path, why.text, a);
	}
	free(names);
	for (size_t i = 0; i < here.n; i++)
		put(out, &here.list[i], a);
	return RC_OK;
}

enum rc jobtype_load_dirs(
    const struct config *cfg, struct arena *a, struct jobtypes *out, struct err *err)
{
	char *list = arena_strdup(a, cfg->jobs_dir), *dir, *rest = list;
	enum rc rc = RC_OK;

	*out = (struct jobtypes){0};
	while (rc == RC_OK && (dir = strsep(&rest, ":")))
		if (*dir)
			rc = load_dir(dir, out, a, err);
	for (size_t i = 0; i < out->n; i++)
		out->list[i].available = !jobtype_missing(cfg, &out->list[i], a);
	return rc;
}
