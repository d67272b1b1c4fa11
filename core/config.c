/*
 * The configuration: the table of keys and the code that reads, prints and documents them.
 *
 * Everything about a key stands in its line of the table; nothing else in the program names a
 * default. A value is read by the same function whether it comes from the table, the file or the
 * environment, so a default that breaks its own bounds is found by the first test that loads one.
 */
#include "core/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ini.h"
#include "core/str.h"

#define KiB INT64_C(1024)
#define MiB (KiB * KiB)
#define GiB (KiB * MiB)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define STATE "/var/lib/dropmill"
#define SHARE DROPMILL_PREFIX "/share/dropmill"

/* clang-format off */
enum kind {
	KIND_CHOICE, KIND_COUNT, KIND_DURATION, KIND_SIZE,
	KIND_TEXT, KIND_PATH, KIND_PATHS, KIND_URL,
	KIND_HEADER, KIND_NETS,
};
/* clang-format on */

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *def;
	int64_t min, max;
	const char *const *choices; /* in the order of the enum; NULL-terminated */
	const char *doc;            /* lines for the sample; the first begins the comment */
};

static const char *const auth_modes[] = {
    [AUTH_PASSWORD] = "password",
    [AUTH_PROXY] = "proxy",
    [AUTH_NONE] = "none",
    [AUTH_MODE_MAX] = NULL,
};
static const char *const sandbox_modes[] = {
    [SANDBOX_REQUIRE] = "require",
    [SANDBOX_AUTO] = "auto",
    [SANDBOX_OFF] = "off",
    [SANDBOX_MODE_MAX] = NULL,
};

