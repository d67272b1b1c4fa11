/*
 * The nursery: a process that has done once what every runner would have to do anew (load the
 * program and its libraries, 4 ms) and forks a runner in a fraction of that. Started by root it
 * also sets the stage (processor/stage.h) for runners that serve again: they gave up their rights
 * to do it themselves.
 *
 * It is executed afresh, so it has nothing of the supervisor's memory, and of a job it never sees
 * more than the paths of its mounts: a runner gets its descriptors and is a child of the
 * supervisor, not of the nursery (CLONE_PARENT), so that it dies with the supervisor and is reaped
 * by it. A nursery that dies is replaced.
 */
#ifndef PROCESSOR_NURSERY_H
#define PROCESSOR_NURSERY_H

#include <sys/types.h>

#include "core/rc.h"
#include "processor/sandbox.h"

/* Name the processor is started by (argv[0]) to be a nursery. */
#define NURSERY_ARGV0 "dropmill-nursery"
/* The supervisor's side; { -1, -1 } when there is none. */
struct nursery {
	pid_t pid;
	int sock;
};

/* Start one, in place of a dead one too. RC_SYS. */
enum rc nursery_open(struct nursery *n, struct err *err);
void nursery_close(struct nursery *n);

/* Fork a runner that has these descriptors as 3, 4, 5, … RC_SYS. */
enum rc nursery_fork(struct nursery *n, const int *fds, size_t count, pid_t *pid, struct err *err);

/* Clear the stage in the mount namespace that a runner once staged itself: a job is over. Does not
 * wait until it is done: the kernel takes its time to take mounts down. RC_SYS: it was not asked.
 */
enum rc nursery_clear(struct nursery *n, int ns, struct err *err);
/* Set it for these binds, after it was cleared. Their sources are not changed: stage_name tells
 * where they are. RC_SYS, RC_LIMIT: it is not set. */
enum rc nursery_stage(
    struct nursery *n, int ns, const struct sandbox_bind *binds, size_t count, struct err *err);

/* Be the nursery; the exit status of the process (of a runner, in the runner). */
int nursery_main(void);

/* Start this program under another name, in a session of its own, with fds as 3, 4, … and nothing
 * else open; 0 or an errno. The descriptors must lie above 32. */
int nursery_spawn(const char *argv0, const int *fds, int count, pid_t *pid);

#endif
