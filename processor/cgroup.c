/*
 * Finding and using control groups.
 */
#include "processor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/str.h"

/* Groups of ours are named so, then comes the pid of their processor. */
#define PREFIX "dropmill-job-"

static bool write_text(const char *dir, const char *name, const char *text)
{
	char path[600];
	int fd;
	bool ok;

	if (!str_fmt(path, sizeof path, "%s/%s", dir, name) ||
	    (fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

/* A file of a directory by its descriptor, or AT_FDCWD and a path. */
static bool read_text(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Path of our own group in the hierarchy with this controller ("" is version 2); from
 * /proc/self/cgroup lines `4:memory:/path` and `0::/path`. */
static bool own_group(const char *controller, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = strcmp(names + 1, controller) == 0 && str_fmt(out, size, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

/* Where the hierarchy is mounted, if it is one of this type with this option. */
static bool mount_point(const char *type, const char *option, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], path[256], kind[64], options[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*s %255s %63s %511s", path, kind, options) != 3 ||
		    strcmp(kind, type) != 0)
			continue;
		for (char *save, *o = strtok_r(options, ",", &save); o && !found;
		     o = strtok_r(NULL, ",", &save))
			found = !*option || strcmp(o, option) == 0;
		found = found && str_fmt(out, size, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

static bool limit_memory(enum cgroup_kind kind, const char *path, int64_t bytes)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, bytes);
	if (kind == CGROUP_V2) {
		write_text(path, "memory.swap.max", "0");
		write_text(path, "memory.oom.group", "1");
		return write_text(path, "memory.max", text);
	}
	if (!write_text(path, "memory.limit_in_bytes", text))
		return false;
	write_text(path, "memory.memsw.limit_in_bytes", text); /* only there with swap accounting */
	return true;
}

/* As the spawners of runners do: by a descriptor that was opened before rights were given up. */
static bool enters(const char *path)
{
	int door, group;
	struct err err;

	if (cgroup_open(path, &door, &group, &err) ||
	    (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0))
		return false;
	return cgroup_enter(door, 0);
}

static bool works(const struct cgroups *cg)
{
	char name[64], path[512];
	bool ok;

	snprintf(name, sizeof name, "probe-%d", (int)getpid());
	ok = cgroup_make(cg, name, 64 << 20, path, sizeof path, NULL) == RC_OK;
	/* Whether a process may be moved there is the other half. */
	if (ok) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(enters(path) ? 0 : 1);
		int status = -1;
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		ok = status == 0;
	}
	cgroup_remove(path);
	return ok;
}

/* Version 2: a group with processes of its own may not have controllers for its children, so the
 * processor moves into a leaf first. */
static bool probe_v2(struct cgroups *cg)
{
	char mounted[128], own[128], path[300], text[512];

	if (!mount_point("cgroup2", "", mounted, sizeof mounted) || !own_group("", own, sizeof own))
		return false;
	if (!str_fmt(cg->base, sizeof cg->base, "%s%s", mounted, strcmp(own, "/") == 0 ? "" : own))
		return false;
	snprintf(path, sizeof path, "%s/cgroup.controllers", cg->base);
	if (!read_text(AT_FDCWD, path, text, sizeof text) || !strstr(text, "memory"))
		return false;
	cg->kind = CGROUP_V2;
	/* A second processor, or one that was restarted in place, is in its leaf already. */
	char *leaf = strstr(cg->base, "/dropmill-supervisor");
	if (leaf) {
		*leaf = '\0';
	} else if (strcmp(own, "/") != 0) {
		snprintf(path, sizeof path, "%s/dropmill-supervisor", cg->base);
		if ((mkdir(path, 0755) < 0 && errno != EEXIST) ||
		    !write_text(path, "cgroup.procs", "0"))
			return false;
	}
	write_text(cg->base, "cgroup.subtree_control", "+memory");
	return works(cg);
}

static bool probe_v1(struct cgroups *cg)
{
	char mounted[128], own[128];

	if (!mount_point("cgroup", "memory", mounted, sizeof mounted) ||
	    !own_group("memory", own, sizeof own) ||
	    !str_fmt(cg->base, sizeof cg->base, "%s%s", mounted, strcmp(own, "/") == 0 ? "" : own))
		return false;
	cg->kind = CGROUP_V1;
	return works(cg);
}

void cgroup_probe(struct cgroups *cg)
{
	*cg = (struct cgroups){CGROUP_NONE, ""};
	if (!probe_v2(cg) && !probe_v1(cg))
		*cg = (struct cgroups){CGROUP_NONE, ""};
}

const char *cgroup_words(const struct cgroups *cg)
{
	static const char *const words[] = {[CGROUP_NONE] = "rlimits and sampling",
	    [CGROUP_V1] = "cgroup v1",
	    [CGROUP_V2] = "cgroup v2"};

	return words[cg->kind];
}

enum rc cgroup_make(const struct cgroups *cg, const char *name, int64_t memory_bytes, char *out,
    size_t size, struct err *err)
{
	*out = '\0';
	if (cg->kind == CGROUP_NONE || memory_bytes <= 0)
		return RC_OK;
	if (!str_fmt(out, size, "%s/" PREFIX "%d-%s", cg->base, (int)getpid(), name))
		return err_set(err, RC_LIMIT, "name of cgroup is too long");
	if (mkdir(out, 0755) < 0 && errno != EEXIST) {
		*out = '\0';
		return err_sys(err, "cannot make a cgroup");
	}
	if (!limit_memory(cg->kind, out, memory_bytes)) {
		enum rc rc = err_sys(err, "cannot limit memory of a cgroup");

		cgroup_remove(out);
		*out = '\0';
		return rc;
	}
	return RC_OK;
}

enum rc cgroup_open(const char *path, int *door, int *group, struct err *err)
{
	enum rc rc;

	*door = -1;
	*group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*group >= 0 && (*door = openat(*group, "cgroup.procs", O_WRONLY | O_CLOEXEC)) >= 0)
		return RC_OK;
	rc = err_sys(err, "cannot open the cgroup of a job");
	if (*group >= 0)
		close(*group);
	*group = -1;
	return rc;
}

bool cgroup_enter(int door, pid_t pid)
{
	return dprintf(door, "%d", (int)pid) > 0;
}

void cgroup_renew(const struct cgroups *cg, const char *path)
{
	if (cg->kind == CGROUP_V1)
		write_text(path, "memory.max_usage_in_bytes", "0");
}

void cgroup_remove(const char *path)
{
	/* The last process may be on its way out for a moment. */
	for (int i = 0; *path && i < 20; i++) {
		if (rmdir(path) == 0 || errno != EBUSY)
			return;
		usleep(1000);
	}
}

/* Whether the processor that made a group of this name has gone. */
static bool ownerless(const char *name)
{
	int pid = atoi(name + strlen(PREFIX));

	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

void cgroup_sweep(const struct cgroups *cg)
{
	DIR *dir = cg->kind == CGROUP_NONE ? NULL : opendir(cg->base);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		char path[600];

		/* rmdir fails on a group with processes, which is just right. A group of a living
		 * processor that was made a moment ago and is still empty belongs to an attempt
		 * that is starting. */
		struct stat st;
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    !str_fmt(path, sizeof path, "%s/%s", cg->base, e->d_name) ||
		    stat(path, &st) < 0 || (!ownerless(e->d_name) && time(NULL) - st.st_mtime < 60))
			continue;
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

bool cgroup_out_of_memory(int group)
{
	char text[1024], *at;

	if (read_text(group, "memory.events", text, sizeof text))
		at = strstr(text, "oom_kill ");
	else
		at = read_text(group, "memory.oom_control", text, sizeof text)
			 ? strstr(text, "oom_kill ")
			 : NULL;
	return at && atoll(at + strlen("oom_kill ")) > 0;
}

/* A number that version 2 has under one name and version 1 under another; 0 without either. */
static int64_t read_either(int group, const char *v2, const char *v1)
{
	char text[64];

	if (read_text(group, v2, text, sizeof text) || read_text(group, v1, text, sizeof text))
		return atoll(text);
	return 0;
}

static int64_t read_peak(int group)
{
	return read_either(group, "memory.peak", "memory.max_usage_in_bytes");
}

void cgroup_begin(int group, struct cgroup_memory *m)
{
	m->used = read_either(group, "memory.current", "memory.usage_in_bytes");
	m->peak = read_peak(group);
}

int64_t cgroup_peak(int group, const struct cgroup_memory *before)
{
	int64_t peak = read_peak(group);

	return peak > before->peak ? peak - before->used : 0;
}
