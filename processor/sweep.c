/*
 * Sweeping: what a crash leaves behind in spool and store, sessions that are over,
 * and answers that are kept for a day. Files are
 * looked through a little at a time, so that ten million files cost nobody a pause; only what is
 * older than sweep_age is touched, since a file is always there before its row.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/idempotency.h"
#include "core/log.h"
#include "core/session.h"
#include "core/stored.h"
#include "core/str.h"
#include "processor/supervisor.h"

#define ENTRIES_PER_CALL 200
#define SPOOL_DEPTH 3
#define REST_MS (15 * 60 * 1000)

/* Where the walk through the store stands: 256 buckets of files, 256 of logs. */
static struct {
	int bucket;
	DIR *dir;
	int64_t rest_until;
} walk;

static bool is_old(const struct supervisor *sv, const struct timespec *t)
{
	return clock_wall_ms() - ((int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000) >
	       sv->cfg->sweep_age_ms;
}

/* Takes the descriptor. */
static void sweep_spool(struct supervisor *sv, int fd, int depth, int *budget)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	for (struct dirent *e; *budget > 0 && (e = readdir(dir));) {
		struct stat st;

		if (*e->d_name == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		--*budget;
		if (S_ISDIR(st.st_mode) && depth < SPOOL_DEPTH) {
			int sub =
			    openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub >= 0)
				sweep_spool(sv, sub, depth + 1, budget);
		} else if (S_ISREG(st.st_mode) && is_old(sv, &st.st_mtim) &&
			   unlinkat(fd, e->d_name, 0) == 0) {
			log_info("swept a spool file nobody came for name=%s", e->d_name);
		}
	}
	closedir(dir);
}

static DIR *open_bucket(const struct supervisor *sv, int bucket)
{
	char name[16];
	int fd;

	snprintf(name, sizeof name, "%s%02x", bucket < 256 ? "" : "log/", (unsigned)bucket % 256);
	fd = openat(sv->host.store.root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	DIR *dir = fdopendir(fd);

	if (!dir)
		close(fd);
	return dir;
}

static void sweep_entry(struct supervisor *sv, const char *name)
{
	bool log = walk.bucket >= 256;
	char owner[UUID_SIZE];
	struct stat st;
	struct err err;

	if (!(log ? store_log_owner(name, owner) : uuid_valid(name)) ||
	    fstatat(dirfd(walk.dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !is_old(sv, &st.st_ctim) ||
	    stored_known(sv->db, log ? owner : name, log, &err) != RC_NOTFOUND)
		return;
	if (unlinkat(dirfd(walk.dir), name, 0) == 0)
		log_info("swept a file of the store without a row name=%s", name);
}

/* Some entries of the store. A bucket that is not there costs nothing. */
static void sweep_store(struct supervisor *sv, int budget)
{
	struct dirent *e;

	while (budget > 0) {
		if (!walk.dir)
			walk.dir = open_bucket(sv, walk.bucket);
		if (walk.dir && (e = readdir(walk.dir))) {
			sweep_entry(sv, e->d_name);
			budget--;
			continue;
		}
		if (walk.dir)
			closedir(walk.dir);
		walk.dir = NULL;
		if (++walk.bucket < 512)
			continue;
		walk.bucket = 0;
		walk.rest_until =
		    clock_boot_ms() +
		    (sv->cfg->sweep_age_ms < REST_MS ? sv->cfg->sweep_age_ms : REST_MS);
		return;
	}
}

/* Once in a while, by any of the processors. */
static void sweep_sessions(struct supervisor *sv)
{
	static int64_t due;
	int64_t now = clock_boot_ms();
	struct err err;

	if (now < due)
		return;
	due = now + REST_MS;
	if (session_sweep(sv->db, &err) != RC_OK)
		log_warn("cannot sweep sessions that are over: %s", err.text);
}

/* As many at a time as are deleted in a moment, until none is left. */
static void sweep_keys(struct supervisor *sv)
{
	static int64_t due;
	int64_t now = clock_boot_ms();
	bool more;
	struct err err;

	if (now < due)
		return;
	if (idempotency_sweep(sv->db, &more, &err) != RC_OK)
		log_warn("cannot sweep old idempotency keys: %s", err.text);
	if (!more)
		due = now + REST_MS;
}

void sweep_files(struct supervisor *sv)
{
	int budget = ENTRIES_PER_CALL;
	int fd = open(sv->cfg->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		sweep_spool(sv, fd, 0, &budget);
	if (clock_boot_ms() >= walk.rest_until)
		sweep_store(sv, ENTRIES_PER_CALL);
	sweep_sessions(sv);
	sweep_keys(sv);
}
