/*
 * The doorbell: datagram sockets in run_dir/bell, one per processor.
 *
 * Paths go through /proc/self/fd/N/NAME, so a long run_dir still fits into a socket address.
 * Sockets have random names and are never bound twice, so one that refuses is of a dead processor
 * and may be removed.
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

/* Send an empty datagram to every socket in the directory; with `clean`, remove those nobody
 * listens on. */
static void ring_all(DIR *dir, int fd, bool clean)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		struct sockaddr_un to;

		if (entry->d_name[0] == '.' || !address(&to, dirfd(dir), entry->d_name))
			continue;
		if (sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
			sizeof to) < 0 &&
		    errno == ECONNREFUSED && clean)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
}

void doorbell_ring(const struct config *cfg)
{
	static int fd = -1;
	char path[4096];
	int saved = errno;
	DIR *dir;

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bell_dir(cfg, path) && (dir = opendir(path))) {
		ring_all(dir, fd, false);
		closedir(dir);
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
