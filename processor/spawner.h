/*
 * The spawner: a small process in the control group of a runner's commands, which makes them. They
 * are children of the runner (CLONE_PARENT), born where they belong.
 *
 * To move a process to another group the kernel waits for a grace period, up to 20 ms in which no
 * group of the machine can be made or removed; to be born in one costs nothing. So one process is
 * moved for all jobs of a runner, and it is not the runner itself: what that one reads and hashes
 * is not the command's, and a command that wants too much memory must not take it along.
 *
 * It has no rights that the command would not have, and of a job nothing but what is passed on.
 */
#ifndef PROCESSOR_SPAWNER_H
#define PROCESSOR_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/rc.h"
#include "processor/message.h"

/* The runner's side; SPAWNER_NONE when there is none (yet). */
struct spawner {
	pid_t pid; /* wait(2) for any child does not find it: its end has no signal */
	int sock;
};

#define SPAWNER_NONE ((struct spawner){-1, -1})

/* A new process; all is borrowed. */
struct spawn {
	const struct message_spec *spec;
	char *const *argv, *const *env; /* argv[0] is a path, or without sandbox a name in PATH */
	const int *fds;                 /* its descriptors 0, 1, 2, … */
	size_t fd_count;
	int door;  /* cgroup.procs of the group in the spec; -1: there is none */
	bool drop; /* we have rights that it must give up */
};

/* Make it, by the spawner there is or by a new one. When this returns it has executed, or failed:
 * then the reason is the last line on its stderr, it ends with 126 or 127, and only a wait for its
 * pid with __WALL finds it. RC_SYS: no process was made. RC_DONE: the spawner died meanwhile,
 * nobody knows. */
enum rc spawner_make(struct spawner *s, const struct spawn *spawn, pid_t *pid, struct err *err);

/* Whether it is there. */
bool spawner_lives(const struct spawner *s);

/* End it and reap it. */
void spawner_close(struct spawner *s);

#endif
