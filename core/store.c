/*
 * The store: a directory of 256 subdirectories named by the last two digits of a uuid, made on
 * first use.
 *
 * A file is linked before it is synced: the one sync then carries the data, the new link and the
 * mode to disk together, and the sync of the directory that follows finds little left to do. The
 * order is free because nobody knows the name until the row is committed, and that comes last.
 */
#include "core/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/str.h"

/* Started by root, only root writes here and the group of run_user may look. Otherwise web and
 * processor are two users of one group, and both write. */
static mode_t dir_mode(void)
{
	return geteuid() == 0 ? 0750 : 02770;
}

static bool hex_pair(const char *s)
{
	static const char digits[] = "0123456789abcdef";

	return s[0] && s[1] && strchr(digits, s[0]) && strchr(digits, s[1]);
}

/* "ab/uuid" below prefix. Names are made by us, so a bad one is a bug, and no path is ever built
 * from it. */
static char *make_name(const char *prefix, const char *uuid, char out[static 64])
{
	if (!uuid_valid(uuid) || !hex_pair(uuid + UUID_SIZE - 3))
		bug("store: not a name of ours: '%.40s'", uuid);
	if (!str_fmt(out, 64, "%s%s/%s", prefix, uuid + UUID_SIZE - 3, uuid))
		bug("store: name too long");
	return out;
}

char *store_name(const char *uuid, char out[static 64])
{
	return make_name("", uuid, out);
}

char *store_uri(const char *uuid, char out[static 64])
{
	return make_name("/_store/", uuid, out);
}

/* "log/ab/uuid-3" below prefix. */
static char *log_name(
    const char *prefix, const char *job_uuid, int64_t attempt, char out[static 64])
{
	char dir[16];
	size_t len;

	snprintf(dir, sizeof dir, "%slog/", prefix);
	len = strlen(make_name(dir, job_uuid, out));
	snprintf(out + len, 64 - len, "-%x", (unsigned)(attempt % STORE_LOGS_MAX));
	return out;
}

char *store_log_uri(const char *job_uuid, int64_t attempt, char out[static 64])
{
	return log_name("/_store/", job_uuid, attempt, out);
}

bool store_log_owner(const char *name, char uuid[static UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(name) != UUID_SIZE + 1 || name[UUID_SIZE - 1] != '-' ||
	    !strchr(digits, name[UUID_SIZE]))
		return false;
	memcpy(uuid, name, UUID_SIZE - 1);
	uuid[UUID_SIZE - 1] = '\0';
	return uuid_valid(uuid);
}

/* A directory below the root; one that is there already keeps its mode. */
static enum rc make_dir(struct store *st, const char *name, struct err *err)
{
	if (mkdirat(st->root, name, 0700) < 0) {
		if (errno == EEXIST)
			return RC_OK;
		return err_sys(err, "cannot make store directory '%s'", name);
	}
	if (st->group != (gid_t)-1 && fchownat(st->root, name, (uid_t)-1, st->group, 0) < 0)
		return err_sys(err, "cannot set group of store directory '%s'", name);
	if (fchmodat(st->root, name, dir_mode(), 0) < 0)
		return err_sys(err, "cannot set mode of store directory '%s'", name);
	st->root_touched = true;
	return RC_OK;
}

/* The group that commands run with, if we are root and so may give files to it. */
static gid_t run_group(const struct config *cfg)
{
	struct passwd *pw = geteuid() == 0 && cfg->run_user ? getpwnam(cfg->run_user) : NULL;

	return pw ? pw->pw_gid : (gid_t)-1;
}

enum rc store_open(const struct config *cfg, struct store *st, struct err *err)
{
	enum rc rc;
	bool made;

	*st = (struct store){.root = -1, .group = run_group(cfg)};
	made = mkdir(cfg->store, 0700) == 0;
	if (!made && errno != EEXIST)
		return err_sys(err, "cannot make store '%s'", cfg->store);
	st->root = open(cfg->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->root < 0)
		return err_sys(err, "cannot open store '%s'", cfg->store);
	if (made && ((st->group != (gid_t)-1 && fchown(st->root, (uid_t)-1, st->group) < 0) ||
			fchmod(st->root, dir_mode()) < 0))
		rc = err_sys(err, "cannot set mode of store '%s'", cfg->store);
	else
		rc = make_dir(st, "log", err);
	if (rc != RC_OK)
		store_close(st);
	return rc;
}

void store_close(struct store *st)
{
	if (st->root >= 0)
		close(st->root);
	st->root = -1;
}

static void touch(struct store *st, const char *uuid)
{
	unsigned bucket = 0;

	sscanf(uuid + UUID_SIZE - 3, "%2x", &bucket);
	st->touched[bucket / 64] |= UINT64_C(1) << bucket % 64;
}

