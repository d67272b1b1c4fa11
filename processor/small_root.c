/*
 * Cloning the mounts that are kept, hanging them below a clone of the root, turning to that.
 */
#include "processor/small_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT_MAX 128

/* Trees that bubblewrap shows to commands (processor/sandbox.c), or needs itself. */
static const char *const kept_trees[] = {
    "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/proc"};
/* Single mounts: devices, and where /etc/resolv.conf may lead. */
static const char *const kept_mounts[] = {"/dev", "/run"};

static bool is_kept(const char *path, const char *type)
{
	/* Where /proc is covered in part, as in a container, the kernel lets a sandbox have its own
	 * only if a whole one can be seen somewhere. */
	if (strcmp(type, "proc") == 0)
		return true;
	for (size_t i = 0; i < sizeof kept_mounts / sizeof *kept_mounts; i++)
		if (strcmp(path, kept_mounts[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof kept_trees / sizeof *kept_trees; i++) {
		size_t len = strlen(kept_trees[i]);

		if (strncmp(path, kept_trees[i], len) == 0 && strchr("/", path[len]))
			return true;
	}
	return false;
}

/* Three octal digits after a backslash stand for what would end a field. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *at = path; *at; to++) {
		unsigned c;

		if (*at == '\\' && sscanf(at + 1, "%3o", &c) == 1) {
			*to = (char)c;
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

/* Mounts that are kept: a clone of each, and where it belongs. */
struct kept {
	struct {
		int fd;
		const char *path;
	} list[KEPT_MAX];
	size_t n;
};

static int clone_mount(const char *path)
{
	return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

/* One line of the list of mounts. One that has gone meanwhile, or is covered by another, is not
 * missed. */
static bool keep(struct kept *k, const char *line, struct arena *a)
{
	const char *rest = strstr(line, " - ");
	char path[4096], type[64];

	if (!rest || sscanf(rest, " - %63s", type) != 1 ||
	    sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
		return false;
	unescape(path);
	if (!is_kept(path, type))
		return true;
	if (k->n == KEPT_MAX)
		return false;
	k->list[k->n].fd = clone_mount(path);
	if (k->list[k->n].fd < 0)
		return errno == ENOENT;
	k->list[k->n++].path = arena_printf(a, "/tmp%s", path);
	return true;
}

/* All of them, in the order in which they were made. */
static bool keep_all(struct kept *k, struct arena *a)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	bool all = mounts != NULL;

	while (all && getline(&line, &room, mounts) > 0)
		all = keep(k, line, a);
	free(line);
	if (mounts)
		fclose(mounts);
	return all;
}

/* The root and all that is kept, below /tmp. Where something else covers the place of one, it was
 * not to be seen. */
static bool hang_all(const struct kept *k, int root)
{
	if (move_mount(root, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return false;
	for (size_t i = 0; i < k->n; i++)
		if (move_mount(k->list[i].fd, "", AT_FDCWD, k->list[i].path,
			MOVE_MOUNT_F_EMPTY_PATH) < 0 &&
		    errno != ENOENT) {
			umount2("/tmp", MNT_DETACH);
			return false;
		}
	return true;
}

enum rc small_root(struct arena *a, struct err *err)
{
	struct kept k = {.n = 0};
	bool all = keep_all(&k, a);
	int root = all ? clone_mount("/") : -1;
	bool hung = root >= 0 && hang_all(&k, root), in;

	for (size_t i = 0; i < k.n; i++)
		close(k.list[i].fd);
	if (root >= 0)
		close(root);
	if (!hung)
		return RC_OK;
	in = chdir("/tmp") == 0 && syscall(SYS_pivot_root, ".", ".") == 0;
	if (umount2(in ? "." : "/tmp", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, "cannot make a small root");
	return RC_OK;
}
