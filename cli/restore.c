/*
 * `dropmill restore DIR`: a backup (cli/backup.c) becomes the configured state.
 *
 * It only goes into a state that holds nothing, and first reads all of the backup: what is damaged
 * changes nothing. Then the database comes as DATABASE.restoring, is brought up to date, and says
 * which of the files belong to it; these follow, and the last step gives it its name. So nobody can
 * start anything on half a state. One that was cut off leaves DATABASE.restoring behind, by which
 * the next knows what the files in the store are, and begins anew.
 *
 * The state belongs to its owner, whoever calls; only the backup is read as root, if root calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/manifest.h"
#include "cli/restore.h"
#include "cli/running.h"
#include "cli/stop.h"
#include "cli/term.h"
#include "core/audit.h"
#include "core/digest.h"
#include "core/migrate.h"
#include "core/store.h"
#include "core/stored.h"
#include "core/str.h"

static struct {
	const char *path;
	int from; /* the backup */
	struct manifest manifest;
	struct restore_target to;
	struct view *kept; /* files of the site that are another here */
	struct term_progress progress;
	int64_t files, bytes;
} r;

static bool tell_bytes(int64_t bytes)
{
	term_progress_add(&r.progress, bytes);
	return !stop_asked();
}

/* ---- the backup ---- */

static int open_item(const char *name)
{
	int fd, saved;

	cli_act_as_owner(NULL);
	fd = copy_open(r.from, name);
	saved = errno;
	cli_act_as_owner(cli_config()->database);
	errno = saved;
	return fd;
}

typedef enum rc each_item(const struct sum *sum, const struct item *item, struct err *err);

/* Every line of the list, which itself must be what the manifest says. */
static enum rc each(each_item *visit, struct err *err)
{
	int fd = open_item(MANIFEST_SUMS);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL, hex[65];
	size_t size = 0;
	struct sum sum;
	enum rc rc;

	if (!in)
		return err_set(err, RC_INVALID, "damaged: %s: %s", MANIFEST_SUMS, strerror(errno));
	rc = digest_file(fd, hex, err);
	if (rc == RC_OK && strcmp(hex, r.manifest.sums) != 0)
		rc = err_set(err, RC_INVALID, "damaged: %s", MANIFEST_SUMS);
	while (rc == RC_OK && (rc = sums_read(in, &line, &size, &sum, err)) == RC_OK) {
		struct item item;

		if (!item_parse(sum.name, &item))
			rc = err_set(err, RC_INVALID,
			    "refused: a name that no backup holds: %.150s", sum.name);
		else
			rc = visit(&sum, &item, err);
	}
	free(line);
	fclose(in);
	return rc == RC_DONE && !stop_asked() ? RC_OK : rc;
}

static enum rc verify_item(const struct sum *sum, const struct item *item, struct err *err)
{
	int fd = open_item(sum->name);
	struct stat st;
	char hex[65];
	enum rc rc = RC_OK;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			   ? err_set(err, RC_INVALID, "missing: %.150s", sum->name)
		       : errno == EINVAL || errno == ELOOP
			   ? err_set(err, RC_INVALID, "refused: no plain file: %.150s", sum->name)
			   : err_sys(err, "cannot open \"%.150s\"", sum->name);
	if (fstat(fd, &st) < 0)
		rc = err_sys(err, "cannot look at \"%.150s\"", sum->name);
	if (rc == RC_OK)
		rc = digest_file(fd, hex, err);
	close(fd);
	if (rc != RC_OK)
		return rc;
	if (strcmp(hex, sum->hex) != 0)
		return err_set(err, RC_INVALID, "damaged: %.150s", sum->name);
	r.files++;
	r.bytes += st.st_size;
	if (item->part == PART_DATABASE)
		r.to.database_bytes = st.st_size;
	term_progress_add(&r.progress, st.st_size);
	return RC_OK;
}

static enum rc verify(struct err *err)
{
	enum rc rc;

	term_progress_begin(&r.progress, "checking", r.manifest.bytes);
	rc = each(verify_item, err);
	term_progress_end(&r.progress);
	if (rc == RC_OK && (r.files != r.manifest.files || r.bytes != r.manifest.bytes))
		rc = err_set(err, RC_INVALID, "damaged: %s is of other files", MANIFEST_FILE);
	if (rc == RC_OK && !r.to.database_bytes)
		rc = err_set(err, RC_INVALID, "missing: " ITEM_DATABASE);
	return rc;
}

static enum rc open_backup(const char *path, struct err *err)
{
	enum rc rc;

	r.path = path;
	r.from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.from < 0)
		return err_sys(err, "cannot open \"%.150s\"", path);
	rc = manifest_read(r.from, &cli.arena, &r.manifest, err);
	if (rc == RC_OK && r.manifest.schema > migrate_newest())
		rc = err_set(err, RC_INVALID,
		    "the backup has schema %lld, this program knows %d: run a newer dropmill",
		    (long long)r.manifest.schema, migrate_newest());
	return rc;
}

