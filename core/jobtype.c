/*
 * Job types in use: which one takes a file, where its programs are, and the argv of a run.
 *
 * An argv is made element by element; a value never becomes more than (part of) one argument and
 * never an option, so names of uploaded files cannot say anything to a command that its author did
 * not write.
 */
#include "core/jobtype.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"

const char *const jobtype_retry_names[] = {
    "tempfail",
    "lost",
    "timeout",
    "signal",
    "memory",
    "any",
    NULL,
};

enum placeholder { PH_INPUT, PH_INPUTS, PH_OUTPUT, PH_STEM, PH_EXT, PH_NAME, PH_MAX };

static const char *const placeholders[PH_MAX] = {
    [PH_INPUT] = "input",
    [PH_INPUTS] = "inputs",
    [PH_OUTPUT] = "output",
    [PH_STEM] = "stem",
    [PH_EXT] = "ext",
    [PH_NAME] = "name",
};

bool jobtype_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strlen(name);

	return len >= 1 && len <= 63 && name[0] != '_' && name[0] != '-' &&
	       strspn(name, letters) == len;
}

const struct jobtype *jobtype_find(const struct jobtypes *types, const char *name)
{
	for (size_t i = 0; i < types->n; i++)
		if (strcmp(types->list[i].name, name) == 0)
			return &types->list[i];
	return NULL;
}

/* ---- which files
 * ---------------------------------------------------------------------------------- */

/* Content types behind which anything may hide: the name has to tell. */
static bool vague(const char *type)
{
	static const char *const list[] = {
	    "application/zip",
	    "application/octet-stream",
	    "application/csv",
	    "application/x-ole-storage",
	    "application/CDFV2",
	};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (strcmp(type, list[i]) == 0)
			return true;
	return strncmp(type, "text/", 5) == 0;
}

static bool accept_extension(const char *ext, const char *type, const char *name)
{
	size_t len = strlen(name), n = strlen(ext);
	const char *sub = strchr(type, '/');

	if (len <= n || strcasecmp(name + len - n, ext) != 0)
		return false;
	if (vague(type) || !sub)
		return true;
	/* The content bears the name out: image/heic for .heic, application/x-tar for .tar. */
	sub += strncmp(sub + 1, "x-", 2) == 0 ? 3 : 1;
	return strcasecmp(sub, ext + 1) == 0;
}

bool jobtype_accepts(const struct jobtype *t, const char *content_type, const char *name)
{
	for (const char **p = t->accept; *p; p++) {
		size_t len = strlen(*p);

		if (strcmp(*p, "*") == 0 || strcasecmp(*p, content_type) == 0)
			return true;
		if (**p == '.' && accept_extension(*p, content_type, name))
			return true;
		if (len > 2 && strcmp(*p + len - 2, "/*") == 0 &&
		    strncasecmp(*p, content_type, len - 1) == 0)
			return true;
	}
	return false;
}

const struct jobtype *jobtype_choose(
    const struct jobtypes *types, const char *content_type, const char *name)
{
	const struct jobtype *t;

	for (size_t i = 0; i < types->n; i++) {
		t = &types->list[i];
		if (t->by_default && t->available && jobtype_accepts(t, content_type, name))
			return t;
	}
	t = jobtype_find(types, "inspect");
	return t && t->available && jobtype_accepts(t, content_type, name) ? t : NULL;
}

/* ---- programs
 * --------------------------------------------------------------------------------------- */

static bool executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
	       access(path, X_OK) == 0;
}

/* The path with its directory resolved; the last part stays, since programs look at their name. */
static const char *resolve(const char *path, struct arena *a)
{
	const char *slash = strrchr(path, '/'), *result;
	char *dir =
	    realpath(slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path)), NULL);

	if (!dir)
		return NULL;
	result = arena_printf(a, "%s%s", strcmp(dir, "/") == 0 ? "" : dir, slash);
	free(dir);
	return result;
}

const char *jobtype_program(const struct config *cfg, const char *name, struct arena *a)
{
	const char *const dirs[] = {
	    cfg->tools_dir,
	    cfg->scripts_dir,
	    "/usr/local/bin",
	    "/usr/bin",
	    "/bin",
	};

	if (strchr(name, '/'))
		return name[0] == '/' && executable(name) ? resolve(name, a) : NULL;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		const char *path = arena_printf(a, "%s/%s", dirs[i], name);

		if (executable(path))
			return resolve(path, a);
	}
	return NULL;
}

