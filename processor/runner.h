/*
 * The runner: the trusted process around one job. It has no database handle; it is told what to run
 * over a socket, and tells what became of it (processor/message.h).
 *
 * It lives as long as its job: when the supervisor dies the kernel kills the runner, and with it
 * bubblewrap and everything inside.
 */
#ifndef PROCESSOR_RUNNER_H
#define PROCESSOR_RUNNER_H

/* Descriptors a runner is started with, besides 0 to 2. */
enum {
	RUNNER_SOCKET = 3,
	RUNNER_LOG,  /* the job's log, open for writing */
	RUNNER_LOCK, /* locked with flock as long as anything of the attempt lives */
	RUNNER_WORK, /* the attempt's directory; `out` lies in it */
	RUNNER_FD_END
};

/* Name the processor is started by (argv[0]) to be a runner. */
#define RUNNER_ARGV0 "dropmill-runner"

/* Serve one job; the exit status of the process. */
int runner_main(void);

#endif
