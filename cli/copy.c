/*
 * Copying files. Paths are taken apart here and each directory is opened by itself, so a link that
 * somebody puts in the way leads nowhere.
 */
#include "cli/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

#define PIECE_BYTES (INT64_C(16) << 20)
#define BLOCK_BYTES (1 << 20)
#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define REMOVE_DEPTH 32

/* ---- bytes ---- */

static int64_t piece(int64_t most, int64_t done)
{
	return most < 0 || most - done > PIECE_BYTES ? PIECE_BYTES : most - done;
}

static ssize_t write_all(int to, const char *block, ssize_t n)
{
	for (ssize_t done = 0; done < n;) {
		ssize_t put = write(to, block + done, (size_t)(n - done));

		if (put < 0 && errno != EINTR)
			return -1;
		done += put > 0 ? put : 0;
	}
	return n;
}

/* One read and what it takes to write it. */
static ssize_t by_hand(int from, int to, int64_t most)
{
	char *block = malloc(BLOCK_BYTES);
	ssize_t n;

	if (!block)
		return -1;
	do
		n = read(from, block, (size_t)(most < BLOCK_BYTES ? most : BLOCK_BYTES));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		n = write_all(to, block, n);
	free(block);
	return n;
}

enum rc copy_bytes(
    int from, int to, int64_t most, copy_tell *tell, const char *name, struct err *err)
{
	bool kernel = true;
	int64_t done = 0;

	while (most < 0 || done < most) {
		int64_t want = piece(most, done);
		ssize_t n = kernel ? copy_file_range(from, NULL, to, NULL, (size_t)want, 0) : -1;

		/* Some filesystems cannot, and some answer nothing; whether it was the end is told
		 * by a read. */
		if (n <= 0) {
			kernel = false;
			n = by_hand(from, to, want);
		}
		if (n < 0)
			return err_sys(err, "cannot copy \"%.150s\"", name);
		if (n == 0)
			break;
		done += n;
		if (tell && !tell(n))
			return err_set(err, RC_DONE, "stopped");
	}
	return RC_OK;
}

/* ---- paths ---- */

static int enter(int dir, const char *name, bool make, mode_t mode)
{
	int fd = openat(dir, name, DIRECTORY);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return -1;
	return openat(dir, name, DIRECTORY);
}

/* The directory that the last name of a path lies in; *name is that name. */
static int enter_all(int dir, const char *path, bool make, mode_t mode, const char **name)
{
	int fd = openat(dir, ".", DIRECTORY);
	const char *slash;

	while (fd >= 0 && (slash = strchr(path, '/'))) {
		char one[NAME_MAX + 1];
		int next = -1;

		if (!str_fmt(one, sizeof one, "%.*s", (int)(slash - path), path))
			errno = ENAMETOOLONG;
		else if (!*one || strcmp(one, ".") == 0 || strcmp(one, "..") == 0)
			errno = EINVAL;
		else
			next = enter(fd, one, make, mode);
		close(fd);
		fd = next;
		path = slash + 1;
	}
	if (fd >= 0 && (!*path || strcmp(path, ".") == 0 || strcmp(path, "..") == 0)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	*name = path;
	return fd;
}

int copy_dir(int dir, const char *path, bool make, mode_t mode)
{
	const char *name;
	int above = enter_all(dir, path, make, mode, &name), fd;

	if (above < 0)
		return -1;
	fd = enter(above, name, make, mode);
	close(above);
	return fd;
}

/* The last name of a path, by openat with these flags; make: with the directories it needs. */
static int open_last(int dir, const char *path, int flags, mode_t mode, bool make, mode_t dir_mode)
{
	const char *name;
	int above = enter_all(dir, path, make, dir_mode, &name), fd;

	if (above < 0)
		return -1;
	fd = openat(above, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	close(above);
	return fd;
}

int copy_open(int dir, const char *path)
{
	struct stat st;
	int fd = open_last(dir, path, O_RDONLY | O_NONBLOCK, 0, false, 0);

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

int copy_create(int dir, const char *path, mode_t mode, mode_t dir_mode)
{
	return open_last(dir, path, O_RDWR | O_CREAT | O_EXCL, mode, true, dir_mode);
}

/* ---- all below ---- */

/* An entry of a directory that is not "." or "..". */
static struct dirent *next_entry(DIR *dir)
{
	struct dirent *e;

	do
		e = readdir(dir);
	while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	return e;
}

static enum rc walk(
    int fd, const char *prefix, int depth, copy_visit *visit, void *arg, struct err *err)
{
	DIR *dir = fdopendir(fd);
	enum rc rc = RC_OK;
	struct dirent *e;

	if (!dir) {
		close(fd);
		return err_sys(err, "cannot read directory \"%.150s\"", prefix);
	}
	while (rc == RC_OK && (e = next_entry(dir))) {
		char path[4096];
		struct stat st;
		int sub = -1;

		if (!str_fmt(path, sizeof path, "%s%s", prefix, e->d_name) ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < COPY_DEPTH)
			sub = openat(fd, e->d_name, DIRECTORY);
		if (sub < 0)
			rc = visit(arg, path, S_ISREG(st.st_mode), err);
		else if (str_fmt(path, sizeof path, "%s%s/", prefix, e->d_name))
			rc = walk(sub, path, depth + 1, visit, arg, err);
	}
	closedir(dir);
	return rc;
}

enum rc copy_walk(int dir, copy_visit *visit, void *arg, struct err *err)
{
	int fd = openat(dir, ".", DIRECTORY);

	return fd < 0 ? err_sys(err, "cannot read a directory") : walk(fd, "", 0, visit, arg, err);
}

static bool empty(int fd, int depth)
{
	DIR *dir = depth < REMOVE_DEPTH ? fdopendir(fd) : NULL;
	bool done = true;
	struct dirent *e;

	if (!dir) {
		close(fd);
		return false;
	}
	while ((e = next_entry(dir))) {
		int sub;

		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		sub = openat(fd, e->d_name, DIRECTORY);
		done = sub >= 0 && empty(sub, depth + 1) &&
		       unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0 && done;
	}
	closedir(dir);
	return done;
}

enum rc copy_remove(int dir, const char *name, struct err *err)
{
	int fd;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return RC_OK;
	fd = openat(dir, name, DIRECTORY);
	if (fd < 0 || !empty(fd, 0) || unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return err_sys(err, "cannot remove \"%.150s\"", name);
	return RC_OK;
}
