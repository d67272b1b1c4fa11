/*
 * `dropmill backup DIR`: all that a stack keeps, copied into a new directory while it runs.
 *
 * First the database, as one snapshot of it, then the files that this snapshot speaks of. What is
 * accepted later is not in the snapshot, and files are only ever added before their rows, so all of
 * them were there at its moment. One that is gone when its turn comes was let go of since: the copy
 * of the database then does what the original has done (core/snapshot.h), so that database and
 * files of the backup agree. What is missing although it has a row was lost before; the backup is
 * made all the same, says so, and ends with 1.
 *
 * Everything is written to DIR.partial, synced, and given its name at the end. Root stays root, who
 * may write where backups are kept; only the live database is opened as its owner, because of the
 * files that may be made beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/backup_dir.h"
#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/manifest.h"
#include "cli/stop.h"
#include "cli/term.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/migrate.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "core/str.h"
#include "core/version.h"

static struct {
	struct backup_dir to;
	struct db *live, *copy;
	struct store store;
	FILE *sums;
	struct manifest manifest;
	struct term_progress progress;
	struct stored *gone; /* files that were not there when their turn came */
	size_t gone_count, gone_room;
	struct view *wrong;    /* texts: what is damaged */
	struct view *left_out; /* names in the site's directories that are no plain files */
	int64_t let_go;
} b;

static bool tell_bytes(int64_t bytes)
{
	term_progress_add(&b.progress, bytes);
	return !stop_asked();
}

static void complain(const char *text)
{
	view_push_str(b.wrong, text);
	if (!cli.json)
		cli_complain("%s", text);
}

/* ---- one file ---- */

/* Name what is in the backup. */
static void list(const char *hex, const char *name, int64_t bytes)
{
	sums_write(b.sums, hex, name);
	b.manifest.files++;
	b.manifest.bytes += bytes;
}

/* Put what is open for reading into the backup under that name, at most as long as it is now, and
 * into the list. */
static enum rc take(int from, const char *name, mode_t mode, char hex[static 65], struct err *err)
{
	struct stat st;
	int to = copy_create(b.to.fd, name, mode, 0700);
	enum rc rc;

	if (to < 0)
		return err_sys(err, "cannot make \"%.150s\" in the backup", name);
	rc = fstat(from, &st) < 0 ? err_sys(err, "cannot look at \"%.150s\"", name)
				  : copy_bytes(from, to, st.st_size, tell_bytes, name, err);
	if (rc == RC_OK)
		rc = digest_file(to, hex, err);
	if (rc == RC_OK && fstat(to, &st) < 0)
		rc = err_sys(err, "cannot look at \"%.150s\"", name);
	if (close(to) < 0 && rc == RC_OK)
		rc = err_sys(err, "cannot write \"%.150s\"", name);
	if (rc != RC_OK)
		return rc;
	list(hex, name, st.st_size);
	return RC_OK;
}

/* ---- the store ---- */

static void note_gone(const struct stored *f)
{
	b.gone = arena_room(&cli.arena, b.gone, b.gone_count, &b.gone_room, sizeof *b.gone);
	b.gone[b.gone_count] = *f;
	b.gone[b.gone_count].uuid = arena_strdup(&cli.arena, f->uuid);
	b.gone[b.gone_count++].sha256 = NULL;
}

static enum rc take_stored(void *arg, const struct stored *f, struct err *err)
{
	char name[80] = "store/", hex[65], text[120];
	struct stat st = {0};
	enum rc rc;
	int fd;

	(void)arg;
	if (stop_asked())
		return err_set(err, RC_DONE, "stopped");
	rc = store_read(&b.store, f->uuid, &fd, err);
	if (rc == RC_NOTFOUND) {
		note_gone(f);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	store_name(f->uuid, name + strlen(name));
	rc = take(fd, name, 0600, hex, err);
	if (rc == RC_OK && fstat(fd, &st) < 0)
		rc = err_sys(err, "cannot look at \"%s\"", name);
	close(fd);
	if (rc == RC_OK &&
	    (st.st_size != f->size_bytes || (f->sha256 && strcmp(f->sha256, hex) != 0))) {
		snprintf(text, sizeof text, "file %s is damaged in the store", f->uuid);
		complain(text);
	}
	return rc;
}

static enum rc take_log(void *arg, const char *job_uuid, int64_t attempt, struct err *err)
{
	char name[80], uri[64], hex[65];
	enum rc rc;
	int fd;

