/*
 * One attempt at one job, on the supervisor's side: from the claim to what is written when it ends.
 *
 * It prepares the work directory, log, cgroup and mounts, starts the runner, keeps the latest
 * progress and the end that the runner reports, and takes the outputs into the store. It does not
 * touch the database: the supervisor writes for all attempts together.
 */
#ifndef PROCESSOR_ATTEMPT_H
#define PROCESSOR_ATTEMPT_H

#include "core/claim.h"
#include "core/jobtype.h"
#include "processor/ending.h"
#include "processor/hands.h"
#include "processor/host.h"
#include "processor/message.h"
#include "processor/workdir.h"

/* How long a job that is cancelled gets between SIGTERM and SIGKILL. */
#define ATTEMPT_CANCEL_GRACE_MS 1000

struct attempt {
	struct arena arena; /* all texts below */
	int64_t job_id, org_id, project_id, number, retry_count;
	char uuid[UUID_SIZE], token[TOKEN_SIZE], name[WORKDIR_NAME_SIZE];
	const char *job_type;
	struct ending ending;
	char cgroup[512];

	pid_t pid;                      /* the runner; -1: none */
	struct hand hand;               /* what else is known of it, should it serve again */
	int pidfd, sock, work;          /* -1 when closed */
	bool left;                      /* its work directory is another's by now */
	int64_t claimed_ms, started_ms; /* boot clock */
	int64_t overdue_ms;             /* when the runner itself is killed; 0: not set */
	bool frozen;                    /* its processes are stopped */
	int64_t left_ms;                /* of overdue_ms, while frozen; 0: it was not set */

	struct message_progress progress;
	bool progressed; /* progress is newer than the database */
	int64_t told_ms; /* when it was last written */

	bool ended;      /* end is set and no process is left */
	bool dying;      /* the runner is gone without a word: wait for what it leaves */
	int64_t kill_ms; /* dying: when what still lives is killed, on the clock of boot */
	struct message_end end;
	struct message_output *outputs;
	size_t output_count, output_room;
	struct file *inputs; /* id and, where the runner found one, the digest that was missing */
	size_t input_count;
	bool taken; /* outcome is decided, outputs are in the store */
	struct claim_end outcome;
	struct file *files;
};

/* What an attempt is made from. Borrowed while it starts. */
struct order {
	const struct claim *claim;
	const struct jobtype *type; /* as of the version that the job was made with */
	/* Of its parameters, secrets included; those that are files are filled in with paths. */
	const char **values;
	/* Only to be shown: where the inputs would lie, in the order of the claim. Nothing need be
	 * there, and nothing is made. NULL: a run. */
	const char *const *shown;
	/* One that has ended and parted: its work directory may be taken over. NULL: none. */
	struct attempt *before;
};

/* Prepare and start. On failure the attempt has ended as a fault of the host: it is `ended` all the
 * same, and the error is for the log. The claim's texts are copied. */
enum rc attempt_start(
    struct attempt *at, struct host *h, const struct order *order, struct err *err);

/* Whether one that has ended may be `before` in an order: nothing of it lives. */
bool attempt_may_leave(const struct attempt *at, const struct host *h);

/* In place of attempt_start when there is no order to be made of the claim: the attempt has ended,
 * refused for good (RC_INVALID in err) or by a fault of the host. */
void attempt_refuse(
    struct attempt *at, struct host *h, const struct claim *c, const struct err *err);
/* Close, remove the work directory (as far as that is quick) and the cgroup, free. */
void attempt_release(struct attempt *at, struct host *h);

/* Read the runner's messages. Sets progressed, ended. RC_DONE: the runner has closed its end. */
enum rc attempt_read(struct attempt *at, struct err *err);

/* Whether the runner has said its last word and waits for another job; then it is no longer ours.
 */
bool attempt_part(struct attempt *at, struct host *h);
/* The runner has ended: reap it. If it said nothing, `dying` is set. False: it is not quite gone.
 */
bool attempt_reap(struct attempt *at);
/* Whether what a runner left without a word is gone by now; then the attempt is `ended`. */
bool attempt_settle(struct attempt *at, const struct host *h);

/* Ask the runner to end it. Once for each reason; a stronger one replaces a weaker one. */
void attempt_stop(struct attempt *at, enum stop_why why, int64_t grace_ms);
/* Stop its processes where they are, or let them go on. Nothing happens to one that is being ended,
 * or is as asked already. */
void attempt_freeze(struct attempt *at, bool on);
/* The runner does not keep its own limits: kill it. */
void attempt_kill(struct attempt *at);

/* Decide the outcome of an ended attempt and link its outputs into the store (store_sync and
 * claim_end follow). Idempotent. */
void attempt_take(struct attempt *at, struct host *h);
/* The outcome was not recorded: take the outputs out again. */
void attempt_untake(struct attempt *at, struct host *h);

#endif