/* ---- its parts ---- */

static enum rc place_database(struct err *err)
{
	int fd = open_item(ITEM_DATABASE);
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open \"%s\"", ITEM_DATABASE);
	rc = restore_database(&r.to, fd, tell_bytes, err);
	close(fd);
	return rc;
}

/* What became of its job after the snapshot may have left a file that nobody knows. */
static enum rc place_stored(const struct sum *sum, const struct item *item, struct err *err)
{
	enum rc rc = stored_known(r.to.db, item->uuid, item->part == PART_LOG, err);
	int fd;

	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	fd = open_item(sum->name);
	if (fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", sum->name);
	rc = item->part == PART_LOG ? restore_log(&r.to, fd, item, tell_bytes, err)
				    : restore_file(&r.to, fd, item->uuid, tell_bytes, err);
	close(fd);
	return rc;
}

static enum rc place_key(const struct sum *sum, struct err *err)
{
	int fd = open_item(sum->name);
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", sum->name);
	rc = restore_key(&r.to, fd, sum->hex, err);
	close(fd);
	return rc;
}

/* Whoever owns the directory owns what is put there, and everybody may read it, as jobs must. */
static enum rc place_own(const struct sum *sum, const struct item *item, struct err *err)
{
	const char *dir = area_path(cli_config(), item->area, &cli.arena);
	int fd = open_item(sum->name);
	bool same = true;
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", sum->name);
	cli_act_as_owner(dir);
	umask(022);
	rc = restore_own(dir, item->path, fd, sum->hex, &same, err);
	umask(007);
	cli_act_as_owner(cli_config()->database);
	close(fd);
	if (!same) {
		view_push_str(r.kept, sum->name);
		if (!cli.json)
			cli_complain("kept as it is here: %s", sum->name);
	}
	return rc;
}

static enum rc place_item(const struct sum *sum, const struct item *item, struct err *err)
{
	if (stop_asked())
		return err_set(err, RC_DONE, "stopped");
	switch (item->part) {
	case PART_FILE:
	case PART_LOG:
		return place_stored(sum, item, err);
	case PART_KEY:
		return place_key(sum, err);
	case PART_AREA:
		return place_own(sum, item, err);
	default:
		return RC_OK;
	}
}

static enum rc place_all(struct err *err)
{
	enum rc rc;

	term_progress_begin(&r.progress, "restoring", r.bytes);
	rc = place_database(err);
	if (rc == RC_OK)
		rc = each(place_item, err);
	term_progress_end(&r.progress);
	return rc == RC_OK ? restore_finish(&r.to, err) : rc;
}

static enum rc unplace_item(const struct sum *sum, const struct item *item, struct err *err)
{
	(void)sum;
	(void)err;
	restore_undo(&r.to, item);
	return RC_OK;
}

/* ---- the whole ---- */

static int report(void)
{
	struct view *v = view_obj(&cli.arena);
	char bytes[16], count[32];
	struct err err;
	int code;

	cli_act_as_owner(NULL); /* for good, by what comes now */
	view_str(v, "path", r.path);
	view_int(v, "jobs", r.manifest.jobs);
	view_int(v, "files", r.files);
	view_int(v, "bytes", r.bytes);
	if (audit_note(cli_db(), cli_scope(), "state.restore", r.path, v, &err) != RC_OK)
		cli_complain("not noted in the audit log: %s", err.text);
	view_put(v, "kept", r.kept);
	if (!cli.json)
		printf("restored %s files, %s\n", str_count(r.files, count),
		    str_bytes(r.bytes, bytes));
	code = check_state(v);
	if (cli.json)
		cli_print_json(v);
	return code;
}

static int fail(const struct err *err)
{
	struct err unused;

	restore_abandon(&r.to);
	each(unplace_item, &unused);
	restore_forget(&r.to);
	cli_act_as_owner(NULL);
	stop_now();
	return cli_report(err);
}

int cmd_restore(int argc, char **argv)
{
	struct err err;
	const char *what;

	if (argc != 2)
		return cli_usage("restore DIR");
	r.kept = view_list(&cli.arena);
	if (open_backup(argv[1], &err) != RC_OK)
		return cli_report(&err);
	what = running_here();
	if (what)
		cli_fail(EXIT_FAILURE, "%s runs on this state: stop it first", what);
	cli_act_as_owner(cli_config()->database);
	umask(007);
	if (restore_check(&r.to, cli_config(), &err) != RC_OK || verify(&err) != RC_OK ||
	    restore_room(&r.to, r.bytes, &err) != RC_OK) {
		cli_act_as_owner(NULL);
		return cli_report(&err);
	}
	stop_watch();
	if (restore_begin(&r.to, &err) != RC_OK || place_all(&err) != RC_OK)
		return fail(&err);
	return report();
}
