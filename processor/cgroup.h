/*
 * Control groups for jobs: found out once at start, one group per runner. A runner that serves
 * again serves jobs of one limit.
 *
 * Version 2 is used where the processor's own group is delegated to it (it may make groups with a
 * memory controller below), version 1 where the memory hierarchy is writable, nothing otherwise:
 * then RLIMIT_DATA and sampling take their place. The supervisor makes and removes the groups; the
 * spawner of the runner moves there by a descriptor that the supervisor opened: what that one may
 * do counts for the kernel, not what is left to the spawner.
 */
#ifndef PROCESSOR_CGROUP_H
#define PROCESSOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/rc.h"

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

struct cgroups {
	enum cgroup_kind kind;
	char base[256]; /* the directory under which groups are made */
};

/* Find out what there is; tries by making a group. Never fails: CGROUP_NONE is an answer. */
void cgroup_probe(struct cgroups *cg);

/* "cgroup v2", "cgroup v1", "rlimits and sampling". */
const char *cgroup_words(const struct cgroups *cg);

/* Make a group with a memory limit; its path into out. RC_SYS. With CGROUP_NONE out is "". */
enum rc cgroup_make(const struct cgroups *cg, const char *name, int64_t memory_bytes, char *out,
    size_t size, struct err *err);
/* Open its door, cgroup.procs, and its directory for cgroup_begin and the like; both O_CLOEXEC and
 * the caller's. RC_SYS: neither is open. */
enum rc cgroup_open(const char *path, int *door, int *group, struct err *err);
/* Move a process there, 0 for the caller; what it has forked before stays where it is. The first of
 * a while takes the kernel up to 10 ms, in which the caller sleeps. False with errno. */
bool cgroup_enter(int door, pid_t pid);
/* For another command: what it used is counted anew, where the kernel can. */
void cgroup_renew(const struct cgroups *cg, const char *path);
/* Remove it when its last process is gone; "" and what is not there are fine. */
void cgroup_remove(const char *path);
/* Remove empty groups that dead processors left. */
void cgroup_sweep(const struct cgroups *cg);

/* Whether the kernel killed in a group for want of memory, ever. */
bool cgroup_out_of_memory(int group);

/* A group as a command finds it that is not the first there, in bytes. */
struct cgroup_memory {
	int64_t used, peak;
};
void cgroup_begin(int group, struct cgroup_memory *m);
/* The most that was used since beyond that; 0 when it was not more than at some time before. */
int64_t cgroup_peak(int group, const struct cgroup_memory *before);

#endif
