/*
 * The child of a runner: bubblewrap with the command inside it, or the command alone.
 */
#ifndef PROCESSOR_CHILD_H
#define PROCESSOR_CHILD_H

#include <sys/types.h>

#include "core/arena.h"
#include "core/buf.h"
#include "processor/message.h"
#include "processor/sandbox.h"
#include "processor/spawner.h"

/* What to start. Texts are borrowed. */
struct child_plan {
	const struct message_spec *spec;
	char **argv, **env;
	struct sandbox_bind *binds;
	size_t bind_count;
	const struct buf *filter; /* the seccomp program */
	int lock;                 /* held open while the sandbox lives */
	struct spawner *spawner;  /* who makes it; see there for the next two */
	int door;
	bool drop;
};

/* Our ends; -1 when closed. Descriptors are O_CLOEXEC and the readable ones do not block. */
struct child {
	pid_t pid;
	int out, error, json; /* what the command writes on 1, 2 and 3 */
	int status;           /* bubblewrap's events; -1 without sandbox */
	int block;            /* a byte here lets the command begin; -1 without sandbox */
};

/* The argv of the new process: bubblewrap's, or the command's own. In the arena; texts borrowed. */
char **child_argv(const struct child_plan *plan, struct arena *a);

/* What the new process is limited to by the kernel: RLIMIT_*, and the word for people. */
struct child_limit {
	int resource;
	const char *word;
	int64_t value;
};
#define CHILD_LIMITS_MAX 5
size_t child_limits(
    const struct message_spec *spec, struct child_limit out[static CHILD_LIMITS_MAX]);

/* Start it. RC_SYS: no process was made. RC_DONE: nobody knows. What fails in the new process
 * itself is the last line on its stderr, and its exit status is not 0 (processor/spawner.h). */
enum rc child_start(
    const struct child_plan *plan, struct arena *a, struct child *child, struct err *err);

#endif
