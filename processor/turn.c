/*
 * One turn: read what others did to our jobs, then write what became of them and claim new ones,
 * all in one transaction. Ends of attempts are durable before anyone hears of them; claims and
 * progress need no sync.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/outputs.h"
#include "processor/supervisor.h"

#define PROGRESS_EVERY_MS 250
/* How often to look for what nobody rang for. */
#define SCAN_MS 1000
#define DUE_AGAIN_MS 10
#define SUSPEND_MS 60000
#define EXIT_MS 5000
#define DEAD_MAX 32
/* Rows of one transaction, so that it stays short. */
#define BATCH_MAX 128

/* What one transaction carries. */
struct batch {
	struct arena arena;
	struct running *ends[BATCH_MAX], *told[BATCH_MAX];
	enum rc end_rc[BATCH_MAX];
	size_t end_count, told_count, outputs;
	bool beat, sweep, lost, look;
	int64_t dead[DEAD_MAX];
	size_t dead_count;
	struct claim_ask ask; /* want 0: nothing is to be claimed */
	struct claim *claims;
	size_t claim_count;
	int64_t swept, due;
};

/* ---- reading ---- */

/* Jobs that were paused, resumed, cancelled, deleted or taken from us. */
static enum rc read_states(struct supervisor *sv, struct err *err)
{
	for (struct running *r = sv->list; r; r = r->next) {
		enum job_status status = JOB_STATUS_MAX;
		enum rc rc;

		if (r->recorded || r->lost)
			continue;
		rc = claim_state(sv->db, r->at.job_id, r->at.token, &status, err);
		if (rc && rc != RC_NOTFOUND)
			return rc;
		if (rc == RC_NOTFOUND) {
			r->lost = true;
			attempt_stop(&r->at, STOP_LOST, 0);
		} else if (status == JOB_PROCESSING || status == JOB_PAUSED) {
			attempt_freeze(&r->at, status == JOB_PAUSED);
		} else {
			attempt_stop(&r->at, STOP_CANCEL, ATTEMPT_CANCEL_GRACE_MS);
		}
	}
	return RC_OK;
}

/* What ended and waits to be recorded leaves its place to another job in the same transaction.
 * Not where this host failed: its type, or everything, may have to be suspended first. */
static bool places_left(const struct supervisor *sv)
{
	bool left = false;

	for (const struct running *r = sv->list; r; r = r->next) {
		if (!r->at.ended || r->recorded)
			continue;
		if (r->at.end.cause == RUN_FAULT)
			return false;
		left = true;
	}
	return left;
}

/* What to claim. If somebody rang, or there will be a commit anyway, the claim itself looks for
 * jobs; otherwise nobody takes the write lock without having seen one. */
static enum rc read_claimable(struct supervisor *sv, struct batch *b, bool found, struct err *err)
{
	int64_t room = supervisor_room(sv);
	enum rc rc = RC_OK;

	if (room <= 0 || sv->stopping || sv->host.broken)
		return RC_OK;
	b->ask = (struct claim_ask){.worker_id = sv->worker_id, .lease_ms = sv->cfg->lease_ms};
	b->ask.slots = types_slots(sv, &b->arena, &b->ask.slot_count);
	if (!found)
		rc = claim_ready(sv->db, &b->ask, &b->arena, &found, err);
	if (!rc && found)
		b->ask.want = room < BATCH_MAX ? (size_t)room : BATCH_MAX;
	return rc;
}

static enum rc read_news(struct supervisor *sv, struct batch *b, int64_t now, struct err *err)
{
	bool due = sv->want_due || (sv->due_at && now >= sv->due_at);
	bool scan = now >= sv->scan_at, found = sv->want_claim || due || places_left(sv);
	bool waiting = false;
	enum rc rc = RC_OK;

	b->look = scan || found;
	b->sweep = now >= sv->sweep_at || due;
	if (now >= sv->sweep_at)
		rc = recover_find(sv, b->dead, DEAD_MAX, &b->dead_count, &waiting, err);
	if (!rc && (sv->want_states || scan))
		rc = read_states(sv, err);
	if (!rc && b->look)
		rc = read_claimable(sv, b, found, err);
	sv->settle_at = waiting ? now + 50 : 0;
	return rc;
}

/* ---- what is to be written ---- */

