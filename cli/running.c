/*
 * Looking for a stack that runs: the lock of `make run`, locks of processors, the socket of the web
 * pool. The database is not asked: it may be the one that was moved away.
 */
#include "cli/running.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/str.h"

/* The lock of scripts/run lies beside the configuration that it has made. It is kept. */
static bool run_locked(void)
{
	const char *file = cli_config()->file, *slash = file ? strrchr(file, '/') : NULL;
	const char *path =
	    slash ? arena_printf(&cli.arena, "%.*s/run.lock", (int)(slash - file), file)
		  : "run.lock";
	int fd = file ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return false;
	close(fd);
	return true;
}

/* Each processor holds the lock of a file of its own for as long as it lives. */
static bool processor_locked(void)
{
	DIR *dir = opendir(cli_config()->work);
	bool held = false;

	for (struct dirent *e; dir && !held && (e = readdir(dir));) {
		int fd;

		if (strncmp(e->d_name, "worker-", 7) != 0)
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return held;
}

bool running_web(const char **path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, saved;
	bool yes;

	*path = arena_printf(&cli.arena, "%s/web.sock", cli_config()->run_dir);
	if (!str_fmt(address.sun_path, sizeof address.sun_path, "%s", *path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	yes = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return yes;
}

const char *running_here(void)
{
	const char *socket_path;

	if (run_locked())
		return "make run";
	if (processor_locked())
		return "a processor";
	return running_web(&socket_path) ? "a web pool" : NULL;
}
