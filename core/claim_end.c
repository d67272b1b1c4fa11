/*
 * Ends of attempts: completed, failed, given back, dropped, or swept because their lease ran out.
 *
 * What an attempt may still write it writes by its token, here too. A lease that ran out says that
 * a processor died or hung, together with everything it had: that is counted as a retry, so that a
 * job which does this to its processor ends after its attempts, but never as a crash, for nothing
 * tells which of the jobs it was, if any.
 */
#include "core/claim.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"
#include "core/jobtype.h"

#define SWEEP_MAX 200
#define CRASHES_MAX 3 /* runners a job may take down before it is quarantined */
#define BACKOFF_MAX_MS INT64_C(3600000)

static struct db_arg known(int64_t n)
{
	return n < 0 ? DB_NULL : DB_INT(n);
}

/* What the end of an attempt decides by. */
struct held {
	int64_t job_id, org_id, project_id, auto_retries, max_retries, crashes, run_at;
	const char *token;
	char job_type[128];
	enum job_status status;
	bool begun; /* the token is of an attempt that the job still stands by */
};

static enum rc lock_held(
    struct db *db, int64_t job_id, const char *token, struct held *h, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_CLAIM_LOCK, DB_ARGS(DB_INT(job_id), DB_TEXT(token)), err);

	if (rc != RC_OK)
		return rc;
	*h = (struct held){
	    .job_id = job_id,
	    .token = token,
	    .org_id = db_int(&cur, 0),
	    .project_id = db_int(&cur, 1),
	    .status = job_status_parse(db_text(&cur, 3, NULL)),
	    .auto_retries = db_int(&cur, 4),
	    .max_retries = db_int(&cur, 5),
	    .crashes = db_int(&cur, 6),
	    .run_at = db_int(&cur, 7),
	    .begun = !db_null(&cur, 8),
	};
	snprintf(h->job_type, sizeof h->job_type, "%s", db_text(&cur, 2, NULL));
	db_finish(&cur);
	return RC_OK;
}

/* The attempt of a job that somebody cancelled: give the token back, and if the job was retried
 * meanwhile let it be claimed. */
static enum rc drop(struct db *db, const struct held *h, struct err *err)
{
	int64_t now = clock_wall_ms();
	bool waits = h->status == JOB_PENDING && h->run_at <= now;
	enum rc rc = db_exec(
	    db, SQL_CLAIM_DROP, DB_ARGS(DB_INT(h->job_id), DB_TEXT(h->token), DB_INT(now)), err);

	if (rc == RC_OK)
		rc = lane_add(db, h->org_id, h->job_type, 0, -1, err);
	if (rc == RC_OK && waits)
		rc = lane_enter(db, h->org_id, h->job_type, 1, err);
	return rc;
}

static enum rc finish(struct db *db, const struct held *h, enum job_action action,
    const char *actor, const char *reason, int64_t now, struct err *err)
{
	enum rc rc = job_record(db,
	    &(struct job_change){.org_id = h->org_id,
		.project_id = h->project_id,
		.job_id = h->job_id,
		.at = now,
		.job_type = h->job_type,
		.actor = actor ? actor : ACTOR_PROCESSOR,
		.reason = reason,
		.from = h->status,
		.to = job_next(h->status, action)},
	    err);

	if (rc == RC_OK)
		rc = lane_add(db, h->org_id, h->job_type, 0, -1, err);
	if (rc == RC_OK)
		rc = job_bump(db, h->org_id, h->project_id, err);
	return rc;
}

/* RC_NOTFOUND: its state is another. */
static enum rc close_job(struct db *db, const struct held *h, const struct claim_end *end,
    enum job_action action, const char *error, struct err *err)
{
	int64_t now = clock_wall_ms();
	size_t outputs = action == JOB_COMPLETE ? end->output_count : 0;
	enum rc rc = db_exec(db, SQL_CLAIM_CLOSE,
	    DB_ARGS(DB_INT(h->job_id), DB_TEXT(h->token),
		DB_TEXT(job_status_name(job_next(h->status, action))), DB_TEXT(error),
		DB_TEXT(end->result), known(end->cpu_ms), known(end->peak_bytes),
		known(end->log_bytes), DB_INT((int64_t)outputs), DB_INT(now), DB_INT(end->crashed),
		known(end->read_bytes), known(end->write_bytes),
		DB_TEXT(job_status_name(h->status))),
	    err);

