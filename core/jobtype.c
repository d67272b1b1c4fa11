/*
 * Job types in use: which one takes a file, and where its programs are.
 */
#include "core/jobtype.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const jobtype_retry_names[] = {
    "tempfail",
    "lost",
    "timeout",
    "signal",
    "memory",
    "any",
    NULL,
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

const char *jobtype_hold(const struct jobtypes *types, const char *name)
{
	const struct jobtype *t = jobtype_find(types, name);

	if (!t)
		return "its type is gone from jobs.d";
	if (!t->available)
		return "a program of its type is missing";
	return t->paused ? "its type is paused" : NULL;
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
	if (*t->command && !jobtype_program(cfg, t->command[0], a))
		return t->command[0];
	for (const char **p = t->requires; *p; p++)
		if (!jobtype_program(cfg, *p, a))
			return *p;
	return NULL;
}
