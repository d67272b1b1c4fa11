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

enum rc stage_build(struct sandbox_bind *binds, size_t n, struct arena *a, struct err *err)
{
	int *fds = arena_alloc(a, (n + 1) * sizeof *fds);
	enum rc rc = RC_OK;
	size_t opened = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "cannot make mounts private%s",
		    errno == EINVAL ? " (this is a chroot, where jobs cannot run)" : "");
	for (; opened < n && !rc; opened++)
		rc = clone_mount(binds[opened].source, &fds[opened], err);
	if (rc)
		opened--;
	if (!rc && mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
		rc = err_sys(err, "cannot mount a private /tmp");
	if (!rc && (mkdir(STAGE_JOB, 0755) < 0 || mkdir(STAGE_JOB "/in", 0755) < 0))
		rc = err_sys(err, "cannot make a staging directory");
	for (size_t i = 0; i < n && !rc; i++) {
		bool ours = strncmp(binds[i].dest, "/job/", 5) == 0;
		char *path = ours ? arena_printf(a, "/tmp%s", binds[i].dest)
				  : arena_printf(a, "/tmp/%zu", i);

		rc = hang(fds[i], path, err);
		binds[i].source = path;
	}
	for (size_t i = 0; i < opened; i++)
		close(fds[i]);
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
