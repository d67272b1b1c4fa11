/*
 * Starting a runner: the same program in another role, with the few descriptors it needs, and its
 * description sent over the socket. Nothing about the job is in its argv or environment. Or giving
 * the job to a runner that waits for one.
 */
#ifndef PROCESSOR_LAUNCH_H
#define PROCESSOR_LAUNCH_H

#include <sys/types.h>

#include "core/buf.h"
#include "processor/hands.h"
#include "processor/message.h"
#include "processor/nursery.h"
#include "processor/sandbox.h"

/* Borrowed for the call. */
struct launch {
	const struct message_spec *spec;
	const char *const *argv, *const *env; /* NULL-terminated */
	const char *const *secrets;           /* NULL-terminated: texts to be masked; NULL: none */
	const struct sandbox_bind *binds;
	size_t bind_count;
	const struct buf *filter; /* seccomp program; may be empty without sandbox */
	int log, lock, work;      /* see processor/runner.h */
	struct nursery *nursery;  /* NULL: execute the program anew */
	/* In: one that waits and is to be tried first, or HAND_NONE. Out: the one that has the job,
	 * with its berth and namespace; pid and pidfd are in the arguments. NULL: it serves once.
	 */
	struct hand *hand;
};

/* Start it and send everything up to MESSAGE_START. *sock is O_CLOEXEC and non-blocking, *pidfd
 * becomes readable when the runner ends; the caller closes both and reaps the pid. RC_SYS: nothing
 * runs. */
enum rc launch_runner(const struct launch *l, pid_t *pid, int *pidfd, int *sock, struct err *err);

#endif
