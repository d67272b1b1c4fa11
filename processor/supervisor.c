/*
 * The loop: signals, the doorbell, one timer for everything that is due, and the turn that runs
 * when nothing else is waiting.
 */
#include "processor/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/log.h"
#include "processor/packer.h"

#define CLEAN_EVERY_MS 5000
#define RETRY_MS 500
#define HANDBACK_GRACE_MS 1000

static void poke(struct supervisor *sv)
{
	sd_event_source_set_enabled(sv->turn, SD_EVENT_ONESHOT);
}

/* ---- sources ---- */

static int on_bell(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct supervisor *sv = userdata;

	(void)source;
	(void)revents;
	doorbell_drain(fd);
	sv->want_claim = sv->want_states = sv->want_pack = true;
	poke(sv);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct supervisor *sv = userdata;
	int64_t now = clock_boot_ms();

	(void)source;
	if (!sv->stopping++) {
		log_info("stopping: no more claims signal=%u running=%" PRId64, info->ssi_signo,
		    supervisor_running(sv));
		sd_notify(0, "STOPPING=1");
		sv->stop_at = now + sv->cfg->stop_grace_ms;
	} else {
		log_info("stopping at once signal=%u", info->ssi_signo);
		sv->stop_at = now;
		sv->handed_back = false;
	}
	poke(sv);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct supervisor *sv = userdata;

	(void)source;
	(void)info;
	sv->reload = true;
	poke(sv);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	poke(userdata);
	return 0;
}

/* ---- the turn ---- */

static void reload(struct supervisor *sv)
{
	struct err err;

	sv->reload = false;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, (uint64_t)clock_boot_us());
	if (types_reload(sv, &err))
		log_error("cannot reload job types, the old ones stay: %s", err.text);
	sd_notify(0, "READY=1");
	sv->want_claim = true;
}

/* WATCHDOG=1 stands behind a turn that read or wrote the database, nowhere else. */
static void say_alive(struct supervisor *sv, int64_t now)
{
	if (!sv->watchdog_us || now < sv->alive_at)
		return;
	sd_notify(0, "WATCHDOG=1");
	sv->alive_at = now + (int64_t)(sv->watchdog_us / 3000);
}

static void stop_step(struct supervisor *sv, int64_t now)
{
	if (!sv->stopping)
		return;
	/* No grace would bring these to their end. */
	for (struct running *r = sv->list; r; r = r->next)
		if (r->at.frozen)
			attempt_stop(&r->at, STOP_HANDBACK, 0);
	if (!sv->handed_back && now >= sv->stop_at) {
		sv->handed_back = true;
		running_stop_all(sv, STOP_HANDBACK, sv->stopping > 1 ? 0 : HANDBACK_GRACE_MS);
	}
	if (!sv->list)
		sd_event_exit(sv->event, 0);
}

/* The next moment at which something is due. */
static int64_t next_moment(const struct supervisor *sv, int64_t checks)
{
	int64_t at = sv->scan_at;
	const int64_t moments[] = {sv->beat_at, sv->sweep_at, sv->clean_at, sv->due_at, checks,
	    sv->host.broken ? sv->retest_at : 0,
	    sv->stopping && !sv->handed_back ? sv->stop_at : 0};

	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		if (moments[i] && moments[i] < at)
			at = moments[i];
	for (const struct running *r = sv->list; r; r = r->next)
		if (r->at.progressed && !r->recorded && !r->lost && r->at.told_ms + 250 < at)
			at = r->at.told_ms + 250;
	/* After a failure nothing is tried before its time. */
	return at < sv->retry_at ? sv->retry_at : at;
}

