/*
 * Walking /proc and the output directory.
 */
#include "processor/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_MAX 8192
#define DEPTH_MAX 64
/* Files without a name that are told apart; a process may have 1024 open. */
#define UNLINKED_MAX 8192

/* Whole text of a small file of /proc; bytes read, -1 if it is not there any more. */
static ssize_t slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

static size_t add_children(const char *path, pid_t *list, size_t n)
{
	char text[16384], *at = text, *end;

	if (slurp(path, text, sizeof text) <= 0)
		return n;
	for (long pid; n < TREE_MAX && (pid = strtol(at, &end, 10)) > 0 && end != at; at = end)
		list[n++] = (pid_t)pid;
	return n;
}

/* The descendants of root, in the order in which they were born as a rule. */
static size_t tree(pid_t root, pid_t *list)
{
	size_t n = 0;

	for (size_t next = 0; next <= n; next++) {
		pid_t pid = next ? list[next - 1] : root;
		char path[320];
		DIR *tasks;

		snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
		if (!(tasks = opendir(path)))
			continue;
		for (struct dirent *e; (e = readdir(tasks));) {
			if (*e->d_name == '.')
				continue;
			snprintf(
			    path, sizeof path, "/proc/%d/task/%s/children", (int)pid, e->d_name);
			n = add_children(path, list, n);
		}
		closedir(tasks);
	}
	return n;
}

/* Anonymous memory, in bytes: resident pages that are not backed by files. */
static int64_t resident(pid_t pid)
{
	char path[64], text[256];
	long long size, all, shared;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	if (slurp(path, text, sizeof text) <= 0 ||
	    sscanf(text, "%lld %lld %lld", &size, &all, &shared) != 3)
		return 0;
	return (all - shared) * sysconf(_SC_PAGESIZE);
}

/* The same, where pages that several processes share count in parts. */
static int64_t proportional(pid_t pid)
{
	char path[64], text[2048];
	const char *at;
	long long anon;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	if (slurp(path, text, sizeof text) <= 0 || !(at = strstr(text, "Pss_Anon:")) ||
	    sscanf(at, "Pss_Anon: %lld", &anon) != 1)
		return resident(pid);
	return anon * 1024;
}

int64_t watch_memory(pid_t root, int64_t limit)
{
	static pid_t list[TREE_MAX];
	size_t n = tree(root, list);
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += resident(list[i]);
	if (sum <= limit)
		return sum;
	sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += proportional(list[i]);
	return sum;
}

int watch_signal(pid_t root, int sig)
{
	static pid_t list[TREE_MAX];
	size_t n = tree(root, list);

	for (size_t i = 0; i < n; i++)
		kill(list[i], sig);
	return (int)n;
}

/* A directory below, also one that the command has locked away from us: its right to look is given
 * back, else a job could hide what it writes. By a handle, never by a name that may be a link by
 * now. */
static int open_below(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int fd = openat(dir, name, flags), handle;
	char path[64];

	if (fd >= 0 || errno != EACCES)
		return fd;
	handle = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (handle < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
	if (chmod(path, 0700) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	close(handle);
	return fd;
}

/* Takes the descriptor. */
static int64_t sum_directory(int fd, int depth, int64_t files_max, int64_t *files)
{
	DIR *dir = fdopendir(fd);
	int64_t sum = 0;

	if (!dir) {
		close(fd);
		return 0;
	}
	for (struct dirent *e; *files < files_max && (e = readdir(dir));) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		++*files;
		sum += st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int sub = open_below(dirfd(dir), e->d_name);

			if (sub >= 0)
				sum += sum_directory(sub, depth + 1, files_max, files);
		}
	}
	closedir(dir);
	return sum;
}

int64_t watch_output(int dir, int64_t files_max, int64_t *files)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*files = 0;
	return fd < 0 ? 0 : sum_directory(fd, 0, files_max, files);
}

/* Of one process; inodes seen before are in the list. */
static int64_t sum_unlinked(pid_t pid, dev_t device, ino_t *seen, size_t *n)
{
	char path[64];
	int64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	if (!(dir = opendir(path)))
		return 0;
	for (struct dirent *e; *n < UNLINKED_MAX && (e = readdir(dir));) {
		struct stat st;
		size_t i = 0;

		if (fstatat(dirfd(dir), e->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
		    st.st_nlink || st.st_dev != device)
			continue;
		while (i < *n && seen[i] != st.st_ino)
			i++;
		if (i < *n)
			continue;
		seen[(*n)++] = st.st_ino;
		sum += st.st_blocks * 512;
	}
	closedir(dir);
	return sum;
}

int64_t watch_unlinked(pid_t root, int dir)
{
	static pid_t list[TREE_MAX];
	static ino_t seen[UNLINKED_MAX];
	size_t n = tree(root, list), seen_count = 0;
	struct stat st;
	int64_t sum = 0;

	if (fstat(dir, &st) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		sum += sum_unlinked(list[i], st.st_dev, seen, &seen_count);
	return sum;
}
