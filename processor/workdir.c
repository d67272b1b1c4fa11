/*
 * Making, judging and removing work directories.
 */
#include "processor/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/str.h"

#define DEPTH_MAX 64

enum rc workdir_open(const char *path, int *root, struct err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "cannot make work directory \"%.120s\"", path);
	*root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *root < 0 ? err_sys(err, "cannot open work directory \"%.120s\"", path) : RC_OK;
}

char *workdir_name(const char *job_uuid, int64_t attempt, char out[static WORKDIR_NAME_SIZE])
{
	snprintf(out, WORKDIR_NAME_SIZE, "%.36s-%" PRId64, job_uuid, attempt);
	return out;
}

bool workdir_valid(const char *name)
{
	char uuid[UUID_SIZE];
	int64_t attempt;

	snprintf(uuid, sizeof uuid, "%.36s", name);
	return uuid_valid(uuid) && name[36] == '-' && str_int(name + 37, 0, INT64_MAX, &attempt);
}

/* A fresh one in the directory of an attempt. */
static bool make_out(int dir, uid_t uid, gid_t gid)
{
	return mkdirat(dir, "out", 0700) == 0 &&
	       (uid == (uid_t)-1 || fchownat(dir, "out", uid, gid, AT_SYMLINK_NOFOLLOW) == 0);
}

enum rc workdir_make(int root, const char *name, int64_t worker_id, uid_t uid, gid_t gid, int *dir,
    int *lock, struct err *err)
{
	*dir = *lock = -1;
	if (mkdirat(root, name, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(
			    err, RC_CONFLICT, "work directory %s is there already", name);
		return err_sys(err, "cannot make work directory %s", name);
	}
	*dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dir >= 0)
		*lock =
		    openat(*dir, "lock", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) < 0 ||
	    dprintf(*lock, "worker %" PRId64 "\n", worker_id) < 0 || !make_out(*dir, uid, gid)) {
		enum rc rc = err_sys(err, "cannot prepare work directory %s", name);

		if (*lock >= 0)
			close(*lock);
		if (*dir >= 0)
			close(*dir);
		*dir = *lock = -1;
		return rc;
	}
	return RC_OK;
}

enum rc workdir_take_over(int root, const char *from, int dir, const char *name, int64_t worker_id,
    uid_t uid, gid_t gid, int *lock, struct err *err)
{
	char line[64];
	int len = snprintf(line, sizeof line, "worker %" PRId64 "\n", worker_id);

	*lock = openat(dir, "lock", O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0 &&
	    unlinkat(dir, "out", AT_REMOVEDIR) == 0 && make_out(dir, uid, gid) &&
	    /* The line of the processor stays, what was added for the attempt goes. */
	    ftruncate(*lock, len) == 0 && renameat2(root, from, root, name, RENAME_NOREPLACE) == 0)
		return RC_OK;
	if (*lock >= 0)
		close(*lock);
	*lock = -1;
	return err_set(err, RC_BUSY, "work directory %s cannot be taken over", from);
}

/* Whether the lock file is held by somebody else. */
static bool held(int fd)
{
	/* Shared: two who look at the same time do not take each other for the owner. */
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* The value of a field of /proc/PID/status, "" without one. */
static const char *field(const char *status, const char *name, char *out, size_t size)
{
	const char *at = strstr(status, name);

	at = at ? at + strlen(name) : "";
	snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
	return out;
}

/* What a process is to the namespace it was found in. */
enum member { MEMBER_DEAD, MEMBER_FIRST, MEMBER_OTHER };

static enum member member(const char *pid)
{
	char path[300], status[4096], text[256];
	const char *last;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof path, "/proc/%s/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, status, sizeof status - 1);
		close(fd);
	}
	if (n <= 0)
		return MEMBER_DEAD;
	status[n] = '\0';
	/* One that nobody has waited for does nothing any more, unless it has other threads. */
	field(status, "\nState:\t", text, sizeof text);
	if ((*text == 'Z' || *text == 'X') &&
	    atoi(field(status, "\nThreads:\t", text, sizeof text)) <= 1)
		return MEMBER_DEAD;
	field(status, "\nNSpid:\t", text, sizeof text);
	last = strrchr(text, '\t');
	return last && strcmp(last, "\t1") == 0 ? MEMBER_FIRST : MEMBER_OTHER;
}

/* Whether any process is in the pid namespace that had this first process, as far as we may look.
 * The number of a namespace may be given again when it has gone: one of that number with another
 * first process is somebody else's. */
static bool namespace_alive(long long inode, int first)
{
	char want[64];
	DIR *proc = opendir("/proc");
	bool found = false, theirs = false;

	snprintf(want, sizeof want, "pid:[%lld]", inode);
	for (struct dirent *e; proc && !theirs && (e = readdir(proc));) {
		char path[300], link[64];
		enum member m;
		ssize_t n;

		if (*e->d_name < '0' || *e->d_name > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/ns/pid", e->d_name);
		n = readlink(path, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, want) != 0)
			continue;
		m = member(e->d_name);
		found = found || m != MEMBER_DEAD;
		theirs = m == MEMBER_FIRST && atoi(e->d_name) != first;
	}
	if (proc)
		closedir(proc);
	return found && !theirs;
}

