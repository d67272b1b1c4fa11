/*
 * Jobs that are moved by hand: people with the buttons of the page, outside programs with PATCH.
 *
 * They walk the same table of transitions as every other job (core/job_state.h), where the one at
 * work stands for the processor: starting is what a claim is, putting back what a release is. What
 * any job allows, such as a cancel, is done by core/job_act.c here too. A job that a processor may
 * take is never touched: its lease and its runner would know nothing of it.
 */
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"

static const char no_error[] = "marked as failed";

/* Whether core/job_act.c does it. */
static bool asked(enum job_action action)
{
	for (size_t i = 0; i < JOB_ASKED_MAX; i++)
		if (job_asked[i] == action)
			return true;
	return false;
}

enum job_action job_move_action(const struct job *job, enum job_status to)
{
	static const enum job_action actions[] = {
	    JOB_CLAIM, JOB_COMPLETE, JOB_FAIL, JOB_RELEASE, JOB_CANCEL, JOB_RETRY, JOB_PAUSE};

	/* It goes on where it was. */
	if (job->status == JOB_PAUSED && (to == JOB_PENDING || to == JOB_PROCESSING))
		return to == (job->started_at ? JOB_PROCESSING : JOB_PENDING) ? JOB_RESUME
									      : JOB_ACTION_MAX;
	if (job->status != to)
		for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
			if (job_next(job->status, actions[i]) == to)
				return actions[i];
	return JOB_ACTION_MAX;
}

static enum rc refuse(const struct job *job, enum job_status to, struct err *err)
{
	const char *list = "nothing else";
	struct arena a;
	enum rc rc;

	arena_init(&a);
	for (enum job_status s = 0, n = 0; s < JOB_STATUS_MAX; s++)
		if (job_move_action(job, s) != JOB_ACTION_MAX)
			list = arena_printf(
			    &a, "%s%s%s", n ? list : "", n ? ", " : "", job_status_name(s)),
			n++;
	rc = err_set(err, RC_CONFLICT, "a job that is %s cannot become %s; it can become: %s",
	    job_status_name(job->status), job_status_name(to), list);
	arena_release(&a);
	return rc;
}

static enum rc read_job(struct db *db, const struct scope *sc, int64_t id, struct arena *a,
    struct job *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_JOB_BY_ID,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(sc->limited)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such job: %lld", (long long)id);
	if (rc != RC_OK)
		return rc;
	job_read(&cur, a, out);
	db_finish(&cur);
	if (!out->manual)
		return err_set(err, RC_CONFLICT,
		    "jobs of type \"%s\" are moved by a processor; what others may do is cancel, "
		    "retry, pause and resume",
		    out->job_type);
	return RC_OK;
}

/* What a transition makes of it, beside the state. */
static void turn(struct job *job, enum job_action action, int64_t now)
{
	switch (action) {
	case JOB_CLAIM:
		job->attempt++;
		job->started_at = now;
		job->progress = 0;
		job->current_step = job->error = NULL;
		break;
	case JOB_COMPLETE:
		job->progress = 100;
		job->current_step = job->error = NULL;
		job->completed_at = now;
		break;
	case JOB_FAIL:
		job->current_step = NULL;
		job->error = no_error;
		job->completed_at = now;
		break;
	default:
		job->started_at = 0;
		job->progress = 0;
		job->current_step = NULL;
		break;
	}
	job->status = job_next(job->status, action);
}

/* What was said of it. */
static void tell(struct job *job, const struct job_move *m)
{
	if (m->progress >= 0 && job->status != JOB_COMPLETED)
		job->progress = m->progress;
	if (m->step && !job_status_final(job->status))
		job->current_step = *m->step ? m->step : NULL;
	if (m->result)
		job->result = *m->result ? m->result : NULL;
	if (m->error && *m->error)
		job->error = m->error;
}

static enum rc write_job(
    struct db *db, const struct scope *sc, const struct job *job, int64_t now, struct err *err)
{
	const struct db_arg started = DB_INT(job->started_at), ended = DB_INT(job->completed_at),
			    none = DB_TEXT(NULL);
	enum rc rc = db_exec(db, SQL_JOB_MOVE,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(job->id), DB_TEXT(job_status_name(job->status)),
		DB_INT(job->attempt), DB_INT(job->progress), DB_TEXT(job->current_step),
		DB_TEXT(job->error), DB_TEXT(job->result), job->started_at ? started : none,
		job->completed_at ? ended : none, DB_INT(now)),
	    err);

	return rc == RC_OK ? job_bump(db, sc->org_id, job->project_id, err) : rc;
}

/* Take it to the state asked for. */
static enum rc change_state(struct db *db, const struct scope *sc, struct job *job,
    const struct job_move *m, int64_t now, struct arena *a, struct err *err)
{
	enum job_action action = job_move_action(job, m->status);
	struct job_change c = {.org_id = sc->org_id,
	    .project_id = job->project_id,
	    .job_id = job->id,
	    .at = now,
	    .job_type = job->job_type,
	    .actor = sc->user_name,
	    .reason = m->reason,
	    .from = job->status};
	enum rc rc;

	if (action == JOB_ACTION_MAX)
		return refuse(job, m->status, err);
	if (asked(action)) {
		rc = job_act_within(db, sc, job->id, action, m->reason, err);
		return rc == RC_OK ? read_job(db, sc, job->id, a, job, err) : rc;
	}
	turn(job, action, now);
	c.to = job->status;
	if (action == JOB_FAIL && !c.reason)
		c.reason = m->error && *m->error ? m->error : no_error;
	return job_record(db, &c, err);
}

static enum rc move(struct db *db, const struct scope *sc, int64_t id, const struct job_move *m,
    struct arena *a, bool *moved, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct job job;
	enum rc rc = read_job(db, sc, id, a, &job, err);

	if (rc != RC_OK)
		return rc;
	*moved = m->by_status && m->status != job.status;
	if (!*moved && job_status_final(job.status))
		return err_set(
		    err, RC_CONFLICT, "the job has ended: it is %s", job_status_name(job.status));
	if (*moved)
		rc = change_state(db, sc, &job, m, now, a, err);
	if (rc != RC_OK)
		return rc;
	if (m->error && job.status != JOB_FAILED)
		return err_set(err, RC_INVALID, "error goes with the status failed");
	tell(&job, m);
	return write_job(db, sc, &job, now, err);
}

enum rc job_move(
    struct db *db, const struct scope *sc, int64_t id, const struct job_move *m, struct err *err)
{
	bool moved = false;
	struct arena a;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	arena_init(&a);
	rc = move(db, sc, id, m, &a, &moved, err);
	if (rc == RC_OK && moved)
		rc = job_note(db, sc, id, job_status_name(m->status), m->reason, err);
	rc = moved ? db_end_durable(db, rc, err) : db_end(db, rc, err);
	arena_release(&a);
	return rc;
}