/* clang-format off */
#define KEY(n, kind, field, d, lo, hi, list, doc) \
	{ #n, kind, offsetof(struct config, field), d, lo, hi, list, doc }
#define CHOICE(n, list, d, doc) KEY(n, KIND_CHOICE, n, d, 0, 0, list, doc)
#define COUNT(n, d, lo, hi, doc) KEY(n, KIND_COUNT, n, d, lo, hi, NULL, doc)
#define DURATION(n, d, lo, hi, doc) KEY(n, KIND_DURATION, n##_ms, d, lo, hi, NULL, doc)
#define SIZE(n, d, lo, hi, doc) KEY(n, KIND_SIZE, n##_bytes, d, lo, hi, NULL, doc)
#define TEXT(n, kind, d, doc) KEY(n, kind, n, d, 0, 0, NULL, doc)

static const struct key keys[] = {
	CHOICE(auth, auth_modes, "password",
	    "Who may come in. password: who signs in, or has a token.\n"
	    "proxy: whom a proxy in front of this site has signed in; see proxies.\n"
	    "none: everybody who reaches the address, as one user who may do all. That is for a\n"
	    "closed network."),
	DURATION(session_idle, "7d", 60 * SECOND, 365 * DAY,
	    "Who is not seen for so long must sign in again."),
	DURATION(session_max, "30d", 60 * SECOND, 365 * DAY,
	    "Everybody must sign in again after this time."),
	TEXT(proxies, KIND_NETS, "",
	    "Addresses or networks of the proxies in front of this site, separated by blanks.\n"
	    "Only they are believed: in X-Forwarded-For, and with auth = proxy in proxy_header."),
	TEXT(proxy_header, KIND_HEADER, "X-Remote-User",
	    "With auth = proxy, the header in which they name the user who is signed in. They\n"
	    "must remove it from what browsers send. The user must exist: dropmill user create."),
	TEXT(hosts, KIND_TEXT, "localhost 127.0.0.1 [::1]",
	    "Names this site answers to (Host header, without port), separated by blanks;\n"
	    "* for any."),
	TEXT(base_url, KIND_URL, "",
	    "Address of the site as browsers see it, such as https://mill.example.org.\n"
	    "Empty: taken from each request."),
	TEXT(metrics_allow, KIND_TEXT, "127.0.0.1 ::1",
	    "Addresses that may read the metrics, separated by blanks."),

	COUNT(web_processes, "0", 0, 1024,
	    "Processes that answer requests. 0: two per core, at least 4."),
	COUNT(fragment_cache, "64", 0, 64,
	    "Renderings of the table that each of them keeps until it changes. 0: none."),
	DURATION(request_timeout, "60s", SECOND, HOUR,
	    "A request that takes longer is ended with its process."),
	SIZE(upload_max, "10G", 1, INT64_C(1) << 50, "The largest body of one upload."),
	SIZE(disk_low, "512M", 0, INT64_C(1) << 50,
	    "Uploads are refused when less than this is free."),

	COUNT(workers, "0", 0, 1024, "Jobs that run at once on this host. 0: one per core."),
	CHOICE(sandbox, sandbox_modes, "require",
	    "require: a job that cannot be put into the sandbox does not run.\n"
	    "auto: it runs without one where the host allows none.\n"
	    "off: jobs run as programs of run_user, with all it may see."),
	TEXT(run_user, KIND_TEXT, "nobody",
	    "Who runs the commands when the processor was started by root."),
	DURATION(lease, "45s", SECOND, DAY,
	    "How long a job stays with a processor that is not heard of; at least two heartbeats."),
	DURATION(heartbeat, "10s", 100, HOUR, "How often a processor renews its leases."),
	DURATION(backoff, "5s", 0, HOUR,
	    "Wait before the first automatic retry of a job; doubled each time, up to one hour."),
	DURATION(stop_grace, "10s", 0, HOUR,
	    "Time a job has to end by itself after it was told to."),
	DURATION(archive_keep, "1d", SECOND, 365 * DAY,
		"How long an archive of all results of a job is kept after somebody asked for it.\n"
		"It is made again when it is asked for once more."),
	DURATION(sweep_age, "1h", SECOND, 365 * DAY,
	    "Files that belong to no job are removed when they are older than this."),
	SIZE(log_max, "64M", KiB, INT64_C(1) << 40, "Size at which the log of one attempt is cut."),

	TEXT(database, KIND_PATH, STATE "/dropmill.db", "The SQLite database. On a local disk."),
	TEXT(store, KIND_PATH, STATE "/store",
	    "Files of jobs: what was uploaded, what came out, logs."),
	TEXT(spool, KIND_PATH, STATE "/spool",
	    "Where uploads arrive. On the same filesystem as the store."),
	TEXT(secret_key, KIND_PATH, STATE "/secret.key",
	    "Key under which secrets of jobs are kept; made when it is not there. Whoever has it\n"
	    "and the database can read them."),
	TEXT(work, KIND_PATH, STATE "/work", "Working directories of running jobs."),
	TEXT(log_dir, KIND_PATH, "/var/log/dropmill", "Logs of the web server."),
	TEXT(run_dir, KIND_PATH, "/run/dropmill",
	    "Sockets. The path must be short (under 80 bytes)."),
	TEXT(jobs_dir, KIND_PATHS, "/etc/dropmill/jobs.d",
	    "Directories of job types, separated by colons; a type in a later one replaces\n"
	    "its namesake."),
	TEXT(datasets_dir, KIND_PATHS, "/etc/dropmill/datasets.d",
	    "Directories of datasets, likewise."),
	TEXT(scripts_dir, KIND_PATH, "/etc/dropmill/scripts",
	    "The site's own programs; every job sees this directory, read-only."),
	TEXT(tools_dir, KIND_PATH, DROPMILL_PREFIX "/lib/dropmill",
	    "The programs that come with Dropmill."),
	TEXT(templates_dir, KIND_PATH, SHARE "/templates", "Templates of the pages."),
	TEXT(public_dir, KIND_PATH, SHARE "/public", "Scripts, styles and images of the pages."),
};
/* clang-format on */

#define KEY_COUNT (sizeof keys / sizeof *keys)

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

const char *config_key(size_t i)
{
	return i < KEY_COUNT ? keys[i].name : NULL;
}

/* ---- values as text ----------------------------------------------------------------------------
 */

static void print_scaled(
    int64_t n, const char *const *units, const int64_t *factors, struct buf *out)
{
	while (*factors > 1 && (n % *factors || !n)) {
		units++;
		factors++;
	}
	buf_printf(out, "%lld%s", (long long)(n / *factors), *units);
}

static void print_duration(int64_t ms, struct buf *out)
{
	static const char *const units[] = {"d", "h", "m", "s", "ms"};
	static const int64_t factors[] = {DAY, HOUR, 60 * SECOND, SECOND, 1};

	if (ms)
		print_scaled(ms, units, factors, out);
	else
		buf_adds(out, "0s");
}

static void print_size(int64_t bytes, struct buf *out)
{
	static const char *const units[] = {"T", "G", "M", "K", ""};
	static const int64_t factors[] = {KiB * GiB, GiB, MiB, KiB, 1};

	print_scaled(bytes, units, factors, out);
}

static void print_value(const struct key *k, const struct config *cfg, struct buf *out)
{
	const void *field = (const char *)cfg + k->offset;

	switch (k->kind) {
	case KIND_CHOICE:
		buf_adds(out, k->choices[*(const int *)field]);
		break;
	case KIND_COUNT:
		buf_printf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case KIND_DURATION:
		print_duration(*(const int64_t *)field, out);
		break;
	case KIND_SIZE:
		print_size(*(const int64_t *)field, out);
		break;
	default:
		buf_adds(out, *(const char *const *)field);
	}
}

/* ---- reading one value
 * --------------------------------------------------------------------------- */

/* `base` made absolute in front of each of the paths. */
static const char *absolute(
    const struct key *k, const char *value, const char *base, struct arena *a)
{
	struct buf out;
	const char *result;

	if (k->kind == KIND_PATH)
		return value[0] == '/' ? arena_strdup(a, value)
				       : arena_printf(a, "%s/%s", base, value);
	buf_init(&out);
	while (*value) {
		size_t len = strcspn(value, ":");

		if (len) {
			if (out.len)
				buf_addc(&out, ':');
			if (*value != '/')
				buf_printf(&out, "%s/", base);
			buf_add(&out, value, len);
		}
		value += len + (value[len] == ':');
	}
	result = arena_strdup(a, out.data);
	buf_release(&out);
	return result;
}

static bool url_valid(const char *s)
{
	size_t scheme = strncmp(s, "https://", 8) == 0  ? 8
			: strncmp(s, "http://", 7) == 0 ? 7
							: 0,
	       len = strlen(s);

	return !*s || (scheme && len > scheme && s[len - 1] != '/' && !strpbrk(s, " \t\"'<>\\?#"));
}

/* Addresses and networks of either family, separated by blanks; none is allowed too. */
static bool nets_valid(const char *s)
{
	while (*s) {
		size_t len = strcspn(s, " ");
		char one[64], *slash;
		unsigned char address[16];
		int64_t bits;
		int family;

		if (len >= sizeof one)
			return false;
		memcpy(one, s, len);
		one[len] = '\0';
		slash = strchr(one, '/');
		if (slash)
			*slash++ = '\0';
		family = strchr(one, ':') ? AF_INET6 : AF_INET;
		if (inet_pton(family, one, address) != 1 ||
		    (slash && !str_int(slash, 0, family == AF_INET ? 32 : 128, &bits)))
			return false;
		s += len;
		s += strspn(s, " ");
	}
	return true;
}

static bool header_valid(const char *s)
{
	size_t len = strlen(s);

	return len && len < 64 && s[0] != '-' &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Store the value of a key; false: it is not allowed. */
static bool read_value(
    const struct key *k, const char *value, const char *base, struct config *cfg, struct arena *a)
{
	void *field = (char *)cfg + k->offset;
	int64_t n = 0;
	bool good;

	switch (k->kind) {
	case KIND_CHOICE:
		for (int i = 0; k->choices[i]; i++)
			if (strcmp(k->choices[i], value) == 0) {
				*(int *)field = i;
				return true;
			}
		return false;
	case KIND_COUNT:
	case KIND_DURATION:
	case KIND_SIZE:
		good = k->kind == KIND_COUNT  ? str_int(value, k->min, k->max, &n)
		       : k->kind == KIND_SIZE ? str_size(value, &n)
					      : str_duration(value, &n);
		if (!good || n < k->min || n > k->max)
			return false;
		*(int64_t *)field = n;
		return true;
	case KIND_PATH:
	case KIND_PATHS:
		if (!*value)
			return false;
		*(const char **)field = absolute(k, value, base, a);
		return true;
	case KIND_URL:
		if (!url_valid(value))
			return false;
		break;
	case KIND_NETS:
		if (!nets_valid(value))
			return false;
		break;
	case KIND_HEADER:
		if (!header_valid(value))
			return false;
		break;
	default:
		if (!*value)
			return false;
	}
	*(const char **)field = arena_strdup(a, value);
	return true;
}

/* What is allowed, for an error text. */
static void allowed(const struct key *k, struct buf *out)
{
	switch (k->kind) {
	case KIND_CHOICE:
		for (int i = 0; k->choices[i]; i++)
			buf_printf(out, "%s%s", i ? ", " : "allowed: ", k->choices[i]);
		break;
	case KIND_COUNT:
		buf_printf(out, "allowed: a number from %lld to %lld", (long long)k->min,
		    (long long)k->max);
		break;
	case KIND_DURATION:
		buf_adds(out, "allowed: a duration such as 500ms, 30s, 2m, 1h, 30d, from ");
		print_duration(k->min, out);
		buf_adds(out, " to ");
		print_duration(k->max, out);
		break;
	case KIND_SIZE:
		buf_adds(out, "allowed: a size such as 512K, 64M, 2G, from ");
		print_size(k->min, out);
		buf_adds(out, " to ");
		print_size(k->max, out);
		break;
	case KIND_URL:
		buf_adds(out, "allowed: http:// or https:// and a name, without a slash at the "
			      "end, or nothing");
		break;
	case KIND_NETS:
		buf_adds(
		    out, "allowed: addresses and networks such as 10.0.0.0/8, separated by blanks");
		break;
	case KIND_HEADER:
		buf_adds(out, "allowed: the name of a header, of letters, digits and -");
		break;
	default:
		buf_adds(out, "it must not be empty");
	}
}

/* Text of the error for a bad value, into `out` (256 bytes). */
static const char *bad_value(const struct key *k, const char *value, char out[static 256])
{
	struct buf b;

	buf_init(&b);
	allowed(k, &b);
	snprintf(out, 256, "bad value \"%.60s\" for %s (%s)", value, k->name, b.data);
	buf_release(&b);
	return out;
}

/* ---- loading
 * -------------------------------------------------------------------------------------- */

/* Directory of a file as an absolute path, in the arena. */
static const char *directory_of(const char *path, struct arena *a)
{
	const char *slash = strrchr(path, '/');
	char *cwd, *result;

	if (path[0] == '/')
		return slash == path ? "" : arena_strndup(a, path, (size_t)(slash - path));
	cwd = getcwd(NULL, 0);
	result = !slash ? arena_strdup(a, cwd ? cwd : "")
			: arena_printf(a, "%s/%.*s", cwd ? cwd : "", (int)(slash - path), path);
	free(cwd);
	return result;
}

static enum rc read_file(struct config *cfg, const char *path, struct arena *a, struct err *err)
{
	const char *base = directory_of(path, a);
	struct ini_entry e;
	struct ini ini;
	char *text, why[256];
	size_t len;
	enum rc rc = ini_slurp(path, a, &text, &len, err);

	if (rc != RC_OK)
		return rc;
	ini_init(&ini, path, text, len, a);
	while ((rc = ini_next(&ini, &e, err)) == RC_OK) {
		const struct key *k = e.key ? find_key(e.key) : NULL;

		if (!e.key)
			return ini_refuse(
			    path, e.line, err, "sections have no meaning in this file");
		if (!k)
			return ini_refuse(path, e.line, err,
			    "unknown key \"%.60s\" (`dropmill config sample` lists them all)",
			    e.key);
		if (!read_value(k, e.value, base, cfg, a))
			return ini_refuse(path, e.line, err, "%s", bad_value(k, e.value, why));
	}
	return rc == RC_DONE ? RC_OK : rc;
}

static char *variable(const struct key *k, char out[static 64])
{
	size_t n = (size_t)snprintf(out, 64, "DROPMILL_%s", k->name);

	for (size_t i = 9; i < n; i++)
		if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	return out;
}

static enum rc read_environment(struct config *cfg, struct arena *a, struct err *err)
{
	const char *base = directory_of("x", a);
	char name[64], why[256];

	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *value = getenv(variable(&keys[i], name));

		if (!value)
			continue;
		if (!str_utf8(value, strlen(value)) || strchr(value, '\n'))
			return err_set(err, RC_INVALID, "%s: not one line of UTF-8 text", name);
		if (!read_value(&keys[i], value, base, cfg, a))
			return err_set(
			    err, RC_INVALID, "%s: %s", name, bad_value(&keys[i], value, why));
	}
	return RC_OK;
}

/* What no single value shows. */
static enum rc check_together(struct config *cfg, struct err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const char *where = cfg->file ? cfg->file : "environment";

	if (cores < 1)
		cores = 1;
	if (!cfg->workers)
		cfg->workers = cores;
	if (!cfg->web_processes)
		cfg->web_processes = cores < 2 ? 4 : 2 * cores;
	if (cfg->heartbeat_ms * 2 > cfg->lease_ms)
		return err_set(
		    err, RC_INVALID, "%s: lease must be at least twice the heartbeat", where);
	/* sun_path holds 108 bytes; the longest name below is bell/<host>.<pid>.sock. */
	if (strlen(cfg->run_dir) >= 80)
		return err_set(err, RC_INVALID,
		    "%s: run_dir is longer than a socket's path may be (80 bytes)", where);
	return RC_OK;
}

enum rc config_load(struct config *cfg, const char *path, struct arena *a, struct err *err)
{
	bool implied = false;
	enum rc rc;

	memset(cfg, 0, sizeof *cfg);
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!read_value(&keys[i], keys[i].def, "", cfg, a))
			bug("config: the default of %s is not allowed", keys[i].name);
	if (!path)
		path = getenv("DROPMILL_CONFIG");
	if (!path || !*path) {
		path = CONFIG_FILE;
		implied = true;
	}
	rc = read_file(cfg, path, a, err);
	if (rc == RC_OK)
		cfg->file = arena_strdup(a, path);
	else if (rc == RC_NOTFOUND && implied)
		rc = RC_OK;
	if (rc == RC_OK)
		rc = read_environment(cfg, a, err);
	return rc == RC_OK ? check_together(cfg, err) : rc;
}

