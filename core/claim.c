/*
 * Claims: the row lock of the queue, and everything a processor writes while it holds one.
 *
 * Lanes say who is next, the index of ready jobs gives the head of a lane. All jobs of one call
 * share one token: a write names job and token, so that is as exact as a token each. The order is
 * exact too: a lane is asked only for jobs of its highest priority, and lanes of equal priority
 * are served by least virtual time.
 */
#include "core/claim.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"
#include "core/tally.h"

#define LANES_MAX 256
#define SWEEP_MAX 200
#define CRASHES_MAX 3 /* runners a job may take down before it is quarantined */
#define BACKOFF_MAX_MS INT64_C(3600000)
#define VTIME_PER_JOB 1000

static const char actor[] = "processor";

struct lane {
	int64_t org_id, vtime, room, priority;
	char job_type[128];
	struct claim_slot *slot;
	int64_t take;
};

static struct claim_slot *slot_of(struct claim_slot *slots, size_t n, const char *job_type)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(slots[i].job_type, job_type) == 0)
			return &slots[i];
	return NULL;
}

/* Lanes of the highest priority that this host can serve now. */
static enum rc read_lanes(struct db *db, struct claim_slot *slots, size_t slot_count,
    struct lane *lanes, size_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = tally_write(db, err);

	*n = 0;
	if (rc == RC_OK)
		rc = db_query(db, &cur, SQL_CLAIM_LANES, DB_NO_ARGS, err);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK && *n < LANES_MAX) {
		struct lane *l = &lanes[*n];

		l->slot = slot_of(slots, slot_count, db_text(&cur, 1, NULL));
		if (!l->slot || l->slot->free == 0 || db_null(&cur, 4))
			continue;
		l->org_id = db_int(&cur, 0);
		snprintf(l->job_type, sizeof l->job_type, "%s", db_text(&cur, 1, NULL));
		l->vtime = db_int(&cur, 2);
		l->room = db_int(&cur, 3);
		l->priority = db_int(&cur, 4);
		l->take = 0;
		if (*n && l->priority < lanes[0].priority)
			break;
		++*n;
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* Share `want` among the lanes, one job at a time to the lane that has had least. */
static size_t share(struct lane *lanes, size_t n, size_t want)
{
	size_t given = 0;

	for (; given < want; given++) {
		struct lane *best = NULL;

		for (size_t i = 0; i < n; i++) {
			struct lane *l = &lanes[i];

			if (l->room > 0 && l->slot->free != 0 && (!best || l->vtime < best->vtime))
				best = l;
		}
		if (!best)
			break;
		best->take++;
		best->room--;
		best->vtime += VTIME_PER_JOB;
		if (best->slot->free > 0)
			best->slot->free--;
	}
	return given;
}

struct taking {
	int64_t worker_id, lease_until, now;
	const char *token;
	struct arena *a;
	struct claim *out;
	size_t n;
};

static enum rc take_lane(struct db *db, struct lane *l, struct taking *t, struct err *err)
{
	struct db_cursor cur;
	int64_t got = 0;
	enum rc rc = db_query(db, &cur, SQL_CLAIM_TAKE,
	    DB_ARGS(DB_INT(l->org_id), DB_TEXT(l->job_type), DB_INT(l->take), DB_INT(l->priority),
		DB_TEXT(t->token), DB_INT(t->lease_until), DB_INT(t->worker_id), DB_INT(t->now)),
	    err);

	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		struct claim *c = &t->out[t->n++];

		*c = (struct claim){0};
		job_read(&cur, t->a, &c->job);
		memcpy(c->token, t->token, TOKEN_SIZE);
		got++;
	}
	db_finish(&cur);
	if (rc != RC_DONE)
		return rc;
	if (l->slot->free >= 0)
		l->slot->free += l->take - got;
	l->take = got;
	return got ? db_exec(db, SQL_CLAIM_LANE,
			 DB_ARGS(DB_INT(l->org_id), DB_TEXT(l->job_type), DB_INT(got)), err)
		   : RC_OK;
}