static void set_timer(struct supervisor *sv, int64_t at)
{
	sd_event_source_set_time(sv->timer, (uint64_t)at * 1000);
	sd_event_source_set_enabled(sv->timer, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct supervisor *sv = userdata;
	int64_t now = clock_boot_ms(), checks;
	struct err err;
	enum rc rc = RC_OK;

	(void)source;
	if (sv->reload)
		reload(sv);
	/* Claims and ends first: jobs wait for those, nobody waits for what is cleared away. */
	if (now >= sv->retry_at)
		rc = turn_take(sv, &err);
	if (rc) {
		log_error("database: %s", err.text);
		sv->retry_at = now + RETRY_MS;
	} else if (now >= sv->retry_at) {
		sv->retry_at = 0;
		say_alive(sv, now);
	}
	checks = running_check(sv);
	if (now >= sv->clean_at) {
		hands_trim(&sv->host.hands, now);
		sweep_files(sv);
		sv->clean_at = now + (recover_clean(sv) ? CLEAN_EVERY_MS : 100);
	}
	if (!sv->retry_at) {
		retire_turn(sv, now);
		packer_turn(sv, now);
	}
	stop_step(sv, now);
	/* What this turn began or recorded may leave more to do at once. */
	if (!rc && !sv->retry_at &&
	    (sv->want_claim || sv->want_states || sv->want_due || sv->want_retire || sv->want_pack))
		poke(sv);
	for (struct running *r = sv->list; r && !sv->retry_at; r = r->next)
		if ((r->at.ended && !r->recorded) || (r->recorded && r->at.pid <= 0))
			poke(sv);
	set_timer(sv, next_moment(sv, checks == INT64_MAX ? 0 : checks));
	return 0;
}

/* ---- beginning and end ---- */

static enum rc make_loop(struct supervisor *sv, struct err *err)
{
	int rc = sd_event_default(&sv->event);

	if (rc >= 0)
		rc = sd_event_add_signal(sv->event, NULL, SIGTERM, on_stop, sv);
	if (rc >= 0)
		rc = sd_event_add_signal(sv->event, NULL, SIGINT, on_stop, sv);
	if (rc >= 0)
		rc = sd_event_add_signal(sv->event, NULL, SIGHUP, on_reload, sv);
	if (rc >= 0)
		rc = sd_event_add_io(sv->event, NULL, sv->bell, EPOLLIN, on_bell, sv);
	if (rc >= 0)
		rc =
		    sd_event_add_time(sv->event, &sv->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, sv);
	if (rc >= 0)
		rc = sd_event_add_defer(sv->event, &sv->turn, on_turn, sv);
	if (rc >= 0)
		rc = sd_event_source_set_priority(sv->turn, SD_EVENT_PRIORITY_IDLE);
	if (rc >= 0)
		return RC_OK;
	errno = -rc;
	return err_sys(err, "cannot make the event loop");
}

/* Our row and our lock appear together: nobody sees a processor without its lock. */
static enum rc make_worker(struct supervisor *sv, struct err *err)
{
	char name[300], host[256] = "";
	struct buf about;
	enum rc rc;

	gethostname(host, sizeof host - 1);
	snprintf(name, sizeof name, "%s:%d", host, (int)getpid());
	buf_init(&about);
	host_about(&sv->host, sv->workers, &about);
	rc = db_begin(sv->db, err);
	if (!rc)
		rc = worker_begin(sv->db, name, host, about.data, &sv->worker_id, err);
	if (!rc)
		rc = worker_lock(sv->host.work, sv->worker_id, &sv->worker_lock, err);
	if (!rc)
		rc = db_commit(sv->db, err);
	if (rc)
		db_rollback(sv->db);
	sv->host.worker_id = sv->worker_id;
	sv->want_about = false;
	buf_release(&about);
	return rc;
}

static enum rc begin(struct supervisor *sv, struct err *err)
{
	int64_t now = clock_boot_ms();
	enum rc rc = host_init(&sv->host, sv->cfg, err);

	if (!rc)
		rc = db_open(sv->cfg, &sv->db, err);
	if (!rc)
		guard_begin(sv);
	/* Before anybody can see this processor: one that is there has told what it can do, which
	 * is what /readyz goes by. */
	if (!rc)
		rc = types_reload(sv, err);
	if (!rc)
		rc = make_worker(sv, err);
	if (!rc)
		rc = doorbell_open(sv->cfg, &sv->bell, &sv->bell_path, err);
	if (!rc)
		rc = make_loop(sv, err);
	if (rc)
		return rc;
	sv->renewed_ms = now;
	sv->beat_at = now + sv->cfg->heartbeat_ms;
	sd_watchdog_enabled(0, &sv->watchdog_us);
	/* The first turn sweeps: after it the leases of the dead are free. */
	rc = turn_take(sv, err);
	if (rc)
		return rc;
	log_info("ready worker=%" PRId64 " slots=%" PRId64 " sandbox=%s limits=%s", sv->worker_id,
	    sv->workers, sv->host.sandboxed ? "bubblewrap" : "none",
	    cgroup_words(&sv->host.cgroups));
	sd_notify(0, "READY=1");
	poke(sv);
	return RC_OK;
}

static void end(struct supervisor *sv)
{
	struct err err;

	if (sv->db && sv->worker_id) {
		packer_stop(sv);
		if (db_begin(sv->db, &err) || worker_end(sv->db, sv->worker_id, &err) ||
		    db_commit(sv->db, &err)) {
			log_warn("cannot sign off: %s", err.text);
			db_rollback(sv->db);
		}
		worker_unlock(sv->host.work, sv->worker_id);
		if (db_checkpoint(sv->db, &err))
			log_warn("cannot fold the log into the database: %s", err.text);
	}
	if (sv->bell >= 0)
		doorbell_close(sv->bell, sv->bell_path);
	db_close(sv->db);
	host_release(&sv->host);
	arena_release(&sv->types_arena);
	arena_release(&sv->past_arena);
	sv->timer = sd_event_source_unref(sv->timer);
	sv->turn = sd_event_source_unref(sv->turn);
	sv->event = sd_event_unref(sv->event);
}

int supervisor_run(const struct config *cfg)
{
	struct supervisor sv = {.cfg = cfg, .bell = -1, .worker_lock = -1, .workers = cfg->workers};
	struct err err = {0};
	sigset_t set;
	int rc;

	arena_init(&sv.types_arena);
	arena_init(&sv.past_arena);
	if (sv.workers <= 0)
		sv.workers = sysconf(_SC_NPROCESSORS_ONLN);
	/* Blocked for good: the loop reads them; runners start with none blocked. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (begin(&sv, &err)) {
		log_error("cannot start: %s", err.text);
		end(&sv);
		return err.rc == RC_INVALID ? EX_CONFIG : EX_TEMPFAIL;
	}
	rc = sd_event_loop(sv.event);
	if (rc < 0)
		log_error("the event loop failed: %s", strerror(-rc));
	end(&sv);
	return rc < 0 ? EX_SOFTWARE : EX_OK;
}
