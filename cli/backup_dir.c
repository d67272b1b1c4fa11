/*
 * Making and finishing the directory of a backup.
 *
 * What lies under the other name is only removed if it can be nothing but a backup that was cut
 * off: names that we write, in a directory that nobody has locked.
 */
#include "cli/backup_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/manifest.h"

/* Whether `path` is `dir` or lies in it; of both the real paths. */
static bool lies_in(const char *path, const char *dir)
{
	char real[PATH_MAX];
	size_t len;

	if (!realpath(dir, real))
		return false;
	len = strlen(real);
	return strncmp(path, real, len) == 0 && (!path[len] || path[len] == '/');
}

static enum rc refuse_inside(const char *parent, const struct config *cfg, struct err *err)
{
	const char *inner[3 + AREAS] = {cfg->store, cfg->spool, cfg->work};

	for (size_t i = 0; i < AREAS; i++)
		inner[3 + i] = area_path(cfg, i, &cli.arena);
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
		if (lies_in(parent, inner[i]))
			return err_set(
			    err, RC_INVALID, "a backup cannot lie in \"%.150s\"", inner[i]);
	return RC_OK;
}

/* Absolute, so that it holds wherever it is looked at. */
static enum rc set_paths(
    struct backup_dir *d, const struct config *cfg, const char *path, struct err *err)
{
	char *one = arena_strdup(&cli.arena, path), *two = arena_strdup(&cli.arena, path);
	const char *name = basename(one), *parent = dirname(two);
	char real[PATH_MAX];

	if (!*path || strcmp(name, "/") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, RC_INVALID, "no name for a backup: \"%.150s\"", path);
	if (!realpath(parent, real))
		return err_sys(err, "cannot make a backup in \"%.150s\"", parent);
	d->path = arena_printf(&cli.arena, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	d->partial = arena_printf(&cli.arena, "%s.partial", d->path);
	return refuse_inside(real, cfg, err);
}

static enum rc refuse_taken(const char *path, struct err *err)
{
	struct stat st;
	bool empty = true;
	DIR *dir;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? RC_OK : err_sys(err, "cannot look at \"%.150s\"", path);
	dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	for (struct dirent *e; dir && (e = readdir(dir));)
		empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
	if (!dir)
		empty = false;
	else
		closedir(dir);
	return empty ? RC_OK : err_set(err, RC_CONFLICT, "\"%.150s\" is there already", path);
}

/* Everything that a backup holds at its top. */
static enum rc clear(int fd, struct err *err)
{
	static const char *const names[] = {ITEM_DATABASE, ITEM_DATABASE "-journal",
	    ITEM_DATABASE "-wal", ITEM_DATABASE "-shm", ITEM_CONFIG, ITEM_KEY, MANIFEST_FILE,
	    MANIFEST_SUMS, "store"};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < sizeof names / sizeof *names && rc == RC_OK; i++)
		rc = copy_remove(fd, names[i], err);
	for (size_t i = 0; i < AREAS && rc == RC_OK; i++)
		rc = copy_remove(fd, area_name(i), err);
	return rc;
}

/* Lock what is called `partial`, now that it is open: it might have been finished in between. */
static enum rc take_over(struct backup_dir *d, struct err *err)
{
	struct stat open_one, named;

	if (flock(d->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			   ? err_set(err, RC_BUSY, "another backup is being written to \"%.150s\"",
				 d->partial)
			   : err_sys(err, "cannot lock \"%.150s\"", d->partial);
	if (fstat(d->fd, &open_one) < 0 || lstat(d->partial, &named) < 0 ||
	    open_one.st_ino != named.st_ino || open_one.st_dev != named.st_dev)
		return err_set(
		    err, RC_BUSY, "another backup was written to \"%.150s\"", d->partial);
	return RC_OK;
}

static bool has_entries(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	bool any = false;

	for (struct dirent *e; dir && (e = readdir(dir));)
		any = any || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0);
	if (dir)
		closedir(dir);
	return any;
}

static void let_go(struct backup_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

enum rc backup_dir_make(
    struct backup_dir *d, const struct config *cfg, const char *path, struct err *err)
{
	enum rc rc = set_paths(d, cfg, path, err);

	d->fd = -1;
	if (rc == RC_OK)
		rc = refuse_taken(d->path, err);
	if (rc != RC_OK)
		return rc;
	if (mkdir(d->partial, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make \"%.150s\"", d->partial);
	d->fd = open(d->partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", d->partial);
	rc = take_over(d, err);
	if (rc == RC_OK)
		rc = clear(d->fd, err);
	if (rc == RC_OK && has_entries(d->fd))
		rc = err_set(err, RC_CONFLICT,
		    "\"%.150s\" holds what is not of a backup: remove it", d->partial);
	if (rc == RC_OK && fchmod(d->fd, 0700) < 0)
		rc = err_sys(err, "cannot set the mode of \"%.150s\"", d->partial);
	if (rc != RC_OK)
		let_go(d);
	return rc;
}

enum rc backup_dir_finish(struct backup_dir *d, struct err *err)
{
	const char *parent = dirname(arena_strdup(&cli.arena, d->path));
	int above = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (above < 0)
		return err_sys(err, "cannot open \"%.150s\"", parent);
	if (syncfs(d->fd) < 0)
		rc = err_sys(err, "cannot sync the backup");
	else if (rename(d->partial, d->path) < 0)
		rc = err_sys(err, "cannot name the backup \"%.150s\"", d->path);
	if (rc == RC_OK) {
		let_go(d);
		if (fsync(above) < 0)
			rc = err_sys(err, "cannot sync \"%.150s\"", parent);
	}
	close(above);
	return rc;
}

void backup_dir_drop(struct backup_dir *d)
{
	struct err err;

	if (d->fd < 0)
		return;
	if (clear(d->fd, &err) != RC_OK || rmdir(d->partial) < 0)
		cli_complain("cannot remove \"%.150s\"", d->partial);
	let_go(d);
}
