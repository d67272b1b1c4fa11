/*
 * Names and checksums of a backup. A backup comes from a disk that others may have had in their
 * hands, so what is not exactly a name that we write is refused.
 */
#include "cli/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/copy.h"
#include "core/clock.h"
#include "core/store.h"
#include "core/str.h"
#include "core/view.h"

#define MANIFEST_BYTES_MAX 65536

static const char *const area_names[AREAS] = {"jobs.d", "scripts", "datasets.d"};

const char *area_name(size_t i)
{
	return area_names[i];
}

const char *area_path(const struct config *cfg, size_t i, struct arena *a)
{
	const char *paths[AREAS] = {cfg->jobs_dir, cfg->scripts_dir, cfg->datasets_dir};
	const char *colon = strrchr(paths[i], ':');

	return arena_strdup(a, colon ? colon + 1 : paths[i]);
}

/* ---- names ---- */

/* Every part of a path is a plain name; nothing in it needs quoting in the list. */
static bool path_plain(const char *path)
{
	for (const char *s = path; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == '\\' || *s == 0x7f)
			return false;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!len || strncmp(path, ".", len) == 0 || strncmp(path, "..", len) == 0)
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

/* "ab/uuid", where ab are its last digits. */
static bool parse_stored(const char *s, struct item *out)
{
	char name[64];

	out->part = PART_FILE;
	if (strlen(s) != 3 + UUID_SIZE - 1 || !uuid_valid(s + 3))
		return false;
	memcpy(out->uuid, s + 3, UUID_SIZE);
	for (const char *p = out->uuid; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			return false;
	return strcmp(store_name(out->uuid, name), s) == 0;
}

/* "ab/uuid-3" */
static bool parse_log(const char *s, struct item *out)
{
	static const char digits[] = "0123456789abcdef";
	char uuid[UUID_SIZE], plain[64];

	if (strlen(s) < 3 || !store_log_owner(s + 3, uuid))
		return false;
	snprintf(plain, sizeof plain, "%.3s%s", s, uuid);
	if (!parse_stored(plain, out))
		return false;
	out->part = PART_LOG;
	out->slot = (int)(strchr(digits, s[strlen(s) - 1]) - digits);
	return true;
}

static bool parse_area(const char *name, struct item *out)
{
	for (size_t i = 0; i < AREAS; i++) {
		size_t len = strlen(area_names[i]);

		if (strncmp(name, area_names[i], len) != 0 || name[len] != '/')
			continue;
		out->part = PART_AREA;
		out->area = i;
		out->path = name + len + 1;
		return path_plain(out->path);
	}
	return false;
}

bool item_parse(const char *name, struct item *out)
{
	static const char *const plain[] = {
	    [PART_DATABASE] = ITEM_DATABASE, [PART_CONFIG] = ITEM_CONFIG, [PART_KEY] = ITEM_KEY};

	*out = (struct item){0};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcmp(name, plain[i]) == 0) {
			out->part = (enum part)i;
			return true;
		}
	if (strncmp(name, "store/log/", 10) == 0)
		return parse_log(name + 10, out);
	if (strncmp(name, "store/", 6) == 0)
		return parse_stored(name + 6, out);
	return parse_area(name, out);
}

/* ---- the whole ---- */

enum rc manifest_write(int dir, const struct manifest *m, struct err *err)
{
	char at[CLOCK_ISO_SIZE];
	struct arena a;
	struct view *v;
	struct buf text;
	bool written;
	int fd = copy_create(dir, MANIFEST_FILE, 0600, 0700);

	if (fd < 0)
		return err_sys(err, "cannot make %s", MANIFEST_FILE);
	arena_init(&a);
	buf_init(&text);
	v = view_obj(&a);
	view_int(v, "format", MANIFEST_FORMAT);
	view_ref(v, "program", m->program);
	view_str(v, "created_at", clock_iso(m->created_at, at));
	view_int(v, "schema", m->schema);
	view_int(v, "jobs", m->jobs);
	view_int(v, "files", m->files);
	view_int(v, "bytes", m->bytes);
	view_ref(v, "sha256sums", m->sums);
	view_json(v, &text);
	buf_addc(&text, '\n');
	written = write(fd, text.data, text.len) == (ssize_t)text.len;
	written = close(fd) == 0 && written;
	buf_release(&text);
	arena_release(&a);
	return written ? RC_OK : err_sys(err, "cannot write %s", MANIFEST_FILE);
}

static enum rc slurp(int dir, struct arena *a, char **text, size_t *len, struct err *err)
{
	int fd = copy_open(dir, MANIFEST_FILE);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT || errno == EINVAL || errno == ELOOP
			   ? err_set(err, RC_INVALID, "no backup: it has no file %s", MANIFEST_FILE)
			   : err_sys(err, "cannot open %s", MANIFEST_FILE);
	*text = arena_alloc(a, MANIFEST_BYTES_MAX);
	n = pread(fd, *text, MANIFEST_BYTES_MAX, 0);
	close(fd);
	if (n < 0)
		return err_sys(err, "cannot read %s", MANIFEST_FILE);
	*len = (size_t)n;
	return RC_OK;
}

enum rc manifest_read(int dir, struct arena *a, struct manifest *out, struct err *err)
{
	const char *sums;
	struct err why;
	struct view *v;
	size_t len = 0;
	char *text = NULL;
	enum rc rc = slurp(dir, a, &text, &len, err);

	if (rc != RC_OK)
		return rc;
	if (view_parse(a, text, len, &v, &why) != RC_OK || view_type(v) != VIEW_OBJ)
		return err_set(err, RC_INVALID, "damaged: %s", MANIFEST_FILE);
	if (view_number(view_get(v, "format")) != MANIFEST_FORMAT)
		return err_set(err, RC_INVALID,
		    "this backup has format %lld, this program knows %d: run a newer dropmill",
		    (long long)view_number(view_get(v, "format")), MANIFEST_FORMAT);
	sums = view_text(view_get(v, "sha256sums"));
	if (!sums || strlen(sums) != 64)
		return err_set(err, RC_INVALID, "damaged: %s", MANIFEST_FILE);
	*out = (struct manifest){
	    .schema = view_number(view_get(v, "schema")),
	    .jobs = view_number(view_get(v, "jobs")),
	    .files = view_number(view_get(v, "files")),
	    .bytes = view_number(view_get(v, "bytes")),
	    .program = view_text(view_get(v, "program")),
	};
	memcpy(out->sums, sums, sizeof out->sums);
	return RC_OK;
}

/* ---- the list ---- */

void sums_write(FILE *out, const char *hex, const char *name)
{
	fprintf(out, "%s  %s\n", hex, name);
}

enum rc sums_read(FILE *in, char **line, size_t *size, struct sum *out, struct err *err)
{
	ssize_t n = getline(line, size, in);

	if (n < 0)
		return ferror(in) ? err_sys(err, "cannot read %s", MANIFEST_SUMS) : RC_DONE;
	if (n < 68 || (*line)[n - 1] != '\n' || strlen(*line) != (size_t)n ||
	    strspn(*line, "0123456789abcdef") != 64 || strncmp(*line + 64, "  ", 2) != 0)
		return err_set(err, RC_INVALID, "damaged: %s", MANIFEST_SUMS);
	(*line)[n - 1] = '\0';
	memcpy(out->hex, *line, 64);
	out->hex[64] = '\0';
	out->name = *line + 66;
	return RC_OK;
}
