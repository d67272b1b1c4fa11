/*
 * The turnstile: two flocks, taken hand over hand.
 */
#include "core/turnstile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

/* The mode is set again because of the umask; only the owner can, and need. */
static enum rc open_lock(const char *database, const char *suffix, int *fd, struct err *err)
{
	char path[4096];

	if (!str_fmt(path, sizeof path, "%s%s", database, suffix))
		return err_set(err, RC_INVALID, "database path too long");
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (*fd < 0)
		return err_sys(err, "cannot open lock file '%s'", path);
	if (fchmod(*fd, 0660) < 0 && errno != EPERM)
		return err_sys(err, "cannot set the mode of '%s'", path);
	return RC_OK;
}

enum rc turnstile_open(struct turnstile *t, const char *database, struct err *err)
{
	enum rc rc;

	t->next_fd = t->cur_fd = -1;
	rc = open_lock(database, "-next.lock", &t->next_fd, err);
	if (rc == RC_OK)
		rc = open_lock(database, "-cur.lock", &t->cur_fd, err);
	if (rc != RC_OK)
		turnstile_close(t);
	return rc;
}

void turnstile_close(struct turnstile *t)
{
	if (t->next_fd >= 0)
		close(t->next_fd);
	if (t->cur_fd >= 0)
		close(t->cur_fd);
	t->next_fd = t->cur_fd = -1;
}

static enum rc lock(int fd, struct err *err)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "cannot take the write lock");
	return RC_OK;
}

/* Unlocking never waits, so it cannot fail on a descriptor that is open. */
static void unlock(int fd)
{
	if (flock(fd, LOCK_UN) < 0)
		bug("cannot release the write lock: errno=%d", errno);
}

enum rc turnstile_enter(struct turnstile *t, struct err *err)
{
	enum rc rc = lock(t->next_fd, err);

	if (rc != RC_OK)
		return rc;
	rc = lock(t->cur_fd, err);
	unlock(t->next_fd);
	return rc;
}

void turnstile_leave(struct turnstile *t)
{
	unlock(t->cur_fd);
}
