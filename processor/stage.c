/*
 * Staging and dropping.
 */
#include "processor/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "processor/small_root.h"

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
		rc = small_root(a, err);
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
