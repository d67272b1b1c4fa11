/*
 * What people do to jobs: cancel, retry, pause, resume, delete.
 *
 * The state is read and changed in one write transaction, so of two simultaneous cancels or retries
 * one finds the state changed and is told so. A cancelled job keeps its lease token until its
 * processes are gone; only then may a retry be claimed, and only then is it deleted.
 */
#include "core/job.h"

#include <stdio.h>
#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/job_record.h"
#include "core/secret.h"
#include "core/store.h"

/* What an action decides by. */
struct lock {
	int64_t project_id;
	char job_type[128], uuid[UUID_SIZE];
	enum job_status status;
	int64_t run_at;
	bool ready, leased, manual;
	bool begun; /* the attempt that holds the lease, or the hand at work, is one the job stands
		       by */
};

static enum rc lock_job(
    struct db *db, const struct scope *sc, int64_t id, struct lock *l, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_JOB_LOCK, DB_ARGS(DB_INT(sc->org_id), DB_INT(id)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such job: %lld", (long long)id);
	if (rc != RC_OK)
		return rc;
	l->project_id = db_int(&cur, 0);
	snprintf(l->job_type, sizeof l->job_type, "%s", db_text(&cur, 1, NULL));
	l->status = job_status_parse(db_text(&cur, 2, NULL));
	l->ready = db_int(&cur, 3) != 0;
	l->leased = !db_null(&cur, 4);
	snprintf(l->uuid, sizeof l->uuid, "%s", db_text(&cur, 5, NULL));
	l->run_at = db_int(&cur, 6);
	l->begun = !db_null(&cur, 7);
	l->manual = db_int(&cur, 8) != 0;
	db_finish(&cur);
	return RC_OK;
}

/* "cannot retry a completed job; it allows: delete" */
static enum rc refuse(enum job_status status, enum job_action action, struct err *err)
{
	char list[64] = "";
	size_t used = 0;

	for (size_t i = 0; i < JOB_ASKED_MAX; i++)
		if (job_next(status, job_asked[i]) != JOB_STATUS_MAX)
			used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
			    used ? ", " : "", job_action_name(job_asked[i]));
	return err_set(err, RC_CONFLICT, "cannot %s a job that is %s; what it allows: %s",
	    job_action_name(action), job_status_name(status), list);
}

static enum sql_id statement(enum job_action action)
{
	switch (action) {
	case JOB_CANCEL:
		return SQL_JOB_CANCEL;
	case JOB_RETRY:
		return SQL_JOB_RETRY;
	case JOB_PAUSE:
		return SQL_JOB_PAUSE;
	case JOB_RESUME:
		return SQL_JOB_RESUME;
	case JOB_THAW:
		return SQL_JOB_THAW;
	case JOB_REMOVE:
		return SQL_JOB_REMOVE;
	default:
		bug("not an action on a job: %d", (int)action);
	}
}

static enum rc change(struct db *db, const struct scope *sc, int64_t id, const struct lock *l,
    enum job_action action, const char *reason, struct err *err)
{
	int64_t now = clock_wall_ms();
	bool claimable = !l->leased && !l->manual &&
			 (action == JOB_RETRY || (action == JOB_RESUME && l->run_at <= now));
	struct job_change c = {
	    .org_id = sc->org_id,
	    .project_id = l->project_id,
	    .job_id = id,
	    .at = now,
	    .job_type = l->job_type,
	    .actor = sc->user_name,
	    .reason = reason,
	    .from = l->status,
	    .to = job_next(l->status, action),
	};
	enum rc rc = db_exec(
	    db, statement(action), DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(now)), err);

	if (rc == RC_OK)
		rc = job_record(db, &c, err);
	if (rc == RC_OK && l->ready)
		rc = lane_add(db, sc->org_id, l->job_type, -1, 0, err);
	if (rc == RC_OK && claimable)
		rc = lane_enter(db, sc->org_id, l->job_type, 1, err);
	if (rc == RC_OK)
		rc = job_bump(db, sc->org_id, l->project_id, err);
	return rc;
}

enum rc job_act_within(struct db *db, const struct scope *sc, int64_t id, enum job_action action,
    const char *reason, struct err *err)
{
	struct lock l;
	enum rc rc = lock_job(db, sc, id, &l, err);

	if (rc == RC_OK && job_next(l.status, action) == JOB_STATUS_MAX)
		rc = refuse(l.status, action, err);
	if (rc == RC_OK && action == JOB_RESUME && (l.leased || l.manual) && l.begun)
		action = JOB_THAW;
	return rc == RC_OK ? change(db, sc, id, &l, action, reason, err) : rc;
}

