/*
 * What a processor does with jobs: claim, renew, report, end, sweep.
 *
 * A claim writes a random token; every later write of that attempt names it, so a runner whose
 * lease was lost changes nothing (RC_NOTFOUND). All functions run inside the
 * caller's write transaction, so a supervisor puts the news of many jobs into one commit.
 */
#ifndef CORE_CLAIM_H
#define CORE_CLAIM_H

#include <stdint.h>

#include "core/job.h"

/* A type that this host runs, and how many of it at once: all processors of the host count. limit
 * 0: no limit of its own. free is the claim's own reckoning: how many more, negative: no limit. */
struct claim_slot {
	const char *job_type;
	int64_t limit, free;
};

/* Who asks for up to `want` jobs of which types; lease_until = lease clock + lease_ms. */
struct claim_ask {
	int64_t worker_id; /* 0: a program elsewhere, which no host counts */
	struct claim_slot *slots;
	size_t slot_count, want;
	int64_t lease_ms;
	int64_t org_id;    /* only jobs of this org; 0: of any */
	const char *actor; /* for the history; NULL: the processor */
};

struct claim {
	struct job job; /* as it is now: status processing, attempt counted up */
	char token[TOKEN_SIZE];
	struct file *inputs;
	size_t input_count;
};

/* Claim jobs: the highest priority first, organisations by turns, an organisation's types by turns;
 * none beyond the host's limits, an organisation's cap or a lane's. Claims and inputs lie in the
 * arena, in no order. *n may be 0. */
enum rc claim_take(struct db *db, const struct claim_ask *ask, struct arena *a, struct claim **out,
    size_t *n, struct err *err);

/* Whether claim_take would find a job now; outside transactions, so that nobody takes the write
 * lock for nothing. */
enum rc claim_ready(
    struct db *db, const struct claim_ask *ask, struct arena *a, bool *ready, struct err *err);

/* Renew one lease. RC_NOTFOUND: the lease is lost or the job is neither `processing` nor frozen;
 * stop the runner either way (claim_state tells which). */
enum rc claim_renew(
    struct db *db, int64_t job_id, const char *token, int64_t lease_ms, struct err *err);

/* The state of a job whose token we hold: processing, paused (freeze it), anything else: stop it.
 * RC_NOTFOUND when the token is no longer in the row. */
enum rc claim_state(
    struct db *db, int64_t job_id, const char *token, enum job_status *out, struct err *err);

struct claim_progress {
	int percent;                        /* -1: unchanged */
	const char *step;                   /* NULL: unchanged */
	int64_t total, processed, rejected; /* -1: unchanged */
};
enum rc claim_progress(struct db *db, int64_t job_id, const char *token,
    const struct claim_progress *p, struct err *err);

/* How an attempt ended. */
struct claim_end {
	enum job_action action; /* JOB_COMPLETE, JOB_FAIL, JOB_RELEASE; JOB_CANCEL: it was
				   cancelled, processes are gone */
	const char *actor;      /* for the history; NULL: the processor */
	const char *error;      /* plain words; NULL when completed */
	const char *result;
	bool counts;  /* JOB_RELEASE: whether it uses up a retry (false: graceful hand-back) */
	bool crashed; /* JOB_RELEASE: the runner died; the third time the job is failed (quarantine)
			 instead */
	bool lost;    /* JOB_RELEASE: the lease ran out, which a frozen job is not to blame for */
	int64_t run_at;                        /* JOB_RELEASE: not before; wall ms, 0: at once */
	int64_t cpu_ms, peak_bytes, log_bytes; /* -1: not known */
	int64_t read_bytes, write_bytes;       /* from and to the disk; -1 */
	const struct file *inputs;             /* id and sha256: digests that were missing */
	size_t input_count;
	const struct file *outputs; /* JOB_COMPLETE: in the store already */
	size_t output_count;
	/* What never changes of a job, of a caller who knows it (job_type NULL: who does not): then
	 * it is read again only if it is not simply running. */
	int64_t org_id, project_id;
	const char *job_type;
};
/* Ends the attempt and gives the token back. On a job that was cancelled meanwhile only the token
 * is cleared (and the outputs are not recorded: RC_NOTFOUND tells the caller to remove them); if it
 * was retried meanwhile it becomes claimable now. A JOB_RELEASE with no retry left fails the job. A
 * paused job that ends had done so before it could be frozen; one that is released stays paused. */
enum rc claim_end(
    struct db *db, int64_t job_id, const char *token, const struct claim_end *end, struct err *err);

/* Jobs whose lease has run out go back to pending (or fail when used up); *n counts them. Delayed
 * jobs that are due become claimable; *due counts those. Bounded: at most 200 a call. */
enum rc claim_sweep(struct db *db, int64_t backoff_ms, int64_t *n, int64_t *due, struct err *err);

/* When the next delayed job is due (wall ms), 0 if none. */
enum rc claim_next_due(struct db *db, int64_t *at, struct err *err);

/* Processors make themselves known. worker_begin: a new row, *id, of a processor on this host (its
 * name); on a new boot every lease of before is expired. worker_beat: once a heartbeat. */
enum rc worker_begin(struct db *db, const char *name, const char *host, const char *about_json,
    int64_t *id, struct err *err);
enum rc worker_beat(struct db *db, int64_t id, int64_t running, struct err *err);
/* What it says about itself has changed; pages are told. */
enum rc worker_tell(struct db *db, int64_t id, const char *about_json, struct err *err);
enum rc worker_end(struct db *db, int64_t id, struct err *err);

/* A processor found dead: its leases end now, the next sweep takes its jobs back. */
enum rc worker_expire(struct db *db, int64_t id, struct err *err);

/* Processors that have not left in order, newest first, at most WORKERS_MAX; array in the arena. */
#define WORKERS_MAX 100
struct worker {
	int64_t id, running, started_at, seen_at; /* wall ms */
	const char *name, *about;                 /* about: JSON */
};
enum rc worker_list(
    struct db *db, struct arena *a, struct worker **out, size_t *n, struct err *err);
/* Whether it has been heard of in the last minute; otherwise it is taken to be gone. */
bool worker_heard(const struct worker *w);

/* Back-off before retry number `retry` (from 1): base x 2^(retry-1), at most 1 h, +-25 % jitter. */
int64_t claim_backoff_ms(int64_t base_ms, int64_t retry);

#endif
