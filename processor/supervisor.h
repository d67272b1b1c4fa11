/*
 * The supervisor: one event loop that claims jobs, keeps their runners, and writes what becomes of
 * them. The only process of its kind with a database handle.
 *
 * The loop gathers (runners' messages, rings of the doorbell, moments that are due) and then takes
 * one turn (processor/turn.c): all news of all jobs in one transaction. It ends on SIGTERM or
 * SIGINT once nothing runs any more.
 */
#ifndef PROCESSOR_SUPERVISOR_H
#define PROCESSOR_SUPERVISOR_H

#include <systemd/sd-event.h>

#include "core/claim.h"
#include "core/jobtype.h"
#include "processor/attempt.h"
#include "processor/host.h"

/* An attempt and its place in the loop. */
struct running {
	struct attempt at;
	struct supervisor *sv;
	sd_event_source *messages, *exit;
	bool recorded; /* the end is written: only the runner is still to be reaped */
	bool lost;     /* the lease is gone */
	struct running *next;
};

/* A type that no job is claimed of for a while, because this host failed to run one. */
struct suspension {
	char job_type[64];
	int64_t until_ms; /* boot clock */
};
#define SUSPENSIONS_MAX 64

struct supervisor {
	const struct config *cfg;
	struct host host;
	struct db *db;
	int64_t worker_id;
	int worker_lock, bell;
	char *bell_path;

	struct arena types_arena, past_arena;
	struct jobtypes types, past; /* in force; versions that jobs were made with before */
	struct suspension suspended[SUSPENSIONS_MAX];

	sd_event *event;
	sd_event_source *timer, *turn;
	struct running *list;
	struct packer *packer; /* the archive that is being made; NULL: none */
	int64_t workers;

	/* What the next turn has to do. */
	bool want_claim, want_states, want_due, want_retire, want_pack, want_about, reload;
	/* Moments on the boot clock; 0: not set. */
	int64_t scan_at, beat_at, sweep_at, clean_at, retest_at, retry_at, alive_at, settle_at;
	int64_t due_at; /* a delayed job may run, before the next scan */
	int64_t retire_at, pack_at, expire_at;
	int64_t renewed_ms;   /* last time all leases were renewed */
	uint64_t watchdog_us; /* 0: nobody asks */

	int stopping;    /* signals received: 1 graceful, 2 at once */
	int64_t stop_at; /* when running jobs are handed back */
	bool handed_back;
};

/* Run until told to stop; the exit status. */
int supervisor_run(const struct config *cfg);

/* How many jobs are running (their ends not recorded), frozen ones included. */
int64_t supervisor_running(const struct supervisor *sv);
/* How many more may be claimed. A frozen job gives its place to another, so a resume may bring more
 * to run than there are workers; but it keeps its memory, so there are never more than twice as
 * many jobs as workers. */
int64_t supervisor_room(const struct supervisor *sv);

/* ---- processor/turn.c ---- */

/* One turn: whatever is due, in as few transactions as possible. RC_DB and the like: nothing was
 * written, everything is kept for the next turn. */
enum rc turn_take(struct supervisor *sv, struct err *err);

/* ---- processor/running.c ---- */

/* Start an attempt for a claim; it joins the list also when it could not be started. */
void running_start(struct supervisor *sv, const struct claim *c, struct attempt *before);
/* Look after those that are recorded, overdue, or waiting for what a dead runner left. When the
 * next look is needed: boot clock, INT64_MAX for never. */
int64_t running_check(struct supervisor *sv);
/* Stop one, or all. */
void running_stop_all(struct supervisor *sv, enum stop_why why, int64_t grace_ms);

/* ---- processor/types.c ---- */

/* Read jobs.d, publish, and load what is in force. The old types stay on failure. */
enum rc types_reload(struct supervisor *sv, struct err *err);
/* The type of a job as it was when the job was made; good until the next call. RC_INVALID: that
 * version is gone. */
enum rc types_of(
    struct supervisor *sv, const struct job *job, const struct jobtype **out, struct err *err);
/* The slots of a claim, in the arena. */
struct claim_slot *types_slots(struct supervisor *sv, struct arena *a, size_t *n);
void types_suspend(struct supervisor *sv, const char *job_type, int64_t ms);

/* ---- processor/guard.c ---- */

/* Try the sandbox at the start, and decide by the configuration what its lack means. */
void guard_begin(struct supervisor *sv);
/* Whether it holds, after a job could not be run: tries it. Without a sandbox: true. */
bool guard_holds(struct supervisor *sv);
/* Try a broken one again when it is time. */
void guard_turn(struct supervisor *sv, int64_t now);

/* ---- processor/recover.c ---- */

/* Find processors of this state that died. Ids of those nothing is left of into dead[] (at most
 * max); *waiting: some have processes that are still ending. */
enum rc recover_find(
    struct supervisor *sv, int64_t *dead, size_t max, size_t *n, bool *waiting, struct err *err);
/* Remove work directories of dead attempts; a bounded part of the work. True: nothing is left. */
bool recover_clean(struct supervisor *sv);

/* ---- processor/retire.c ---- */

/* Retire jobs whose time is over, a bounded part; sets want_retire when there may be more. */
void retire_turn(struct supervisor *sv, int64_t now);

/* ---- processor/sweep.c ---- */

/* Remove spool files that nobody came for, and files and logs of the store without a row: a bounded
 * part at each call. */
void sweep_files(struct supervisor *sv);

#endif