bool workdir_alive(int root, const char *name, int64_t *worker_id)
{
	char path[WORKDIR_NAME_SIZE + 8], text[256];
	long long worker = 0, inode = 0;
	const char *at;
	int first = 0;
	ssize_t n;
	int fd;
	bool alive;

	*worker_id = 0;
	snprintf(path, sizeof path, "%s/lock", name);
	fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "worker %lld", &worker) == 1)
		*worker_id = worker;
	at = strstr(text, "pidns ");
	alive = held(fd) || (at && sscanf(at, "pidns %lld %d", &inode, &first) == 2 &&
				namespace_alive(inode, first));
	close(fd);
	return alive;
}

/* Whether one of a process's descriptors is this file, open for writing: those who only look at it
 * (workdir_alive, in any processor) open it for reading. */
static bool holds(const char *pid, const struct stat *file)
{
	char path[64];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	dir = opendir(path);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		struct stat st, link;

		found = fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && st.st_dev == file->st_dev &&
			st.st_ino == file->st_ino &&
			fstatat(dirfd(dir), e->d_name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
			(link.st_mode & S_IWUSR);
	}
	if (dir)
		closedir(dir);
	return found;
}

int workdir_kill(int root, const char *name)
{
	char path[WORKDIR_NAME_SIZE + 8];
	struct stat file;
	int killed = 0;
	DIR *proc;

	snprintf(path, sizeof path, "%s/lock", name);
	if (fstatat(root, path, &file, AT_SYMLINK_NOFOLLOW) < 0 || !(proc = opendir("/proc")))
		return 0;
	for (struct dirent *e; (e = readdir(proc));) {
		pid_t pid = atoi(e->d_name);
		/* Taken before the look, so that the one looked at is the one killed. */
		int fd = pid > 0 && pid != getpid() ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

		if (fd < 0)
			continue;
		killed += holds(e->d_name, &file) &&
			  syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0;
		close(fd);
	}
	closedir(proc);
	return killed;
}

struct removal {
	int top; /* of the tree that is removed */
	int *budget;
	bool moved; /* something was moved up to the top: another turn is needed */
};

/* A tree too deep for our descriptors: its lower part goes up to the top, for a later turn. */
static bool move_up(struct removal *r, int fd, const char *name)
{
	static unsigned number;
	char up[32];

	snprintf(up, sizeof up, "deep-%u", number++);
	r->moved = true;
	return renameat2(fd, name, r->top, up, RENAME_NOREPLACE) == 0;
}

/* Empty the directory open at fd (which is taken), but for the lock; true when nothing is left. */
static bool empty(struct removal *r, int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	bool done = dir != NULL;

	if (!dir) {
		close(fd);
		return false;
	}
	for (struct dirent *e; (e = readdir(dir));) {
		const char *name = e->d_name;
		bool directory;
		int sub;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (depth == 0 && strcmp(name, "lock") == 0))
			continue;
		if (--*r->budget < 0) {
			done = false;
			break;
		}
		if (unlinkat(fd, name, 0) == 0)
			continue;
		directory = errno == EISDIR;
		/* Most commands leave their output directory empty. */
		if (directory && unlinkat(fd, name, AT_REMOVEDIR) == 0)
			continue;
		/* A command may have taken our right to look into its directory. */
		if (!directory || fchmodat(fd, name, 0700, 0) < 0) {
			done = false;
			continue;
		}
		if (depth >= DEPTH_MAX) {
			done = move_up(r, fd, name) && done;
			continue;
		}
		sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 || !empty(r, sub, depth + 1) || unlinkat(fd, name, AT_REMOVEDIR) < 0)
			done = false;
	}
	closedir(dir);
	return done;
}

bool workdir_remove(int root, const char *name, int *budget)
{
	struct removal r = {.budget = budget};
	bool done;

	r.top = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r.top < 0)
		return errno == ENOENT;
	do {
		int fd = openat(r.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r.moved = false;
		done = fd >= 0 && empty(&r, fd, 0);
	} while (done && r.moved && *budget > 0);
	/* Last of all: as long as anything is left it must be known whose it was. */
	done = done && !r.moved && (unlinkat(r.top, "lock", 0) == 0 || errno == ENOENT);
	close(r.top);
	return done && (unlinkat(root, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

static char *worker_name(int64_t worker_id, char out[static 64])
{
	snprintf(out, 64, "worker-%" PRId64 ".lock", worker_id);
	return out;
}

enum rc worker_lock(int root, int64_t worker_id, int *fd, struct err *err)
{
	char name[64];

	*fd = openat(root, worker_name(worker_id, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_sys(err, "cannot make %s", name);
	if (flock(*fd, LOCK_EX) < 0) {
		enum rc rc = err_sys(err, "cannot lock %s", name);

		close(*fd);
		*fd = -1;
		return rc;
	}
	return RC_OK;
}

bool worker_alive(int root, int64_t worker_id)
{
	char name[64];
	int fd = openat(root, worker_name(worker_id, name), O_RDONLY | O_CLOEXEC);
	bool alive;

	if (fd < 0)
		return errno != ENOENT;
	alive = held(fd);
	close(fd);
	return alive;
}

void worker_unlock(int root, int64_t worker_id)
{
	char name[64];

	unlinkat(root, worker_name(worker_id, name), 0);
}