static void collect(struct supervisor *sv, struct batch *b, int64_t now)
{
	for (struct running *r = sv->list; r; r = r->next) {
		if (r->recorded)
			continue;
		if (r->at.ended && b->end_count < BATCH_MAX && b->outputs < OUTPUTS_MAX) {
			attempt_take(&r->at, &sv->host);
			b->ends[b->end_count++] = r;
			b->outputs += r->at.outcome.output_count;
		}
		/* Also the last news of one that ended: 100 % and its counts. */
		if (r->at.progressed && b->told_count < BATCH_MAX && !r->lost &&
		    (r->at.ended || now - r->at.told_ms >= PROGRESS_EVERY_MS))
			b->told[b->told_count++] = r;
	}
	b->beat = now >= sv->beat_at;
}

static enum rc write_progress(struct supervisor *sv, struct running *r, struct err *err)
{
	const struct message_progress *m = &r->at.progress;
	struct claim_progress p = {.percent = m->percent,
	    .step = *m->step ? m->step : NULL,
	    .total = m->total,
	    .processed = m->processed,
	    .rejected = m->rejected};
	enum rc rc = claim_progress(sv->db, r->at.job_id, r->at.token, &p, err);

	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc write_beat(struct supervisor *sv, struct batch *b, struct err *err)
{
	enum rc rc = worker_beat(sv->db, sv->worker_id, supervisor_running(sv), err);

	for (struct running *r = sv->list; r && !rc; r = r->next) {
		if (r->recorded || r->lost)
			continue;
		rc = claim_renew(sv->db, r->at.job_id, r->at.token, sv->cfg->lease_ms, err);
		if (rc == RC_NOTFOUND) {
			b->lost = true;
			rc = RC_OK;
		}
	}
	return rc;
}

/* What is to be known of us has changed. */
static enum rc write_about(struct supervisor *sv, struct err *err)
{
	struct buf about;
	enum rc rc;

	buf_init(&about);
	host_about(&sv->host, sv->workers, &about);
	rc = worker_tell(sv->db, sv->worker_id, about.data, err);
	buf_release(&about);
	return rc;
}

static enum rc write_all(struct supervisor *sv, struct batch *b, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < b->told_count && !rc; i++)
		rc = write_progress(sv, b->told[i], err);
	for (size_t i = 0; i < b->end_count && !rc; i++) {
		const struct running *r = b->ends[i];

		b->end_rc[i] = RC_NOTFOUND;
		if (!r->lost)
			b->end_rc[i] =
			    claim_end(sv->db, r->at.job_id, r->at.token, &r->at.outcome, err);
		if (b->end_rc[i] != RC_NOTFOUND)
			rc = b->end_rc[i];
	}
	if (!rc && b->beat)
		rc = write_beat(sv, b, err);
	if (!rc && sv->want_about)
		rc = write_about(sv, err);
	for (size_t i = 0; i < b->dead_count && !rc; i++)
		rc = worker_expire(sv->db, b->dead[i], err);
	if (!rc && b->sweep)
		rc = claim_sweep(sv->db, sv->cfg->backoff_ms, &b->swept, &b->due, err);
	if (!rc && b->ask.want)
		rc = claim_take(sv->db, &b->ask, &b->arena, &b->claims, &b->claim_count, err);
	return rc;
}

static enum rc write_batch(struct supervisor *sv, struct batch *b, struct err *err)
{
	enum rc rc;

	if (!b->end_count && !b->told_count && !b->beat && !b->sweep && !b->dead_count &&
	    !b->ask.want && !sv->want_about)
		return RC_OK;
	rc = db_begin(sv->db, err);
	if (!rc)
		rc = write_all(sv, b, err);
	return db_end(sv->db, rc, err);
}

/* ---- what follows from it ---- */

/* A job this host could not run. If the sandbox does not hold any more nothing is claimed until it
 * does; otherwise it is this type that does not run here. */
static void host_failed(struct supervisor *sv, const struct attempt *at)
{
	log_error("this host could not run a job: %s type=%s job=%" PRId64, at->end.last_error,
	    at->job_type, at->job_id);
	if (!guard_holds(sv))
		return;
	types_suspend(sv, at->job_type, SUSPEND_MS);
	log_error("no job of this type is claimed for a minute type=%s", at->job_type);
}

