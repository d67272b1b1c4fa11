/*
 * Claims: the row lock of the queue, and what a processor writes while it holds one.
 *
 * Lanes say who is next, the index of ready jobs gives the head of a lane. The order is exact: only
 * jobs of the highest priority are looked at; among those it is the turn of the organisation that
 * was served the longest time ago, and within it of the type that was. "When" is a tick of the
 * queue's own clock, one a job, so whoever was idle or held up for long has one turn to come and no
 * more: nobody saves up. All jobs of one call share one token: a write names job and token, so that
 * is as exact as a token each.
 */
#include "core/claim.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"
#include "core/tally.h"

struct org {
	int64_t id, room, vtime;
	int64_t given; /* turns, by share */
};

struct lane {
	size_t org; /* its place in the queue's list */
	struct claim_slot *slot;
	int64_t room, vtime;
	int64_t take; /* turns, by share */
};

/* What waits, of one priority, in the order of turns. */
struct queue {
	struct org *orgs;
	struct lane *lanes;
	size_t org_n, lane_n;
	int64_t priority, clock;
};

static struct claim_slot *slot_of(const struct claim_ask *ask, const char *job_type)
{
	for (size_t i = 0; i < ask->slot_count; i++)
		if (strcmp(ask->slots[i].job_type, job_type) == 0)
			return &ask->slots[i];
	return NULL;
}

/* Room for one more element of a list that doubles and never shrinks. */
static void *more(struct arena *a, void *list, size_t n, size_t size)
{
	void *grown = list;

	if ((n & (n - 1)) == 0) {
		grown = arena_alloc(a, size * (n ? 2 * n : 1));
		if (n)
			memcpy(grown, list, size * n);
	}
	return grown;
}

static void add_lane(
    struct queue *q, const struct db_cursor *cur, struct claim_slot *slot, struct arena *a)
{
	int64_t org_id = db_int(cur, 0);

	if (!q->org_n || q->orgs[q->org_n - 1].id != org_id) {
		q->orgs = more(a, q->orgs, q->org_n, sizeof *q->orgs);
		q->orgs[q->org_n++] =
		    (struct org){.id = org_id, .room = db_int(cur, 3), .vtime = db_int(cur, 6)};
	}
	q->lanes = more(a, q->lanes, q->lane_n, sizeof *q->lanes);
	q->lanes[q->lane_n++] = (struct lane){
	    .org = q->org_n - 1, .slot = slot, .room = db_int(cur, 2), .vtime = db_int(cur, 4)};
}

/* Whether a row belongs to what is read: the highest priority, and as many organisations as there
 * are turns, since each has its own before any has a second. */
static bool within(const struct queue *q, const struct db_cursor *cur, size_t want)
{
	return !q->lane_n || (db_int(cur, 5) == q->priority &&
				 (q->org_n < want || q->orgs[q->org_n - 1].id == db_int(cur, 0)));
}

/* What this host could run now. */
static enum rc read_queue(struct db *db, const struct claim_ask *ask, size_t want, struct arena *a,
    struct queue *q, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_CLAIM_LANES, DB_NO_ARGS, err);

	*q = (struct queue){0};
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		struct claim_slot *slot = slot_of(ask, db_text(&cur, 1, NULL));

		if (!slot || slot->free == 0 || db_null(&cur, 5) ||
		    (ask->org_id && ask->org_id != db_int(&cur, 0)))
			continue;
		if (!within(q, &cur, want))
			break;
		q->priority = db_int(&cur, 5);
		q->clock = db_int(&cur, 7);
		add_lane(q, &cur, slot, a);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* Fill in what is free of each slot. */
static enum rc count_free(struct db *db, const struct claim_ask *ask, struct err *err)
{
	struct db_cursor cur;
	bool limited = false;
	enum rc rc;

	for (size_t i = 0; i < ask->slot_count; i++) {
		ask->slots[i].free = ask->slots[i].limit > 0 ? ask->slots[i].limit : -1;
		limited |= ask->slots[i].limit > 0;
	}
	if (!limited)
		return RC_OK;
	rc = db_query(db, &cur, SQL_CLAIM_LOADS, DB_ARGS(DB_INT(ask->worker_id)), err);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		struct claim_slot *slot = slot_of(ask, db_text(&cur, 0, NULL));

		if (slot && slot->free > 0)
			slot->free--;
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc claim_ready(
    struct db *db, const struct claim_ask *ask, struct arena *a, bool *ready, struct err *err)
{
	struct queue q = {0};
	enum rc rc = count_free(db, ask, err);