	(void)arg;
	if (stop_asked())
		return err_set(err, RC_DONE, "stopped");
	rc = store_log_read(&b.store, job_uuid, attempt, &fd, err);
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	store_log_uri(job_uuid, attempt, uri);
	snprintf(name, sizeof name, "store%s", uri + strlen("/_store"));
	rc = take(fd, name, 0600, hex, err);
	close(fd);
	return rc;
}

/* Files that the live database let go of since: so does the copy. */
static enum rc settle_gone(struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < b.gone_count && rc == RC_OK; i++) {
		char text[96];
		bool lost;

		rc = snapshot_gone(b.copy, b.live, &b.gone[i], &lost, err);
		if (rc != RC_OK)
			break;
		b.let_go += !lost;
		snprintf(text, sizeof text, "file %s is missing in the store", b.gone[i].uuid);
		if (lost)
			complain(text);
	}
	return rc;
}

/* ---- the database ---- */

static bool tell_pages(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	b.progress.total = total * 4096;
	term_progress_add(&b.progress, done * 4096 - b.progress.done);
	return !stop_asked();
}

static enum rc copy_database(struct err *err)
{
	const char *path = arena_printf(&cli.arena, "%s/" ITEM_DATABASE, b.to.partial);
	enum rc rc;

	term_progress_begin(&b.progress, "database", 1);
	rc = db_copy(b.live, path, tell_pages, NULL, err);
	term_progress_end(&b.progress);
	if (rc == RC_OK)
		rc = db_open_copy(path, &b.copy, err);
	return rc == RC_OK ? snapshot_rest(b.copy, err) : rc;
}

static enum rc count_jobs(struct db *db, int64_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_COUNTER_SITE, DB_NO_ARGS, err);

	*n = 0;
	while (rc == RC_OK && (rc = db_next(&cur, err)) == RC_OK)
		*n += db_int(&cur, 2);
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* Nothing changes it any more: one file, and its digest. */
static enum rc close_database(struct err *err)
{
	static const char *const beside[] = {ITEM_DATABASE "-wal", ITEM_DATABASE "-shm"};
	char hex[65];
	struct stat st;
	enum rc rc = count_jobs(b.copy, &b.manifest.jobs, err);
	int fd;

	if (rc == RC_OK)
		rc = db_checkpoint(b.copy, err);
	db_close(b.copy);
	b.copy = NULL;
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		unlinkat(b.to.fd, beside[i], 0);
	fd = copy_open(b.to.fd, ITEM_DATABASE);
	if (fd < 0 || fchmod(fd, 0600) < 0 || fstat(fd, &st) < 0)
		rc = err_sys(err, "cannot open the copy of the database");
	else
		rc = digest_file(fd, hex, err);
	if (fd >= 0)
		close(fd);
	if (rc != RC_OK)
		return rc;
	list(hex, ITEM_DATABASE, st.st_size);
	return RC_OK;
}

/* ---- the site's own ---- */

/* A single file, if there is one. The configuration is what the caller names; the key lies where
 * the state's owner could put a link to something of others. */
static enum rc take_path(const char *path, int links, const char *name, struct err *err)
{
	char hex[65];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | links) : -1;
	enum rc rc;

	if (fd < 0 && (!path || errno == ENOENT))
		return RC_OK;
	if (fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", path);
	rc = take(fd, name, 0600, hex, err);
	close(fd);
	return rc;
}

struct area {
	size_t i;
	int dir;
};

static enum rc take_area_file(void *arg, const char *path, bool regular, struct err *err)
{
	const struct area *area = arg;
	const char *name = arena_printf(&cli.arena, "%s/%s", area_name(area->i), path);
	char hex[65];
	struct item item;
	struct stat st;
	enum rc rc;
	int fd;

	if (!regular || !item_parse(name, &item)) {
		view_push_str(b.left_out, name);
		return RC_OK;
	}
	fd = copy_open(area->dir, path);
	if (fd < 0 && errno == ENOENT)
		return RC_OK;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot open \"%.150s\"", name);
	rc = take(fd, name, st.st_mode & 0100 ? 0700 : 0600, hex, err);
	close(fd);
	return rc;
}

static enum rc take_area(size_t i, struct err *err)
{
	const char *path = area_path(cli_config(), i, &cli.arena);
	struct area area = {i, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	enum rc rc;

	if (area.dir < 0)
		return errno == ENOENT ? RC_OK : err_sys(err, "cannot open \"%.150s\"", path);
	rc = copy_walk(area.dir, take_area_file, &area, err);
	close(area.dir);
	return rc;
}

static enum rc take_own(struct err *err)
{
	enum rc rc = take_path(cli_config()->file, 0, ITEM_CONFIG, err);