	if (rc == RC_OK && db_changes(db) == 0)
		return RC_NOTFOUND;
	for (size_t i = 0; i < outputs && rc == RC_OK; i++) {
		const struct file *f = &end->outputs[i];

		rc = db_exec(db, SQL_FILE_INSERT,
		    DB_ARGS(DB_TEXT(f->uuid), DB_INT(h->org_id), DB_INT(h->job_id), DB_INT(1),
			DB_TEXT(f->name), DB_INT(f->size_bytes), DB_TEXT(f->content_type),
			DB_TEXT(f->sha256), DB_INT(now), DB_TEXT(NULL)),
		    err);
	}
	return rc == RC_OK ? finish(db, h, action, end->actor, error, now, err) : rc;
}

/* A frozen job is not to blame for what becomes of its processor: it stays paused, and nothing is
 * counted. */
static enum rc release(
    struct db *db, const struct held *h, const struct claim_end *end, struct err *err)
{
	int64_t now = clock_wall_ms(), run_at = end->run_at > now ? end->run_at : now;
	bool paused = h->status == JOB_PAUSED;
	bool crashed = end->crashed && !paused,
	     counts = end->counts && !(paused && (end->crashed || end->lost));
	char words[320];
	enum rc rc;

	if (crashed && h->crashes + 1 >= CRASHES_MAX) {
		snprintf(words, sizeof words,
		    "quarantined: its runner died %d times; the last time: %s", CRASHES_MAX,
		    end->error ? end->error : "no reason known");
		return close_job(db, h, end, JOB_FAIL, words, err);
	}
	if (counts && h->auto_retries >= h->max_retries) {
		if (h->max_retries)
			snprintf(words, sizeof words, "%s (after %lld attempts)",
			    end->error ? end->error : "failed", (long long)h->max_retries + 1);
		else
			snprintf(words, sizeof words, "%s", end->error ? end->error : "failed");
		return close_job(db, h, end, JOB_FAIL, words, err);
	}
	rc = db_exec(db, SQL_CLAIM_RELEASE,
	    DB_ARGS(DB_INT(h->job_id), DB_TEXT(h->token), DB_INT(counts), DB_INT(crashed),
		DB_INT(run_at), DB_INT(now), DB_TEXT(counts ? end->error : NULL),
		known(end->log_bytes), DB_TEXT(job_status_name(job_next(h->status, JOB_RELEASE)))),
	    err);
	if (rc == RC_OK)
		rc = finish(db, h, JOB_RELEASE, end->actor, end->error, now, err);
	if (rc == RC_OK && !paused && run_at <= now)
		rc = lane_enter(db, h->org_id, h->job_type, 1, err);
	return rc;
}

/* Whatever became of the attempt: what it read holds. */
static enum rc note_digests(
    struct db *db, int64_t job_id, const struct claim_end *end, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < end->input_count && rc == RC_OK; i++)
		if (end->inputs[i].sha256)
			rc = db_exec(db, SQL_FILE_DIGEST,
			    DB_ARGS(DB_INT(end->inputs[i].id), DB_INT(job_id),
				DB_TEXT(end->inputs[i].sha256)),
			    err);
	return rc;
}

/* What nearly every attempt comes to: nobody touched its job. RC_NOTFOUND: somebody did. */
static enum rc close_running(
    struct db *db, int64_t job_id, const char *token, const struct claim_end *end, struct err *err)
{
	struct held h = {.job_id = job_id,
	    .token = token,
	    .org_id = end->org_id,
	    .project_id = end->project_id,
	    .status = JOB_PROCESSING};

	snprintf(h.job_type, sizeof h.job_type, "%s", end->job_type);
	return close_job(db, &h, end, end->action, end->error, err);
}

enum rc claim_end(
    struct db *db, int64_t job_id, const char *token, const struct claim_end *end, struct err *err)
{
	bool closes = end->action == JOB_COMPLETE || end->action == JOB_FAIL;
	struct held h;
	enum rc rc = RC_NOTFOUND;

	if (closes && end->job_type)
		rc = close_running(db, job_id, token, end, err);
	if (rc != RC_NOTFOUND)
		return rc == RC_OK ? note_digests(db, job_id, end, err) : rc;
	rc = lock_held(db, job_id, token, &h, err);
	if (rc != RC_OK)
		return rc;
	rc = note_digests(db, job_id, end, err);
	if (rc != RC_OK)
		return rc;
	if (h.status != JOB_PROCESSING && !(h.status == JOB_PAUSED && h.begun)) {
		rc = drop(db, &h, err);
		return rc == RC_OK && end->action != JOB_CANCEL ? RC_NOTFOUND : rc;
	}
	switch (end->action) {
	case JOB_COMPLETE:
	case JOB_FAIL:
		return close_job(db, &h, end, end->action, end->error, err);
	case JOB_RELEASE:
		return release(db, &h, end, err);
	default:
		bug("claim_end: not an end of an attempt: %d", (int)end->action);
	}
}