enum rc job_note(struct db *db, const struct scope *sc, int64_t id, const char *verb,
    const char *reason, struct err *err)
{
	char action[32], object[32];
	struct view *detail;
	struct arena a;
	enum rc rc;

	snprintf(action, sizeof action, "job.%s", verb);
	snprintf(object, sizeof object, "job %lld", (long long)id);
	arena_init(&a);
	detail = view_obj(&a);
	if (reason)
		view_ref(detail, "reason", reason);
	rc = audit_add(db, sc, action, object, detail, err);
	arena_release(&a);
	return rc;
}

enum rc job_act(struct db *db, const struct scope *sc, int64_t id, enum job_action action,
    const char *reason, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = job_act_within(db, sc, id, action, reason, err);
	if (rc == RC_OK)
		rc = job_note(db, sc, id, job_action_name(action), reason, err);
	return db_end_durable(db, rc, err);
}

/* Of a job that nobody is to see any more: everything but its row. A lease it has is still counted
 * where it runs. */
static enum rc forget(
    struct db *db, const struct scope *sc, int64_t id, const struct lock *l, struct err *err)
{
	struct job_change c = {
	    .org_id = sc->org_id,
	    .project_id = l->project_id,
	    .job_id = id,
	    .job_type = l->job_type,
	    .from = l->status,
	    .to = JOB_STATUS_MAX,
	};
	enum rc rc = job_record(db, &c, err);

	if (rc == RC_OK && l->ready)
		rc = lane_add(db, sc->org_id, l->job_type, -1, 0, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_JOB_SEARCH_DELETE, DB_ARGS(DB_INT(id)), err);
	if (rc == RC_OK)
		rc = job_bump(db, sc->org_id, l->project_id, err);
	return rc;
}

/* The files of a job, whose rows are about to go. */
static enum rc list_gone(struct db *db, const struct scope *sc, int64_t id, const struct lock *l,
    struct arena *a, struct job_gone *gone, struct err *err)
{
	memcpy(gone->uuid, l->uuid, sizeof gone->uuid);
	return job_files(db, sc, id, a, &gone->files, &gone->n, err);
}

static enum rc delete_in(struct db *db, const struct scope *sc, int64_t id, struct arena *a,
    struct job_gone *gone, struct err *err)
{
	struct lock l;
	enum rc rc = lock_job(db, sc, id, &l, err);

	*gone = (struct job_gone){0};
	if (rc == RC_OK && job_next(l.status, JOB_DELETE) == JOB_STATUS_MAX)
		rc = refuse(l.status, JOB_DELETE, err);
	if (rc == RC_OK)
		rc = forget(db, sc, id, &l, err);
	if (rc == RC_OK && l.leased)
		return db_exec(db, SQL_JOB_DOOM,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(clock_wall_ms())), err);
	if (rc == RC_OK)
		rc = list_gone(db, sc, id, &l, a, gone, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_JOB_DELETE, DB_ARGS(DB_INT(sc->org_id), DB_INT(id)), err);
	return rc;
}

enum rc job_remove_in(struct db *db, const struct scope *sc, int64_t id, const char *reason,
    struct arena *a, struct job_gone *gone, struct err *err)
{
	struct lock l;
	enum rc rc = lock_job(db, sc, id, &l, err);

	*gone = (struct job_gone){0};
	if (rc == RC_OK && job_next(l.status, JOB_REMOVE) == JOB_STATUS_MAX)
		rc = refuse(l.status, JOB_REMOVE, err);
	if (rc == RC_OK && l.leased)
		rc = err_set(err, RC_CONFLICT, "the processes of this job have not ended yet");
	if (rc == RC_OK)
		rc = list_gone(db, sc, id, &l, a, gone, err);
	if (rc == RC_OK)
		rc = change(db, sc, id, &l, JOB_REMOVE, reason, err);
	if (rc == RC_OK)
		rc =
		    db_exec(db, SQL_JOB_FORGET_FILES, DB_ARGS(DB_INT(sc->org_id), DB_INT(id)), err);
	if (rc == RC_OK)
		rc = secret_erase(db, sc->org_id, id, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_ARCHIVE_FORGET, DB_ARGS(DB_INT(id)), err);
	return rc;
}

enum rc job_delete(struct db *db, const struct scope *sc, int64_t id, struct arena *a,
    struct job_gone *gone, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = delete_in(db, sc, id, a, gone, err);
	if (rc == RC_OK)
		rc = job_note(db, sc, id, "delete", NULL, err);
	return db_end_durable(db, rc, err);
}

enum rc job_remove(struct db *db, const struct scope *sc, int64_t id, const char *reason,
    struct arena *a, struct job_gone *gone, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = job_remove_in(db, sc, id, reason, a, gone, err);
	if (rc == RC_OK)
		rc = job_note(db, sc, id, "remove", reason, err);
	return db_end_durable(db, rc, err);
}

void job_unlink(struct store *st, const struct job_gone *gone)
{
	if (!*gone->uuid)
		return;
	for (size_t i = 0; i < gone->n; i++)
		store_remove(st, gone->files[i].uuid);
	store_log_remove(st, gone->uuid);
}
