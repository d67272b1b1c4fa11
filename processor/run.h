/*
 * One job being run: what the runner's files (runner.c, run_stop.c, run_box.c, run_report.c) share.
 */
#ifndef PROCESSOR_RUN_H
#define PROCESSOR_RUN_H

#include <signal.h>
#include <sys/resource.h>

#include "processor/brief.h"
#include "processor/cgroup.h"
#include "processor/child.h"
#include "processor/freezer.h"
#include "processor/hearing.h"
#include "processor/nskill.h"

/* Files that a command may have in its output directory at one time. */
#define OUTPUT_FILES_MAX 20000

struct run {
	struct arena arena;
	struct brief brief;

	struct child child;
	pid_t init;  /* the sandbox's first process; 0: not known (yet) */
	int init_fd; /* its pidfd; -1 */
	struct nskill ns;
	char status[PROTOCOL_LINE_MAX]; /* bubblewrap's events: what was read of the last line */
	size_t status_len;

	struct protocol protocol;
	struct joblog log;
	struct hearing hearing;

	bool unblocked; /* the command runs */
	bool has_exit;  /* exit_code is the command's own */
	bool gone;      /* the child (bubblewrap, or the command itself) has been reaped */
	bool alone;     /* no process is left */
	bool cut;       /* cause is set: somebody ended it */
	bool starved;   /* the kernel killed something of it for want of memory */
	bool again;     /* it has ended, and this process waits for another */
	struct freezer freezer;
	enum run_cause cause;
	int exit_code, child_status;
	char fault[512];
	struct rusage usage;         /* of all reaped processes */
	int64_t peak_bytes;          /* sampled, where no cgroup counts */
	struct cgroup_memory memory; /* of the cgroup, when the command began */
	/* Moments on the boot clock; 0: not set. */
	int64_t deadline, kill_at, sample_at, progress_at, log_at;
};

/* ---- processor/runner.c ---- */

/* The command runs from now on. */
void run_started(struct run *r);
/* Tell the supervisor of progress it does not know; `now` on the boot clock. */
void run_send_progress(struct run *r, int64_t now);

/* ---- processor/run_stop.c: ending it ---- */

/* Where signals go; NULL without sandbox. */
const struct nskill *run_namespaces(const struct run *r);
/* SIGKILL to everything, by the shortest way there is. */
void run_kill(struct run *r);
/* SIGTERM, and SIGKILL after the grace. The first cause counts. */
void run_cut(struct run *r, enum run_cause cause, int64_t grace_ms);
/* The host failed: cut it short for that reason. */
void run_fault(struct run *r, const char *text);

/* ---- processor/run_box.c: bubblewrap's events ---- */

/* Bytes that arrived on its status descriptor. */
void run_box_feed(struct run *r, const char *data, size_t len);

/* ---- processor/run_report.c: what is said at the end ---- */

/* Judge how it ended, scan the outputs, tell the supervisor; sets `again`. No process of the job is
 * left. */
void run_report(struct run *r, const struct spawner *spawner);
/* It never began. */
void run_report_fault(const struct err *err);

#endif
