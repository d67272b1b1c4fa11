/*
 * Attempts in the loop: their descriptors, their overdue moments, their way out of the list.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "processor/supervisor.h"

/* How often to look whether the processes a dead runner left are gone. */
#define SETTLE_EVERY_MS 10

static void poke(struct supervisor *sv)
{
	sd_event_source_set_enabled(sv->turn, SD_EVENT_ONESHOT);
}

static void unwatch(sd_event_source **source)
{
	*source = sd_event_source_disable_unref(*source);
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct running *r = userdata;
	struct err err;
	enum rc rc = attempt_read(&r->at, &err);

	(void)source;
	(void)fd;
	(void)revents;
	if (rc && rc != RC_DONE) {
		log_error("%s job=%" PRId64, err.text, r->at.job_id);
		attempt_kill(&r->at);
	}
	if (rc || r->at.ended)
		unwatch(&r->messages);
	if ((!rc || rc == RC_DONE) && attempt_part(&r->at, &r->sv->host))
		unwatch(&r->exit);
	poke(r->sv);
	return 0;
}

static int on_runner_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct running *r = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	/* What it said before it ended may still lie in the socket. */
	if (r->messages)
		on_message(NULL, 0, 0, r);
	unwatch(&r->messages);
	if (attempt_reap(&r->at))
		unwatch(&r->exit);
	poke(r->sv);
	return 0;
}

/* What to run: the type as it was, and the values of its parameters. */
static enum rc make_order(struct supervisor *sv, const struct claim *c, struct arena *a,
    struct order *order, struct err *err)
{
	const struct job *job = &c->job;
	const char *sealed = NULL, *missing;
	enum rc rc = types_of(sv, job, &order->type, err);

	order->claim = c;
	if (!rc)
		rc = params_from_json(&order->type->params, job->params, a, &order->values, err);
	if (!rc)
		rc = secret_load(sv->db, job->org_id, job->id, a, &sealed, err);
	/* What was hidden is not what was given. */
	for (size_t i = 0; !rc && i < order->type->params.n; i++)
		if (order->type->params.list[i].kind == PARAM_KIND_SECRET)
			order->values[i] = NULL;
	if (!rc && sealed)
		rc = secret_open(sv->cfg, &order->type->params, sealed, a, order->values, err);
	if (rc || order->type->available)
		return rc;
	/* A type in force is claimed only where its programs are. */
	missing = jobtype_missing(sv->cfg, order->type, a);
	if (missing)
		rc = err_set(err, RC_INVALID,
		    "program \"%.100s\" of the version of job type \"%s\" that this job was made "
		    "with is missing",
		    missing, job->job_type);
	return rc;
}

void running_start(struct supervisor *sv, const struct claim *c, struct attempt *before)
{
	struct running *r = calloc(1, sizeof *r);
	struct order order = {.before = before};
	struct arena a;
	struct err err;
	enum rc rc;

	if (!r)
		bug("out of memory");
	r->sv = sv;
	r->next = sv->list;
	sv->list = r;
	arena_init(&a);
	rc = make_order(sv, c, &a, &order, &err);
	if (rc)
		attempt_refuse(&r->at, &sv->host, c, &err);
	else
		rc = attempt_start(&r->at, &sv->host, &order, &err);
	arena_release(&a);
	if (rc) {
		log_error("cannot start: %s job=%" PRId64, err.text, c->job.id);
		poke(sv);
		return;
	}
	log_debug("started type=%s attempt=%" PRId64 " job=%" PRId64, c->job.job_type,
	    c->job.attempt, c->job.id);
	if (sd_event_add_io(sv->event, &r->messages, r->at.sock, EPOLLIN, on_message, r) < 0 ||
	    sd_event_add_io(sv->event, &r->exit, r->at.pidfd, EPOLLIN, on_runner_exit, r) < 0)
		bug("cannot watch a runner");
}

static void leave(struct supervisor *sv, struct running **link)
{
	struct running *r = *link;

	*link = r->next;
	/* Its job may be one that was deleted meanwhile. */
	sv->want_retire = true;
	unwatch(&r->messages);
	unwatch(&r->exit);
	attempt_release(&r->at, &sv->host);
	free(r);
}

int64_t running_check(struct supervisor *sv)
{
	int64_t now = clock_boot_ms(), next = INT64_MAX;

	for (struct running **link = &sv->list; *link;) {
		struct running *r = *link;
		bool dying = r->at.dying && !r->at.ended;

		if (r->recorded && r->at.pid <= 0) {
			leave(sv, link);
			continue;
		}
		link = &r->next;
		if (dying && attempt_settle(&r->at, &sv->host))
			poke(sv);
		else if (dying && now + SETTLE_EVERY_MS < next)
			next = now + SETTLE_EVERY_MS;
		if (!r->at.overdue_ms || r->at.pid <= 0 || (r->at.ended && !r->recorded))
			continue;
		if (now >= r->at.overdue_ms) {
			log_error("a runner does not end, killing it job=%" PRId64, r->at.job_id);
			attempt_kill(&r->at);
		} else if (r->at.overdue_ms < next) {
			next = r->at.overdue_ms;
		}
	}
	return next;
}

void running_stop_all(struct supervisor *sv, enum stop_why why, int64_t grace_ms)
{
	for (struct running *r = sv->list; r; r = r->next)
		if (!r->recorded)
			attempt_stop(&r->at, why, grace_ms);
}

int64_t supervisor_running(const struct supervisor *sv)
{
	int64_t n = 0;

	for (const struct running *r = sv->list; r; r = r->next)
		n += !r->recorded && !r->at.ended;
	return n;
}

int64_t supervisor_room(const struct supervisor *sv)
{
	int64_t all = supervisor_running(sv), frozen = 0;

	for (const struct running *r = sv->list; r; r = r->next)
		frozen += !r->recorded && !r->at.ended && r->at.frozen;
	if (frozen > sv->workers)
		frozen = sv->workers;
	return sv->workers + frozen - all;
}
