/*
 * Staging and dropping.
 */
#include "processor/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT_MAX 128

/* Clone the mount of one path, before anything is covered. */
static enum rc clone_mount(const char *path, int *fd, struct err *err)
{
	*fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
	return *fd < 0 ? err_sys(err, "cannot reach \"%.120s\"", path) : RC_OK;
}

static enum rc hang(int fd, const char *path, struct err *err)
{
	struct stat st;
	int made;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "cannot stat a staged mount");
	if (S_ISDIR(st.st_mode)) {
		made = mkdir(path, 0755);
	} else {
		int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		made = file < 0 ? -1 : close(file);
	}
	if (made < 0 || move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, "cannot stage a mount at \"%s\"", path);
	return RC_OK;
}

/* Clone all; what is open is in fds, *opened of them, and is the caller's also on failure. */
static enum rc clone_all(
    const struct sandbox_bind *binds, size_t n, int *fds, size_t *opened, struct err *err)
{
	enum rc rc = RC_OK;

	for (*opened = 0; *opened < n && !rc; ++*opened)
		rc = clone_mount(binds[*opened].source, &fds[*opened], err);
	if (rc)
		--*opened;
	return rc;
}

static void close_all(const int *fds, size_t n)
{
	int error = errno;

	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	errno = error;
}

/* ---- the small view ---- */

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

/* A mount that is kept: a clone of it, and where it belongs. */
struct kept {
	int fd;
	const char *path;
};

/* Clone what is kept of the mounts, in the order in which they were made. One that is covered by
 * another, or has gone meanwhile, is not missed. */
static size_t clone_kept(struct kept list[static KEPT_MAX], struct arena *a)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[2048], type[64];
	size_t n = 0;

	while (mounts && n < KEPT_MAX && fgets(line, sizeof line, mounts)) {
		const char *rest = strstr(line, " - ");

		if (!rest || sscanf(rest, " - %63s", type) != 1 ||
		    sscanf(line, "%*s %*s %*s %*s %2047s", path) != 1)
			continue;
		unescape(path);
		if (!is_kept(path, type))
			continue;
		list[n].fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		list[n].path = arena_printf(a, "/tmp%s", path);
		n += list[n].fd >= 0;
	}
	if (mounts)
		fclose(mounts);
	return n;
}

/* A root with no more mounts than it takes: bubblewrap copies them all, and reads the list of them
 * for each that it makes. With the twenty mounts of a host a sandbox takes a fifth longer. Where
 * the kernel does not allow it (mounts locked by an outer user namespace, a root that cannot be
 * turned away from) all stays as it was. */
static enum rc shrink(struct arena *a, struct err *err)
{
	struct kept list[KEPT_MAX];
	size_t n = clone_kept(list, a);
	int root = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	bool hung =
		 root >= 0 && move_mount(root, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) == 0,
	     in = false, gone = true;

	for (size_t i = 0; i < n; i++) {
		if (hung)
			move_mount(list[i].fd, "", AT_FDCWD, list[i].path, MOVE_MOUNT_F_EMPTY_PATH);
		close(list[i].fd);
	}
	if (root >= 0)
		close(root);
	if (hung) {
		in = chdir("/tmp") == 0 && syscall(SYS_pivot_root, ".", ".") == 0;
		gone = umount2(in ? "." : "/tmp", MNT_DETACH) == 0;
	}
	return gone && chdir("/") == 0 ? RC_OK : err_sys(err, "cannot make a small root");
}

/* ---- the stage ---- */

void stage_name(struct sandbox_bind *binds, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++) {
		bool ours = strncmp(binds[i].dest, "/job/", 5) == 0;

		binds[i].source = ours ? arena_printf(a, "/tmp%s", binds[i].dest)
				       : arena_printf(a, "/tmp/%zu", i);
	}
}

/* An empty stage, and everything hung up there. */
static enum rc furnish(
    struct sandbox_bind *binds, const int *fds, size_t n, struct arena *a, struct err *err)
{
	enum rc rc = RC_OK;

	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
		return err_sys(err, "cannot mount a private /tmp");
	if (mkdir(STAGE_JOB, 0755) < 0 || mkdir(STAGE_JOB "/in", 0755) < 0)
		return err_sys(err, "cannot make a staging directory");
	stage_name(binds, n, a);
	for (size_t i = 0; i < n && !rc; i++)
		rc = hang(fds[i], binds[i].source, err);
	return rc;
}

enum rc stage_build(
    struct sandbox_bind *binds, size_t n, bool small, struct arena *a, struct err *err)
{
	int *fds = arena_alloc(a, (n + 1) * sizeof *fds);
	size_t opened;
	enum rc rc;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot make mounts private%s",
		    errno == EINVAL ? " (this is a chroot, where jobs cannot run)" : "");
	rc = clone_all(binds, n, fds, &opened, err);
	if (!rc && small)
		rc = shrink(a, err);
	if (!rc)
		rc = furnish(binds, fds, n, a, err);
	close_all(fds, opened);
	return rc;
}

/* Whoever is not where it thinks must not do anything any more. Keeps errno. */
static void go_home(int home)
{
	int error = errno;

	if (setns(home, CLONE_NEWNS) < 0)
		_exit(71);
	errno = error;
}

enum rc stage_clear(int home, int ns, struct err *err)
{
	enum rc rc = RC_OK;

	if (setns(ns, CLONE_NEWNS) < 0)
		return err_sys(err, "cannot enter a mount namespace");
	/* All that hangs on the stage goes with it. */
	if (umount2("/tmp", MNT_DETACH) < 0)
		rc = err_sys(err, "cannot clear a stage");
	go_home(home);
	return rc;
}

enum rc stage_rebuild(
    int home, int ns, struct sandbox_bind *binds, size_t n, struct arena *a, struct err *err)
{
	int *fds = arena_alloc(a, (n + 1) * sizeof *fds);
	size_t opened;
	enum rc rc = clone_all(binds, n, fds, &opened, err);

	if (!rc && setns(ns, CLONE_NEWNS) < 0)
		rc = err_sys(err, "cannot enter a mount namespace");
	else if (!rc) {
		rc = furnish(binds, fds, n, a, err);
		go_home(home);
	}
	close_all(fds, opened);
	return rc;
}

enum rc stage_drop(uid_t uid, gid_t gid, struct err *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(err, "cannot become user %d", (int)uid);
	if (uid != 0 && setuid(0) == 0)
		return err_set(err, RC_SYS, "still root after giving it up");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "cannot give up new privileges");
	return RC_OK;
}