static void end_recorded(struct supervisor *sv, struct running *r, enum rc rc)
{
	struct attempt *at = &r->at;

	r->recorded = true;
	/* Its runner has nothing left to do but to exit. */
	at->overdue_ms = clock_boot_ms() + EXIT_MS;
	if (rc)
		attempt_untake(at, &sv->host);
	log_debug("ended action=%s%s%s job=%" PRId64, job_action_name(at->outcome.action),
	    at->outcome.error ? " error=" : "", at->outcome.error ? at->outcome.error : "",
	    at->job_id);
	if (at->end.cause == RUN_FAULT && !at->ending.stopped)
		host_failed(sv, at);
}

static void committed(struct supervisor *sv, struct batch *b, int64_t now)
{
	if (now >= sv->scan_at)
		sv->scan_at = now + SCAN_MS;
	if (now >= sv->sweep_at)
		sv->sweep_at = now + 5000;
	if (sv->settle_at)
		sv->sweep_at = sv->settle_at;
	if (b->beat) {
		sv->beat_at = now + sv->cfg->heartbeat_ms;
		sv->renewed_ms = now;
	}
	for (size_t i = 0; i < b->told_count; i++) {
		b->told[i]->at.progressed = false;
		b->told[i]->at.told_ms = now;
	}
	for (size_t i = 0; i < b->dead_count; i++) {
		log_warn("a processor died, its jobs are taken back worker=%" PRId64, b->dead[i]);
		worker_unlock(sv->host.work, b->dead[i]);
	}
	sv->want_about = false;
	sv->want_states = b->lost;
	sv->want_due = false;
	/* What was swept may run; what ended leaves room, unless that was claimed for already. */
	sv->want_claim = b->swept || b->due || b->dead_count || b->claim_count == BATCH_MAX ||
			 (b->end_count && !b->ask.want);
	if (b->swept)
		log_warn("leases ran out count=%" PRId64, b->swept);
	for (size_t i = 0; i < b->end_count; i++)
		end_recorded(sv, b->ends[i], b->end_rc[i]);
}

/* The next of those that ended here whose place another may take as it is; NULL. */
static struct attempt *next_leaving(struct supervisor *sv, struct batch *b, size_t *next)
{
	while (*next < b->end_count) {
		struct attempt *at = &b->ends[(*next)++]->at;

		if (attempt_may_leave(at, &sv->host))
			return at;
	}
	return NULL;
}

/* What was claimed starts while the disk works: a claim that a power cut takes back is none, and
 * the command of a job may be run again. Ends are durable before anyone hears of them. */
static enum rc start_claimed(struct supervisor *sv, struct batch *b, struct err *err)
{
	size_t next = 0;

	for (size_t i = 0; i < b->claim_count; i++)
		running_start(sv, &b->claims[i], next_leaving(sv, b, &next));
	return b->end_count ? db_sync(sv->db, err) : RC_OK;
}

/* When the next delayed job may run, after what ready jobs wait for. Not beyond the next scan: that
 * one looks again, in case somebody sets the clock meanwhile. */
static enum rc look_ahead(
    struct supervisor *sv, const struct batch *b, int64_t now, struct err *err)
{
	int64_t at = 0, left;
	enum rc rc = claim_next_due(sv->db, &at, err);

	left = at ? at - clock_wall_ms() : INT64_MAX;
	/* What a sweep has just not found it finds a moment later. */
	if (left <= 0 && b->sweep && !b->due)
		left = DUE_AGAIN_MS;
	sv->want_due = !rc && left <= 0;
	sv->due_at = left > 0 && left <= SCAN_MS ? now + left : 0;
	return rc;
}

enum rc turn_take(struct supervisor *sv, struct err *err)
{
	int64_t now = clock_boot_ms();
	struct batch b = {0};
	enum rc rc;

	guard_turn(sv, now);
	arena_init(&b.arena);
	rc = read_news(sv, &b, now, err);
	if (!rc) {
		collect(sv, &b, now);
		rc = write_batch(sv, &b, err);
	}
	if (!rc)
		rc = start_claimed(sv, &b, err);
	if (!rc)
		committed(sv, &b, now);
	if (!rc && b.look)
		rc = look_ahead(sv, &b, now, err);
	/* Without the database nobody can renew our leases: others will run these jobs. */
	if (rc && now - sv->renewed_ms > sv->cfg->lease_ms)
		running_stop_all(sv, STOP_LOST, 0);
	arena_release(&b.arena);
	return rc;
}
