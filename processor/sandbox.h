/*
 * The sandbox: which bubblewrap command line a job runs under.
 *
 * New user, mount, pid, ipc, uts, cgroup and (unless the type says otherwise) network namespaces; a
 * root of nothing but read-only /usr, the few entries of /etc that programs want, the inputs, the
 * command's own directory and what the administrator lists; one writable directory; sized tmpfs;
 * no capabilities, no new namespaces, a seccomp filter. bubblewrap is a toolkit: the policy is
 * here, and t/unit/52-sandbox.c and t/unit/53-runner.c hold it to its word.
 */
#ifndef PROCESSOR_SANDBOX_H
#define PROCESSOR_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/rc.h"

/* Who the command is inside; where it finds its files is JOBTYPE_IN and JOBTYPE_OUT. */
#define SANDBOX_UID 1000

/* Processes and threads of a job at one time: RLIMIT_NPROC within its own user namespace. */
#define SANDBOX_PROCESSES_MAX 512

/* A file or directory to show at dest, read-only unless writable. */
struct sandbox_bind {
	const char *source, *dest;
	bool writable;
	int64_t input;      /* id of the input file it is; 0: none */
	const char *sha256; /* of an input: its digest; "": not known */
};

struct sandbox {
	const struct sandbox_bind *binds;
	size_t bind_count;
	bool network;
	int64_t memory_bytes; /* sizes the tmpfs: half of it for /tmp, a quarter for /dev/shm */
	/* Descriptors bubblewrap inherits. lock stays open while the sandbox lives; the command
	 * waits for a byte on block; a JSON line for each event goes to status. */
	int filter, status, block, lock, passwd, group;
};

/* bubblewrap's program; "bwrap" of the usual places. Static storage. */
#define SANDBOX_PROGRAM "/usr/bin/bwrap"

/* The whole argv: bubblewrap, its options, "--", command. NULL-terminated, in the arena, texts of
 * binds and command borrowed. */
char **sandbox_argv(const struct sandbox *s, char *const *command, struct arena *a);

/* Whether bubblewrap can set the limit that stops user namespaces inside the sandbox for good: not
 * where /proc/sys is read-only, as in most containers. There the filter alone refuses them. */
bool sandbox_nesting_limit(void);

/* Contents of the sandbox's /etc/passwd and /etc/group. */
extern const char sandbox_passwd[], sandbox_group[];

/* Whether showing this directory is needed: false for what lies below /usr, which is there anyway.
 */
bool sandbox_wants(const char *directory);

#endif