	if (rc == RC_OK)
		rc = take_path(cli_config()->secret_key, O_NOFOLLOW, ITEM_KEY, err);
	for (size_t i = 0; i < AREAS && rc == RC_OK; i++)
		rc = take_area(i, err);
	return rc;
}

/* ---- the whole ---- */

static enum rc open_sums(struct err *err)
{
	int fd = copy_create(b.to.fd, MANIFEST_SUMS, 0600, 0700);

	b.sums = fd < 0 ? NULL : fdopen(fd, "w");
	return b.sums ? RC_OK : err_sys(err, "cannot make %s", MANIFEST_SUMS);
}

static enum rc close_sums(struct err *err)
{
	enum rc rc = RC_OK;

	if (fflush(b.sums) != 0 || ferror(b.sums))
		rc = err_sys(err, "cannot write %s", MANIFEST_SUMS);
	else
		rc = digest_file(fileno(b.sums), b.manifest.sums, err);
	fclose(b.sums);
	b.sums = NULL;
	return rc;
}

static enum rc take_all(struct err *err)
{
	int64_t total = 0;
	enum rc rc = open_sums(err);

	if (rc == RC_OK)
		rc = copy_database(err);
	if (rc == RC_OK)
		rc = stored_bytes(b.copy, &total, err);
	term_progress_begin(&b.progress, "files", total);
	if (rc == RC_OK)
		rc = stored_files(b.copy, take_stored, NULL, err);
	if (rc == RC_OK)
		rc = stored_logs(b.copy, take_log, NULL, err);
	term_progress_end(&b.progress);
	if (rc == RC_OK)
		rc = settle_gone(err);
	if (rc == RC_OK)
		rc = close_database(err);
	if (rc == RC_OK)
		rc = take_own(err);
	if (rc == RC_OK)
		rc = close_sums(err);
	return rc == RC_OK ? manifest_write(b.to.fd, &b.manifest, err) : rc;
}

static enum rc open_state(struct err *err)
{
	enum rc rc;

	cli_act_as_owner(cli_config()->database);
	umask(007);
	rc = db_open(cli_config(), &b.live, err);
	if (rc == RC_OK)
		rc = store_open(cli_config(), &b.store, err);
	cli_act_as_owner(NULL);
	umask(077);
	return rc;
}

static int report(void)
{
	struct view *v = view_obj(&cli.arena);
	char bytes[16], count[32];
	struct err err;

	view_str(v, "path", b.to.path);
	view_int(v, "jobs", b.manifest.jobs);
	view_int(v, "files", b.manifest.files);
	view_int(v, "bytes", b.manifest.bytes);
	view_int(v, "schema", b.manifest.schema);
	db_close(b.live);
	if (audit_note(cli_db(), cli_scope(), "state.backup", b.to.path, v, &err) != RC_OK)
		cli_complain("not noted in the audit log: %s", err.text);
	view_int(v, "deleted_meanwhile", b.let_go);
	view_put(v, "wrong", b.wrong);
	view_put(v, "left_out", b.left_out);
	for (size_t i = 0; !cli.json && i < view_len(b.left_out); i++)
		printf(
		    "left out, no plain file: %s\n", cli_clean(view_text(view_at(b.left_out, i))));
	if (cli.json)
		cli_print_json(v);
	else
		printf("%s: %s files, %s\n", cli_clean(b.to.path),
		    str_count(b.manifest.files, count), str_bytes(b.manifest.bytes, bytes));
	return view_len(b.wrong) ? EXIT_FAILURE : EX_OK;
}

static int fail(const struct err *err)
{
	term_progress_end(&b.progress);
	db_close(b.copy);
	if (b.sums)
		fclose(b.sums);
	backup_dir_drop(&b.to);
	stop_now();
	return cli_report(err);
}

int cmd_backup(int argc, char **argv)
{
	struct err err;

	if (argc != 2)
		return cli_usage("backup DIR");
	b.wrong = view_list(&cli.arena);
	b.left_out = view_list(&cli.arena);
	b.to.fd = -1;
	b.manifest.program = dropmill_version;
	b.manifest.created_at = clock_wall_ms();
	b.manifest.schema = migrate_newest();
	if (open_state(&err) != RC_OK)
		cli_fail(err.rc == RC_BUSY ? EX_TEMPFAIL : EX_UNAVAILABLE, "%s", err.text);
	stop_watch();
	if (backup_dir_make(&b.to, cli_config(), argv[1], &err) != RC_OK ||
	    take_all(&err) != RC_OK || backup_dir_finish(&b.to, &err) != RC_OK)
		return fail(&err);
	return report();
}
