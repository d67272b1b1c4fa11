/*
 * The bookkeeping that goes with every change of a job: history, counters, lanes, the project's
 * version. Private to core/job*.c, core/claim.c, core/retire.c and core/seed.c; always inside their
 * transaction.
 */
#ifndef CORE_JOB_RECORD_H
#define CORE_JOB_RECORD_H

#include "core/job.h"

/* Who the history says it was, where it was no user. */
#define ACTOR_PROCESSOR "processor"

/* One transition: a history row, and the counters moved from `from` (JOB_STATUS_MAX: it is new) to
 * `to` (JOB_STATUS_MAX: it is gone, then without a history row). */
struct job_change {
	int64_t org_id, project_id, job_id, at;
	const char *job_type, *actor, *reason;
	enum job_status from, to;
};
enum rc job_record(struct db *db, const struct job_change *c, struct err *err);

/* job_act inside the caller's transaction. */
enum rc job_act_within(struct db *db, const struct scope *sc, int64_t id, enum job_action action,
    const char *reason, struct err *err);

/* The project shows something new: its version is counted up by the commit (core/tally.h). */
enum rc job_bump(struct db *db, int64_t org_id, int64_t project_id, struct err *err);

/* `pending` more jobs may be claimed in this lane, which is made if need be. */
enum rc lane_enter(
    struct db *db, int64_t org_id, const char *job_type, int64_t pending, struct err *err);

/* Move a lane's figures. */
enum rc lane_add(struct db *db, int64_t org_id, const char *job_type, int64_t pending,
    int64_t running, struct err *err);

/* Read the current row of a query of JOB_COLUMNS, or of FILE_COLUMNS; texts go to the arena. */
void job_read(const struct db_cursor *cur, struct arena *a, struct job *out);
void file_read(const struct db_cursor *cur, struct arena *a, struct file *out);

/* Rows of a query of FILE_COLUMNS, all of them. */
enum rc files_read(struct db *db, enum sql_id id, const struct db_arg *args, size_t arg_count,
    struct arena *a, struct file **out, size_t *n, struct err *err);

/* What job_remove does, inside the caller's transaction (core/job_act.c). */
enum rc job_remove_in(struct db *db, const struct scope *sc, int64_t id, const char *reason,
    struct arena *a, struct job_gone *gone, struct err *err);

/* A row of the audit log, "job.VERB". */
enum rc job_note(struct db *db, const struct scope *sc, int64_t id, const char *verb,
    const char *reason, struct err *err);

#endif