struct expired {
	int64_t job_id, type_version;
	char token[TOKEN_SIZE], job_type[128];
};

/* Whether its type, as it was when the job was made, has a lost run begun again. One that nobody
 * published, or that cannot be read, says nothing against it: it must not keep the sweep from the
 * jobs of others. */
static enum rc lost_is_retried(struct db *db, const struct expired *x, bool *yes, struct err *err)
{
	struct jobtype type;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = jobtype_load_version(db, x->job_type, x->type_version, &a, &type, err);
	if (rc == RC_NOTFOUND || rc == RC_INVALID) {
		*yes = true;
		rc = RC_OK;
	} else {
		*yes = rc == RC_OK && type.retry_on & (RETRY_LOST | RETRY_ANY);
	}
	arena_release(&a);
	return rc;
}

static enum rc sweep_leases(struct db *db, int64_t backoff_ms, int64_t *n, struct err *err)
{
	struct expired list[SWEEP_MAX];
	struct db_cursor cur;
	size_t count = 0;
	enum rc rc = db_query(db, &cur, SQL_CLAIM_EXPIRED,
	    DB_ARGS(DB_INT(db_lease_clock_ms(db)), DB_INT(SWEEP_MAX)), err);

	if (rc != RC_OK)
		return rc;
	while (count < SWEEP_MAX && (rc = db_next(&cur, err)) == RC_OK) {
		list[count].job_id = db_int(&cur, 0);
		snprintf(list[count].token, TOKEN_SIZE, "%s", db_text(&cur, 1, NULL));
		snprintf(list[count].job_type, sizeof list->job_type, "%s", db_text(&cur, 2, NULL));
		list[count++].type_version = db_int(&cur, 3);
	}
	db_finish(&cur);
	if (rc != RC_OK && rc != RC_DONE)
		return rc;
	for (size_t i = 0; i < count; i++) {
		struct claim_end end = {
		    .action = JOB_RELEASE,
		    .error = "its processor died or stopped answering",
		    .counts = true,
		    .lost = true,
		    .run_at = clock_wall_ms() + backoff_ms / 8,
		    .cpu_ms = -1,
		    .peak_bytes = -1,
		    .read_bytes = -1,
		    .write_bytes = -1,
		    .log_bytes = -1,
		};
		bool again;

		rc = lost_is_retried(db, &list[i], &again, err);
		if (rc != RC_OK)
			return rc;
		if (!again)
			end.action = JOB_FAIL;
		rc = claim_end(db, list[i].job_id, list[i].token, &end, err);
		if (rc != RC_OK && rc != RC_NOTFOUND)
			return rc;
	}
	*n = (int64_t)count;
	return RC_OK;
}

static enum rc sweep_due(struct db *db, int64_t *due, struct err *err)
{
	struct {
		int64_t org_id, project_id;
		char job_type[128];
	} list[SWEEP_MAX];
	struct db_cursor cur;
	size_t count = 0;
	enum rc rc = db_query(
	    db, &cur, SQL_CLAIM_DUE, DB_ARGS(DB_INT(clock_wall_ms()), DB_INT(SWEEP_MAX)), err);

	if (rc != RC_OK)
		return rc;
	while (count < SWEEP_MAX && (rc = db_next(&cur, err)) == RC_OK) {
		list[count].org_id = db_int(&cur, 0);
		list[count].project_id = db_int(&cur, 2);
		snprintf(
		    list[count++].job_type, sizeof list->job_type, "%s", db_text(&cur, 1, NULL));
	}
	db_finish(&cur);
	if (rc != RC_OK && rc != RC_DONE)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = lane_enter(db, list[i].org_id, list[i].job_type, 1, err);
		if (rc == RC_OK)
			rc = job_bump(db, list[i].org_id, list[i].project_id, err);
		if (rc != RC_OK)
			return rc;
	}
	*due = (int64_t)count;
	return RC_OK;
}

enum rc claim_sweep(struct db *db, int64_t backoff_ms, int64_t *n, int64_t *due, struct err *err)
{
	enum rc rc = sweep_leases(db, backoff_ms, n, err);

	return rc == RC_OK ? sweep_due(db, due, err) : rc;
}

enum rc claim_next_due(struct db *db, int64_t *at, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_CLAIM_NEXT_DUE, DB_NO_ARGS, err);

	*at = 0;
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	*at = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

int64_t claim_backoff_ms(int64_t base_ms, int64_t retry)
{
	int64_t ms = base_ms;
	char token[TOKEN_SIZE];
	unsigned jitter = 0;

	for (int64_t i = 1; i < retry && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	sscanf(token_new(token), "%4x", &jitter);
	return ms - ms / 4 + (int64_t)((double)(ms / 2) * jitter / 65536);
}