static enum rc link_fd(struct store *st, int fd, const char *name, struct err *err)
{
	char from[32], dir[3] = {name[0], name[1], '\0'};

	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, from, st->root, name, AT_SYMLINK_FOLLOW) == 0)
		return RC_OK;
	if (errno == ENOENT) {
		enum rc rc = make_dir(st, dir, err);

		if (rc != RC_OK)
			return rc;
		if (linkat(AT_FDCWD, from, st->root, name, AT_SYMLINK_FOLLOW) == 0)
			return RC_OK;
	}
	if (errno == EXDEV)
		return err_set(err, RC_SYS,
		    "cannot link into the store: spool and store must lie on one filesystem");
	return err_sys(err, "cannot link '%s' into the store", name);
}

enum rc store_link(struct store *st, int fd, const char uuid[static UUID_SIZE], struct err *err)
{
	char name[64];
	enum rc rc;

	if (st->group != (gid_t)-1 && fchown(fd, (uid_t)-1, st->group) < 0)
		return err_sys(err, "cannot set group of a new file");
	if (fchmod(fd, 0640) < 0)
		return err_sys(err, "cannot set mode of a new file");
	rc = link_fd(st, fd, store_name(uuid, name), err);
	if (rc != RC_OK)
		return rc;
	if (!st->at_once && fdatasync(fd) < 0) {
		rc = err_sys(err, "cannot sync a new file");
		store_remove(st, uuid);
		return rc;
	}
	touch(st, uuid);
	return RC_OK;
}

enum rc store_temp(struct store *st, int *fd, struct err *err)
{
	*fd = openat(st->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_sys(err, "cannot make a file in the store");
	return RC_OK;
}

static enum rc sync_dir(struct store *st, const char *name, struct err *err)
{
	int fd = openat(st->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return err_sys(err, "cannot open store directory '%s'", name);
	if (fsync(fd) < 0)
		rc = err_sys(err, "cannot sync store directory '%s'", name);
	close(fd);
	return rc;
}

enum rc store_sync(struct store *st, struct err *err)
{
	enum rc rc = RC_OK;

	if (st->at_once && syncfs(st->root) < 0)
		return err_sys(err, "cannot sync the store");
	for (unsigned i = 0; i < 256; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;
		char name[3];

		if (!(st->touched[i / 64] & bit))
			continue;
		snprintf(name, sizeof name, "%02x", i);
		rc = sync_dir(st, name, err);
		if (rc != RC_OK)
			return rc;
		st->touched[i / 64] &= ~bit;
	}
	if (st->root_touched)
		rc = sync_dir(st, ".", err);
	if (rc == RC_OK)
		st->root_touched = false;
	return rc;
}

static enum rc open_name(struct store *st, const char *name, int *fd, struct err *err)
{
	*fd = openat(st->root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd >= 0)
		return RC_OK;
	if (errno == ENOENT)
		return err_set(err, RC_NOTFOUND, "no file '%s' in the store", name);
	return err_sys(err, "cannot open '%s' in the store", name);
}

enum rc store_read(struct store *st, const char *uuid, int *fd, struct err *err)
{
	char name[64];

	return open_name(st, store_name(uuid, name), fd, err);
}

enum rc store_log_read(
    struct store *st, const char *job_uuid, int64_t attempt, int *fd, struct err *err)
{
	char name[64];

	return open_name(st, log_name("", job_uuid, attempt, name), fd, err);
}

enum rc store_log_open(
    struct store *st, const char *job_uuid, int64_t attempt, int *fd, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	char name[64], dir[8];
	enum rc rc;

	log_name("", job_uuid, attempt, name);
	/* Who still reads or writes the old one does not meet the new one. */
	unlinkat(st->root, name, 0);
	*fd = openat(st->root, name, flags, 0640);
	if (*fd < 0 && errno == ENOENT) {
		snprintf(dir, sizeof dir, "%.6s", name);
		rc = make_dir(st, dir, err);
		if (rc != RC_OK)
			return rc;
		*fd = openat(st->root, name, flags, 0640);
	}
	if (*fd < 0)
		return err_sys(err, "cannot open log '%s'", name);
	return RC_OK;
}

void store_remove(struct store *st, const char *uuid)
{
	char name[64];

	unlinkat(st->root, store_name(uuid, name), 0);
}

void store_log_remove(struct store *st, const char *job_uuid)
{
	char name[64];

	for (int slot = 0; slot < STORE_LOGS_MAX; slot++)
		unlinkat(st->root, log_name("", job_uuid, slot, name), 0);
}

enum rc store_free(struct store *st, int64_t *bytes, struct err *err)
{
	struct statvfs v;

	if (fstatvfs(st->root, &v) < 0)
		return err_sys(err, "cannot ask for free space of the store");
	*bytes = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	return RC_OK;
}