/* History, counters, inputs and the projects' versions. */
static enum rc record_claims(struct db *db, struct taking *t, struct err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		struct claim *c = &t->out[i];
		struct scope sc = {.org_id = c->job.org_id, .project_id = c->job.project_id};
		enum rc rc = job_record(db,
		    &(struct job_change){.org_id = c->job.org_id,
			.project_id = c->job.project_id,
			.job_id = c->job.id,
			.at = t->now,
			.job_type = c->job.job_type,
			.actor = actor,
			.from = JOB_PENDING,
			.to = JOB_PROCESSING},
		    err);

		if (rc == RC_OK && c->job.files_in)
			rc = job_files(db, &sc, c->job.id, t->a, &c->inputs, &c->input_count, err);
		if (rc == RC_OK)
			rc = job_bump(db, c->job.org_id, c->job.project_id, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc claim_take(struct db *db, int64_t worker_id, struct claim_slot *slots, size_t slot_count,
    size_t want, int64_t lease_ms, struct arena *a, struct claim **out, size_t *n, struct err *err)
{
	struct lane *lanes = arena_alloc(a, sizeof *lanes * LANES_MAX);
	char token[TOKEN_SIZE];
	struct taking t = {
	    .worker_id = worker_id,
	    .lease_until = db_lease_clock_ms(db) + lease_ms,
	    .now = clock_wall_ms(),
	    .token = token_new(token),
	    .a = a,
	    .out = arena_alloc(a, sizeof *t.out * (want ? want : 1)),
	};
	enum rc rc = RC_OK;

	*n = 0;
	while (t.n < want) {
		size_t count, before = t.n;

		rc = read_lanes(db, slots, slot_count, lanes, &count, err);
		if (rc != RC_OK || !share(lanes, count, want - t.n))
			break;
		for (size_t i = 0; i < count && rc == RC_OK; i++)
			if (lanes[i].take)
				rc = take_lane(db, &lanes[i], &t, err);
		if (rc != RC_OK || t.n == before)
			break;
	}
	if (rc == RC_OK)
		rc = record_claims(db, &t, err);
	if (rc != RC_OK)
		return rc;
	*out = t.out;
	*n = t.n;
	return RC_OK;
}

enum rc claim_renew(
    struct db *db, int64_t job_id, const char *token, int64_t lease_ms, struct err *err)
{
	enum rc rc = db_exec(db, SQL_CLAIM_RENEW,
	    DB_ARGS(DB_INT(job_id), DB_TEXT(token), DB_INT(db_lease_clock_ms(db) + lease_ms)), err);

	return rc == RC_OK && db_changes(db) == 0 ? RC_NOTFOUND : rc;
}

enum rc claim_state(
    struct db *db, int64_t job_id, const char *token, enum job_status *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc =
	    db_one(db, &cur, SQL_CLAIM_STATE, DB_ARGS(DB_INT(job_id), DB_TEXT(token)), err);

	if (rc != RC_OK)
		return rc;
	*out = job_status_parse(db_text(&cur, 0, NULL));
	db_finish(&cur);
	return RC_OK;
}

static struct db_arg known(int64_t n)
{
	return n < 0 ? DB_NULL : DB_INT(n);
}

enum rc claim_progress(struct db *db, int64_t job_id, const char *token,
    const struct claim_progress *p, struct err *err)
{
	int64_t org_id, project_id;
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_CLAIM_PROGRESS,
	    DB_ARGS(DB_INT(job_id), DB_TEXT(token), known(p->percent), DB_TEXT(p->step),
		known(p->total), known(p->processed), known(p->rejected), DB_INT(clock_wall_ms())),
	    err);

	if (rc != RC_OK)
		return rc;
	org_id = db_int(&cur, 0);
	project_id = db_int(&cur, 1);
	db_finish(&cur);
	return job_bump(db, org_id, project_id, err);
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
    const char *reason, int64_t now, struct err *err)
{
	enum rc rc = job_record(db,
	    &(struct job_change){.org_id = h->org_id,
		.project_id = h->project_id,
		.job_id = h->job_id,
		.at = now,
		.job_type = h->job_type,
		.actor = actor,
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

static enum rc close_job(struct db *db, const struct held *h, const struct claim_end *end,
    enum job_action action, const char *error, struct err *err)
{
	int64_t now = clock_wall_ms();
	size_t outputs = action == JOB_COMPLETE ? end->output_count : 0;
	enum rc rc = db_exec(db, SQL_CLAIM_CLOSE,
	    DB_ARGS(DB_INT(h->job_id), DB_TEXT(h->token),
		DB_TEXT(job_status_name(job_next(h->status, action))), DB_TEXT(error),
		DB_TEXT(end->result), known(end->cpu_ms), known(end->peak_bytes),
		known(end->log_bytes), DB_INT((int64_t)outputs), DB_INT(now), DB_INT(end->crashed)),
	    err);

	for (size_t i = 0; i < outputs && rc == RC_OK; i++) {
		const struct file *f = &end->outputs[i];

		rc = db_exec(db, SQL_FILE_INSERT,
		    DB_ARGS(DB_TEXT(f->uuid), DB_INT(h->org_id), DB_INT(h->job_id), DB_INT(1),
			DB_TEXT(f->name), DB_INT(f->size_bytes), DB_TEXT(f->content_type),
			DB_TEXT(f->sha256), DB_INT(now)),
		    err);
	}
	return rc == RC_OK ? finish(db, h, action, error, now, err) : rc;
}

/* A frozen job is not to blame for what becomes of its processor: it stays paused, and nothing is
 * counted. */
static enum rc release(
    struct db *db, const struct held *h, const struct claim_end *end, struct err *err)
{
	int64_t now = clock_wall_ms(), run_at = end->run_at > now ? end->run_at : now;
	bool paused = h->status == JOB_PAUSED;
	bool crashed = end->crashed && !paused, counts = end->counts && !(paused && end->crashed);
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
		rc = finish(db, h, JOB_RELEASE, end->error, now, err);
	if (rc == RC_OK && !paused && run_at <= now)
		rc = lane_enter(db, h->org_id, h->job_type, 1, err);
	return rc;
}

enum rc claim_end(
    struct db *db, int64_t job_id, const char *token, const struct claim_end *end, struct err *err)
{
	struct held h;
	enum rc rc = lock_held(db, job_id, token, &h, err);

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
	int64_t job_id;
	char token[TOKEN_SIZE];
};

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
		snprintf(list[count++].token, TOKEN_SIZE, "%s", db_text(&cur, 1, NULL));
	}
	db_finish(&cur);
	if (rc != RC_OK && rc != RC_DONE)
		return rc;
	for (size_t i = 0; i < count; i++) {
		struct claim_end end = {
		    .action = JOB_RELEASE,
		    .error = "its processor died or stopped answering",
		    .counts = true,
		    .crashed = true,
		    .run_at = clock_wall_ms() + backoff_ms / 8,
		    .cpu_ms = -1,
		    .peak_bytes = -1,
		    .log_bytes = -1,
		};

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
