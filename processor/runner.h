/*
 * The runner: the trusted process around one job. It has no database handle; it is told what to run
 * over a socket, and tells what became of it (processor/message.h).
 *
 * After a job that ended by itself, had no secrets and left no process it may serve another, if the
 * supervisor says so in the description (`again`): it forgets the job, closes all that was of it,
 * and waits at its berth for the descriptors of the next one: socket, log, lock and out. What it
 * gave up it does not get back: it has no privileges then, and its stage is set by the nursery, in
 * the mount namespace that it sends through its berth once, before anything of a job has run. In
 * any other case it ends with its job.
 *
 * When the supervisor dies the kernel kills the runner, and with it bubblewrap and everything
 * inside.
 */
#ifndef PROCESSOR_RUNNER_H
#define PROCESSOR_RUNNER_H

/* Descriptors a runner is started with, besides 0 to 2. */
enum {
	RUNNER_SOCKET = 3,
	RUNNER_LOG,     /* the job's log, open for writing */
	RUNNER_LOCK,    /* locked with flock as long as anything of the attempt lives */
	RUNNER_OUT,     /* the output directory */
	RUNNER_BERTH,   /* where the next job comes from */
	RUNNER_DOOR,    /* cgroup.procs of the group of its commands, if there is one, */
	RUNNER_GROUP,   /* and the directory of that group */
	RUNNER_SIGNALS, /* its own: SIGCHLD, as long as it lives */
	RUNNER_FD_END
};

/* Name the processor is started by (argv[0]) to be a runner. */
#define RUNNER_ARGV0 "dropmill-runner"

/* Name of the process while it waits for another job. */
#define RUNNER_IDLE "dropmill-idle"

/* Serve; the exit status of the process. */
int runner_main(void);

#endif