const char *jobtype_missing(const struct config *cfg, const struct jobtype *t, struct arena *a)
{
	if (!jobtype_program(cfg, t->command[0], a))
		return t->command[0];
	for (const char **p = t->requires; *p; p++)
		if (!jobtype_program(cfg, *p, a))
			return *p;
	return NULL;
}

/* ---- argv
 * ------------------------------------------------------------------------------------------- */

/* Which placeholder begins at s; *len gets its length with braces. PH_MAX: none, and *len tells
 * whether it looks like one (0: a plain brace). */
static enum placeholder placeholder_at(const char *s, size_t *len)
{
	size_t n = strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	*len = 0;
	if (!n || s[1 + n] != '}')
		return PH_MAX;
	*len = n + 2;
	for (int i = 0; i < PH_MAX; i++)
		if (strlen(placeholders[i]) == n && strncmp(placeholders[i], s + 1, n) == 0)
			return (enum placeholder)i;
	return PH_MAX;
}

bool jobtype_placeholders_valid(const char *element, bool first, struct arena *a, const char **bad)
{
	for (const char *s = element; (s = strchr(s, '{')); s++) {
		size_t len;
		enum placeholder p = placeholder_at(s, &len);

		if (s[1] == '{') {
			s++;
			continue;
		}
		if (!len)
			continue;
		*bad = arena_strndup(a, s, len);
		if (p == PH_MAX || first || (p == PH_INPUTS && strlen(element) != len))
			return false;
	}
	return true;
}

/* The parts of the display name. */
struct name_parts {
	const char *name, *stem, *ext;
};

static struct name_parts split_name(const char *name, struct arena *a)
{
	const char *slash = strrchr(name, '/'), *dot;
	struct name_parts p;

	p.name = slash ? slash + 1 : name;
	dot = strrchr(p.name, '.');
	p.ext = dot && dot != p.name ? dot + 1 : "";
	p.stem = *p.ext ? arena_strndup(a, p.name, (size_t)(dot - p.name)) : p.name;
	/* As part of a path these would lead elsewhere. */
	if (strcmp(p.stem, ".") == 0 || strcmp(p.stem, "..") == 0)
		p.stem = p.name;
	return p;
}

static const char *fill(const char *element, const struct jobtype_run *run,
    const struct name_parts *parts, struct arena *a)
{
	struct buf out;
	const char *result;

	buf_init(&out);
	for (const char *s = element; *s; s++) {
		const char *value = NULL;
		size_t len = 0;

		if (s[0] == '{' && s[1] == '{') {
			s++;
		} else if (*s == '{') {
			switch (placeholder_at(s, &len)) {
			case PH_INPUT:
			case PH_INPUTS:
				value = run->inputs[0];
				break;
			case PH_OUTPUT:
				value = run->output;
				break;
			case PH_STEM:
				value = parts->stem;
				break;
			case PH_EXT:
				value = parts->ext;
				break;
			case PH_NAME:
				value = parts->name;
				break;
			default:
				break;
			}
		}
		if (value) {
			buf_adds(&out, value);
			s += len - 1;
		} else {
			buf_addc(&out, *s);
		}
	}
	result = arena_strdup(a, out.data);
	buf_release(&out);
	return result;
}

enum rc jobtype_argv(const struct jobtype *t, const struct jobtype_run *run, struct arena *a,
    const char ***argv, struct err *err)
{
	struct name_parts parts = split_name(run->name, a);
	size_t inputs = 0, elements = 0, n = 0, len;
	bool options_over = false;
	const char **out;

	while (run->inputs[inputs])
		inputs++;
	while (t->command[elements])
		elements++;
	out = arena_alloc(a, (elements * (inputs + 1) + 1) * sizeof *out);
	for (size_t i = 0; i < elements; i++) {
		const char *e = t->command[i];

		if (strcmp(e, "{inputs}") == 0) {
			for (size_t j = 0; j < inputs; j++)
				out[n++] = run->inputs[j];
			continue;
		}
		out[n] = fill(e, run, &parts, a);
		if (!options_over && out[n][0] == '-' && e[0] == '{' &&
		    placeholder_at(e, &len) != PH_MAX)
			return err_set(err, RC_INVALID,
			    "\"%.80s\" would pass as an option of %.60s", out[n], t->command[0]);
		options_over |= strcmp(e, "--") == 0;
		n++;
	}
	out[n] = NULL;
	*argv = out;
	return RC_OK;
}
