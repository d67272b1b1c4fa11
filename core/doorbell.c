/*
 * The doorbell: datagram sockets in run_dir/bell, one per processor.
 *
 * Paths go through /proc/self/fd/N/NAME, so a long run_dir still fits into a socket address.
 * Sockets have random names and are never bound twice, so one that refuses is of a dead processor
 * and may be removed.
 *
 * Whoever rings keeps the directory open and remembers who is in it. Times of files move in ticks,
 * so what was read within a second of the directory's last change is not relied upon.
 */
#include "core/doorbell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/id.h"
#include "core/str.h"

static bool bell_dir(const struct config *cfg, char out[static 4096])
{
	return str_fmt(out, 4096, "%s/bell", cfg->run_dir);
}

static bool address(struct sockaddr_un *to, int dir, const char *name)
{
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	return str_fmt(to->sun_path, sizeof to->sun_path, "/proc/self/fd/%d/%s", dir, name);
}

/* False: nobody listens there. */
static bool ring(int dir, int fd, const char *name)
{
	struct sockaddr_un to;

	return !address(&to, dir, name) ||
	       sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) ==
		   0 ||
	       errno != ECONNREFUSED;
}

/* Send an empty datagram to every socket in the directory; with `clean`, remove those nobody
 * listens on. */
static void ring_all(DIR *dir, int fd, bool clean)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !ring(dirfd(dir), fd, entry->d_name) && clean)
			unlinkat(dirfd(dir), entry->d_name, 0);
}

#define REMEMBERED_MAX 4

static struct bells {
	char path[4096]; /* of the directory that `dir` reads */
	DIR *dir;
	struct timespec changed; /* when it had the names below; valid if `sure` */
	bool sure;
	size_t n;
	char name[REMEMBERED_MAX][64];
} bells;

/* The directory, open; NULL: there is none. It may have been made anew. */
static DIR *bells_open(const char *path, struct stat *sb)
{
	bool same = bells.dir && strcmp(bells.path, path) == 0;

	if (same && fstat(dirfd(bells.dir), sb) == 0 && sb->st_nlink)
		return bells.dir;
	if (bells.dir)
		closedir(bells.dir);
	bells.sure = false;
	bells.dir = opendir(path);
	memcpy(bells.path, path, strlen(path) + 1);
	return bells.dir && fstat(dirfd(bells.dir), sb) == 0 ? bells.dir : NULL;
}

static void bells_read(const struct stat *sb)
{
	struct dirent *entry;

	bells.n = 0;
	bells.changed = sb->st_mtim;
	bells.sure = clock_wall_ms() - sb->st_mtim.tv_sec * INT64_C(1000) > 2000;
	rewinddir(bells.dir);
	while ((entry = readdir(bells.dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (bells.n == REMEMBERED_MAX ||
		    !str_fmt(bells.name[bells.n], sizeof *bells.name, "%s", entry->d_name)) {
			bells.sure = false;
			return;
		}
		bells.n++;
	}
}

void doorbell_ring(const struct config *cfg)
{
	static int fd = -1;
	int saved = errno;
	char path[4096];
	struct stat sb;

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bell_dir(cfg, path) && bells_open(path, &sb)) {
		if (!bells.sure || memcmp(&bells.changed, &sb.st_mtim, sizeof sb.st_mtim) != 0)
			bells_read(&sb);
		if (bells.sure) {
			for (size_t i = 0; i < bells.n; i++)
				ring(dirfd(bells.dir), fd, bells.name[i]);
		} else {
			rewinddir(bells.dir);
			ring_all(bells.dir, fd, false);
		}
	}
	errno = saved;
}

static enum rc make_bell_dir(const struct config *cfg, const char *path, struct err *err)
{
	if (mkdir(cfg->run_dir, 0750) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make '%s'", cfg->run_dir);
	if (mkdir(path, 0770) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make '%s'", path);
	return RC_OK;
}

static enum rc bind_bell(DIR *dir, int fd, const char *path, char **out, struct err *err)
{
	char token[TOKEN_SIZE], name[64];
	struct sockaddr_un own;

	snprintf(name, sizeof name, "%d-%.16s", (int)getpid(), token_new(token));
	if (!address(&own, dirfd(dir), name))
		return err_set(err, RC_SYS, "cannot name the doorbell");
	if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0)
		return err_sys(err, "cannot bind the doorbell '%s/%s'", path, name);
	/* Web and processor may be two users of one group. */
	if (fchmodat(dirfd(dir), name, 0660, 0) < 0 || asprintf(out, "%s/%s", path, name) < 0) {
		unlinkat(dirfd(dir), name, 0);
		*out = NULL;
		return err_sys(err, "cannot set mode of the doorbell '%s/%s'", path, name);
	}
	return RC_OK;
}

enum rc doorbell_open(const struct config *cfg, int *fd, char **path, struct err *err)
{
	char where[4096];
	DIR *dir = NULL;
	enum rc rc;

	*fd = -1;
	*path = NULL;
	if (!bell_dir(cfg, where))
		return err_set(err, RC_INVALID, "run_dir is too long");
	rc = make_bell_dir(cfg, where, err);
	if (rc != RC_OK)
		return rc;
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0 || !(dir = opendir(where)))
		rc = err_sys(err, "cannot open the doorbell directory '%s'", where);
	if (rc == RC_OK) {
		ring_all(dir, *fd, true);
		rc = bind_bell(dir, *fd, where, path, err);
	}
	if (dir)
		closedir(dir);
	if (rc != RC_OK && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return rc;
}

void doorbell_drain(int fd)
{
	char byte;

	while (recv(fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == EINTR)
		;
}

void doorbell_close(int fd, char *path)
{
	if (fd >= 0)
		close(fd);
	if (path)
		unlink(path);
	free(path);
}