	if (rc == RC_OK)
		rc = read_queue(db, ask, 1, a, &q, err);
	*ready = q.lane_n > 0;
	return rc;
}

static bool before(const struct queue *q, const struct lane *a, const struct lane *b)
{
	int64_t of_a = q->orgs[a->org].vtime, of_b = q->orgs[b->org].vtime;

	return of_a < of_b || (of_a == of_b && a->vtime < b->vtime);
}

/* Share `want` turns among the lanes; how many were given. */
static size_t share(struct queue *q, size_t want)
{
	size_t given = 0;

	for (; given < want; given++) {
		struct lane *best = NULL;
		struct org *org;

		for (size_t i = 0; i < q->lane_n; i++) {
			struct lane *l = &q->lanes[i];

			if (l->room > 0 && q->orgs[l->org].room > 0 && l->slot->free != 0 &&
			    (!best || before(q, l, best)))
				best = l;
		}
		if (!best)
			break;
		org = &q->orgs[best->org];
		org->vtime = best->vtime = ++q->clock;
		org->given++;
		org->room--;
		best->take++;
		best->room--;
		if (best->slot->free > 0)
			best->slot->free--;
	}
	return given;
}

struct taking {
	const struct claim_ask *ask;
	int64_t lease_until, now;
	const char *token;
	struct arena *a;
	struct claim *out;
	size_t n;
};

/* The jobs at the head of a lane, as they will be when they are taken. Reading them first and then
 * changing each by its id costs a third less than UPDATE … RETURNING, which keeps three temporary
 * tables. */
static enum rc read_head(
    struct db *db, const struct queue *q, const struct lane *l, struct taking *t, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_CLAIM_HEAD,
	    DB_ARGS(DB_INT(q->orgs[l->org].id), DB_TEXT(l->slot->job_type), DB_INT(q->priority),
		DB_INT(l->take)),
	    err);

	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		struct claim *c = &t->out[t->n++];
		struct job *job = &c->job;

		*c = (struct claim){0};
		job_read(&cur, t->a, job);
		memcpy(c->token, t->token, TOKEN_SIZE);
		job->status = JOB_PROCESSING;
		job->attempt++;
		job->started_at = job->updated_at = t->now;
		job->progress = 0;
		job->current_step = job->error = NULL;
		job->cpu_ms = job->peak_bytes = job->read_bytes = job->write_bytes = -1;
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

static enum rc take_lane(
    struct db *db, const struct queue *q, struct lane *l, struct taking *t, struct err *err)
{
	size_t first = t->n;
	enum rc rc = read_head(db, q, l, t, err);
	int64_t got = (int64_t)(t->n - first);

	for (size_t i = first; i < t->n && rc == RC_OK; i++)
		rc = db_exec(db, SQL_CLAIM_TAKE,
		    DB_ARGS(DB_INT(t->out[i].job.id), DB_TEXT(t->token), DB_INT(t->lease_until),
			DB_OPT(t->ask->worker_id), DB_INT(t->now)),
		    err);
	if (rc != RC_OK)
		return rc;
	if (l->slot->free >= 0)
		l->slot->free += l->take - got;
	return db_exec(db, SQL_CLAIM_LANE,
	    DB_ARGS(DB_INT(q->orgs[l->org].id), DB_TEXT(l->slot->job_type), DB_INT(got),
		DB_INT(l->vtime)),
	    err);
}

static enum rc take_turns(struct db *db, const struct queue *q, struct taking *t, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < q->lane_n && rc == RC_OK; i++)
		if (q->lanes[i].take)
			rc = take_lane(db, q, &q->lanes[i], t, err);
	for (size_t i = 0; i < q->org_n && rc == RC_OK; i++)
		if (q->orgs[i].given)
			rc = db_exec(db, SQL_CLAIM_ORG,
			    DB_ARGS(DB_INT(q->orgs[i].id), DB_INT(q->orgs[i].vtime)), err);
	return rc;
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
			.actor = t->ask->actor ? t->ask->actor : ACTOR_PROCESSOR,
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

enum rc claim_take(struct db *db, const struct claim_ask *ask, struct arena *a, struct claim **out,
    size_t *n, struct err *err)
{
	char token[TOKEN_SIZE];
	struct taking t = {
	    .ask = ask,
	    .lease_until = db_lease_clock_ms(db) + ask->lease_ms,
	    .now = clock_wall_ms(),
	    .token = token_new(token),
	    .a = a,
	    .out = arena_alloc(a, sizeof *t.out * (ask->want ? ask->want : 1)),
	};
	enum rc rc = tally_lanes(db, err);

	*n = 0;
	if (rc == RC_OK)
		rc = count_free(db, ask, err);
	while (rc == RC_OK && t.n < ask->want) {
		size_t before = t.n;
		struct queue q;

		rc = read_queue(db, ask, ask->want - t.n, a, &q, err);
		if (rc != RC_OK || !share(&q, ask->want - t.n))
			break;
		rc = take_turns(db, &q, &t, err);
		if (t.n == before)
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
