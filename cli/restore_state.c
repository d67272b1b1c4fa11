/*
 * Putting the parts of a backup into the state.
 *
 * DATABASE.restoring is the mark of a restore that goes on or was cut off: whatever lies in the
 * store beside it is of that restore and may be replaced. It comes first and goes last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/restore.h"
#include "core/digest.h"
#include "core/migrate.h"
#include "core/str.h"

/* ---- before ---- */

static enum rc one_is_enough(void *arg, const char *path, bool regular, struct err *err)
{
	(void)path;
	(void)regular;
	(void)err;
	*(bool *)arg = true;
	return RC_DONE;
}

static enum rc store_empty(const struct config *cfg, struct err *err)
{
	int dir = open(cfg->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = false;
	enum rc rc;

	if (dir < 0)
		return errno == ENOENT ? RC_OK
				       : err_sys(err, "cannot open store \"%.150s\"", cfg->store);
	rc = copy_walk(dir, one_is_enough, &found, err);
	close(dir);
	if (found)
		return err_set(err, RC_CONFLICT,
		    "there are files in the store \"%.120s\": move the old state away first",
		    cfg->store);
	return rc;
}

enum rc restore_check(struct restore_target *t, const struct config *cfg, struct err *err)
{
	struct stat st;

	t->cfg = cfg;
	t->store.root = -1;
	t->database = arena_printf(&cli.arena, "%s.restoring", cfg->database);
	if (lstat(cfg->database, &st) == 0)
		return err_set(err, RC_CONFLICT,
		    "there is a database \"%.120s\": move the old state away first", cfg->database);
	if (errno != ENOENT)
		return err_sys(err, "cannot look at \"%.150s\"", cfg->database);
	if (lstat(t->database, &st) == 0)
		return RC_OK;
	if (lstat(cfg->secret_key, &st) == 0)
		return err_set(err, RC_CONFLICT,
		    "there is a key \"%.120s\": move the old state away first", cfg->secret_key);
	return store_empty(cfg, err);
}

/* The disk of a directory that may not be there yet. */
static enum rc room_at(const char *path, int64_t bytes, struct err *err)
{
	const char *at = path;
	struct statvfs v;

	while (statvfs(at, &v) < 0) {
		if (errno != ENOENT || strcmp(at, "/") == 0)
			return err_sys(err, "cannot ask for free space of \"%.150s\"", at);
		at = dirname(arena_strdup(&cli.arena, at));
	}
	if ((int64_t)v.f_bavail * (int64_t)v.f_frsize < bytes)
		return err_set(err, RC_LIMIT, "not enough room on the disk of \"%.150s\"", path);
	return RC_OK;
}

enum rc restore_room(struct restore_target *t, int64_t bytes, struct err *err)
{
	enum rc rc = room_at(t->cfg->database, t->database_bytes, err);

	return rc == RC_OK ? room_at(t->cfg->store, bytes, err) : rc;
}

/* ---- the database ---- */

static void remove_database(const struct restore_target *t, bool mark)
{
	static const char *const beside[] = {"-wal", "-shm", "-journal", "-next.lock", "-cur.lock"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		snprintf(path, sizeof path, "%s%s", t->database, beside[i]);
		unlink(path);
	}
	if (mark)
		unlink(t->database);
}

enum rc restore_begin(struct restore_target *t, struct err *err)
{
	enum rc rc = RC_OK;
	int fd;

	remove_database(t, false);
	fd = open(t->database, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (fd < 0)
		return err_sys(err, "cannot make \"%.150s\"", t->database);
	if (fsync(fd) < 0)
		rc = err_sys(err, "cannot sync \"%.150s\"", t->database);
	close(fd);
	if (rc == RC_OK)
		rc = store_open(t->cfg, &t->store, err);
	t->store.at_once = true;
	return rc;
}

enum rc restore_database(struct restore_target *t, int from, copy_tell *tell, struct err *err)
{
	struct config cfg = *t->cfg;
	int fd = open(t->database, O_WRONLY | O_NOFOLLOW | O_CLOEXEC), applied;
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open \"%.150s\"", t->database);
	rc = copy_bytes(from, fd, -1, tell, t->database, err);
	if (close(fd) < 0 && rc == RC_OK)
		rc = err_sys(err, "cannot write \"%.150s\"", t->database);
	cfg.database = t->database;
	if (rc == RC_OK)
		rc = migrate_run(&cfg, &applied, err);
	return rc == RC_OK ? db_open(&cfg, &t->db, err) : rc;
}

/* ---- files ---- */

enum rc restore_file(
    struct restore_target *t, int from, const char *uuid, copy_tell *tell, struct err *err)
{
	int fd;
	enum rc rc = store_temp(&t->store, &fd, err);

	if (rc != RC_OK)
		return rc;
	store_remove(&t->store, uuid);
	rc = copy_bytes(from, fd, -1, tell, uuid, err);
	if (rc == RC_OK)
		rc = store_link(&t->store, fd, uuid, err);
	close(fd);
	return rc;
}

enum rc restore_log(
    struct restore_target *t, int from, const struct item *item, copy_tell *tell, struct err *err)
{
	int fd;
	enum rc rc = store_log_open(&t->store, item->uuid, item->slot, &fd, err);