/* ---- printing
 * --------------------------------------------------------------------------------------- */

void config_print(const struct config *cfg, struct buf *out)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		buf_printf(out, "%s = ", keys[i].name);
		print_value(&keys[i], cfg, out);
		buf_addc(out, '\n');
	}
}

bool config_get(const struct config *cfg, const char *key, struct buf *out)
{
	const struct key *k = find_key(key);

	if (k)
		print_value(k, cfg, out);
	return k != NULL;
}

/* The doc of a key as comment lines. */
static void sample_doc(const char *doc, struct buf *out)
{
	while (*doc) {
		size_t len = strcspn(doc, "\n");

		buf_adds(out, "# ");
		buf_add(out, doc, len);
		buf_addc(out, '\n');
		doc += len + (doc[len] == '\n');
	}
}

enum rc config_sample(const struct config_set *set, size_t n, struct buf *out, struct err *err)
{
	struct config scratch;
	struct arena a;
	char why[256];
	enum rc rc = RC_OK;

	arena_init(&a);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		const struct key *k = find_key(set[i].key);

		if (!k)
			rc = err_set(err, RC_INVALID, "unknown key \"%.60s\"", set[i].key);
		else if (strpbrk(set[i].value, "\r\n") ||
			 !read_value(k, set[i].value, "", &scratch, &a))
			rc = err_set(err, RC_INVALID, "%s", bad_value(k, set[i].value, why));
	}
	arena_release(&a);
	if (rc != RC_OK)
		return rc;
	buf_adds(out, "# Configuration of Dropmill. A line `#key = value` shows the default; take "
		      "away the # to\n"
		      "# change it. Any key can be overridden by the environment: sandbox by "
		      "DROPMILL_SANDBOX.\n"
		      "# Relative paths are relative to the directory of this file.\n");
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *value = NULL;

		for (size_t j = 0; j < n; j++)
			if (strcmp(set[j].key, keys[i].name) == 0)
				value = set[j].value;
		buf_addc(out, '\n');
		sample_doc(keys[i].doc, out);
		buf_printf(out, "%s%s =%s%s\n", value ? "" : "#", keys[i].name,
		    *(value ? value : keys[i].def) ? " " : "", value ? value : keys[i].def);
	}
	return RC_OK;
}
