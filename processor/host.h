/*
 * What a processor knows about its host and its configuration while it runs: who runs commands, how
 * the sandbox and limits work here, where things lie. Filled once at start, except for what SIGHUP
 * reloads.
 */
#ifndef PROCESSOR_HOST_H
#define PROCESSOR_HOST_H

#include "core/buf.h"
#include "core/config.h"
#include "core/jobtype.h"
#include "core/store.h"
#include "processor/cgroup.h"
#include "processor/hands.h"
#include "processor/nursery.h"

#define HOST_OWN 7

struct host {
	const struct config *cfg;
	struct store store;
	struct cgroups cgroups;
	struct buf filter; /* seccomp program */
	int work;          /* the directory of work directories */
	int64_t worker_id;
	struct nursery nursery;
	struct hands hands;
	bool drop; /* we are root: commands run as uid and gid */
	uid_t uid;
	gid_t gid;
	bool sandboxed;      /* commands run in the sandbox; otherwise sandbox = off, or auto and it
				fails */
	char *own[HOST_OWN]; /* our directories without links, as far as they were there yet */
	bool broken;         /* it does not hold: nothing is claimed */
	char warning[400];   /* what operators must know of the sandbox; "": nothing */
};

/* Who commands run as: drop, uid and gid. RC_INVALID: run_user is not there, or root. */
enum rc host_user(struct host *h, const struct config *cfg, struct err *err);

/* Fill from the configuration. cfg is borrowed. RC_INVALID: run_user is not there, or root. */
enum rc host_init(struct host *h, const struct config *cfg, struct err *err);
void host_release(struct host *h);

/* Run a few commands in the sandbox that must fail, and one that must not. RC_SYS with what does
 * not hold. Takes as long as a small job. */
enum rc host_test_sandbox(struct host *h, struct err *err);

/* One line about sandbox and limits, for the log and for `about` of the workers table (JSON). */
void host_about(const struct host *h, int64_t slots, struct buf *json);

/* Whether showing this directory to a command would show it our own state. */
bool host_private(struct host *h, const char *directory);

#endif