	if (rc != RC_OK)
		return rc;
	rc = copy_bytes(from, fd, -1, tell, item->uuid, err);
	close(fd);
	return rc;
}

/* Whether the file is the same as the one that is there already. */
static enum rc compare(int dir, const char *path, const char *hex, bool *same, struct err *err)
{
	int fd = copy_open(dir, path);
	char there[65];
	enum rc rc;

	*same = false;
	if (fd < 0)
		return RC_OK;
	rc = digest_file(fd, there, err);
	close(fd);
	*same = rc == RC_OK && strcmp(there, hex) == 0;
	return rc;
}

static enum rc write_key(int dir, const char *name, int from, struct err *err)
{
	int fd = copy_create(dir, name, 0600, 0700);
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot make key \"%.150s\"", name);
	rc = copy_bytes(from, fd, -1, NULL, name, err);
	if (rc == RC_OK && (fchmod(fd, 0640) < 0 || fsync(fd) < 0))
		rc = err_sys(err, "cannot write key \"%.150s\"", name);
	close(fd);
	return rc;
}

/* Whole or not at all: one that is there is either this one, of a restore that was cut off, or
 * somebody's. */
static enum rc put_key(
    struct restore_target *t, int dir, const char *name, int from, const char *hex, struct err *err)
{
	char temp[NAME_MAX + 1];
	bool same;
	enum rc rc = compare(dir, name, hex, &same, err);

	if (rc != RC_OK || same)
		return rc;
	if (!str_fmt(temp, sizeof temp, "%s.restoring", name))
		return err_set(err, RC_INVALID, "name of the key too long");
	unlinkat(dir, temp, 0);
	rc = write_key(dir, temp, from, err);
	if (rc == RC_OK && linkat(dir, temp, dir, name, 0) < 0)
		rc = errno == EEXIST
			 ? err_set(err, RC_CONFLICT,
			       "there is another key \"%.120s\": move the old state away first",
			       t->cfg->secret_key)
			 : err_sys(err, "cannot make key \"%.150s\"", t->cfg->secret_key);
	t->key_made = t->key_made || rc == RC_OK;
	unlinkat(dir, temp, 0);
	return rc;
}

enum rc restore_key(struct restore_target *t, int from, const char *hex, struct err *err)
{
	const char *path = t->cfg->secret_key;
	int dir = open(dirname(arena_strdup(&cli.arena, path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc;

	if (dir < 0)
		return err_sys(err, "cannot open the directory of key \"%.150s\"", path);
	rc = put_key(t, dir, basename(arena_strdup(&cli.arena, path)), from, hex, err);
	close(dir);
	return rc;
}

enum rc restore_own(
    const char *dir, const char *path, int from, const char *hex, bool *same, struct err *err)
{
	struct stat st;
	enum rc rc;
	int top, fd;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make \"%.150s\"", dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(err, "cannot open \"%.150s\"", dir);
	fd = copy_create(top, path, 0600, 0755);
	if (fd >= 0)
		rc = copy_bytes(from, fd, -1, NULL, path, err);
	else if (errno == EEXIST)
		rc = compare(top, path, hex, same, err);
	else
		rc = err_sys(err, "cannot make \"%.100s\" in \"%.100s\"", path, dir);
	if (fd >= 0 && rc == RC_OK &&
	    (fstat(from, &st) < 0 || fchmod(fd, st.st_mode & 0100 ? 0755 : 0644) < 0 ||
		fsync(fd) < 0))
		rc = err_sys(err, "cannot write \"%.150s\"", path);
	if (fd >= 0)
		close(fd);
	close(top);
	return rc;
}

/* ---- the end ---- */

/* The log of changes is empty, and the file is on the disk. */
static enum rc settle_database(struct restore_target *t, struct err *err)
{
	enum rc rc = db_checkpoint(t->db, err);
	int fd;

	db_close(t->db);
	t->db = NULL;
	if (rc != RC_OK)
		return rc;
	remove_database(t, false);
	fd = open(t->database, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = err_sys(err, "cannot sync \"%.150s\"", t->database);
	if (fd >= 0)
		close(fd);
	return rc;
}

enum rc restore_finish(struct restore_target *t, struct err *err)
{
	enum rc rc = settle_database(t, err);
	int dir;

	if (rc == RC_OK)
		rc = store_sync(&t->store, err);
	if (rc != RC_OK)
		return rc;
	/* Not by rename: somebody may have made one meanwhile. */
	if (link(t->database, t->cfg->database) < 0)
		return err_sys(err, "cannot name the database \"%.150s\"", t->cfg->database);
	unlink(t->database);
	store_close(&t->store);
	dir = open(dirname(arena_strdup(&cli.arena, t->cfg->database)),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) < 0)
		rc = err_sys(err, "cannot sync the directory of the database");
	if (dir >= 0)
		close(dir);
	return rc;
}

void restore_abandon(struct restore_target *t)
{
	db_close(t->db);
	t->db = NULL;
}

void restore_undo(struct restore_target *t, const struct item *item)
{
	if (t->store.root < 0)
		return;
	if (item->part == PART_FILE)
		store_remove(&t->store, item->uuid);
	else if (item->part == PART_LOG)
		store_log_remove(&t->store, item->uuid);
	else if (item->part == PART_KEY && t->key_made)
		unlink(t->cfg->secret_key);
}

void restore_forget(struct restore_target *t)
{
	if (t->store.root >= 0)
		store_close(&t->store);
	remove_database(t, true);
}
