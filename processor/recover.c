/*
 * After others: processors that died and what they left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "processor/supervisor.h"

/* Entries of work directories removed in one go. */
#define CLEAN_BUDGET 5000
#define SURVIVORS_MAX 256

static DIR *open_work(const struct supervisor *sv)
{
	int fd = openat(sv->host.work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* Whether anything of an attempt lives, and whose it is. What outlives its processor is killed: its
 * runner should have died with it. */
static bool survives(const struct supervisor *sv, const char *name, int64_t *owner)
{
	if (!workdir_alive(sv->host.work, name, owner))
		return false;
	if (*owner && *owner != sv->worker_id && !worker_alive(sv->host.work, *owner))
		workdir_kill(sv->host.work, name);
	return true;
}

/* Processors that have attempts with living processes. */
static size_t find_survivors(const struct supervisor *sv, int64_t *owners)
{
	DIR *dir = open_work(sv);
	size_t n = 0;

	for (struct dirent *e; dir && n < SURVIVORS_MAX && (e = readdir(dir));) {
		int64_t owner;

		if (workdir_valid(e->d_name) && survives(sv, e->d_name, &owner))
			owners[n++] = owner;
	}
	if (dir)
		closedir(dir);
	return n;
}

enum rc recover_find(
    struct supervisor *sv, int64_t *dead, size_t max, size_t *n, bool *waiting, struct err *err)
{
	int64_t survivors[SURVIVORS_MAX];
	size_t survivor_count = 0, count;
	bool looked = false;
	struct worker *list;
	struct arena a;
	enum rc rc;

	*n = 0;
	*waiting = false;
	arena_init(&a);
	rc = worker_list(sv->db, &a, &list, &count, err);
	for (size_t i = 0; !rc && i < count && *n < max; i++) {
		bool left = false;

		if (list[i].id == sv->worker_id || worker_alive(sv->host.work, list[i].id))
			continue;
		if (!looked)
			survivor_count = find_survivors(sv, survivors);
		looked = true;
		for (size_t k = 0; k < survivor_count && !left; k++)
			left = survivors[k] == list[i].id;
		if (left)
			*waiting = true;
		else
			dead[(*n)++] = list[i].id;
	}
	arena_release(&a);
	return rc;
}

static bool ours(const struct supervisor *sv, const char *name)
{
	for (const struct running *r = sv->list; r; r = r->next)
		if (strcmp(r->at.name, name) == 0)
			return true;
	return false;
}

static bool is_young(DIR *dir, const char *name)
{
	struct stat st;

	return fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       time(NULL) - st.st_ctime < 60;
}

bool recover_clean(struct supervisor *sv)
{
	DIR *dir = open_work(sv);
	int budget = CLEAN_BUDGET;
	bool done = true;

	for (struct dirent *e; dir && budget > 0 && (e = readdir(dir));) {
		int64_t owner;

		if (!workdir_valid(e->d_name) || ours(sv, e->d_name) ||
		    survives(sv, e->d_name, &owner))
			continue;
		/* A living processor clears up by itself; one without an owner is being made, or
		 * never was finished. */
		if (owner ? owner != sv->worker_id && worker_alive(sv->host.work, owner)
			  : is_young(dir, e->d_name))
			continue;
		done = workdir_remove(sv->host.work, e->d_name, &budget) && done;
	}
	if (dir)
		closedir(dir);
	cgroup_sweep(&sv->host.cgroups);
	return done && budget > 0;
}
