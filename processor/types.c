/*
 * Job types of this host: published at start and on SIGHUP, offered at each claim.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "processor/supervisor.h"

static enum rc publish(struct supervisor *sv, struct jobtypes *types, struct err *err)
{
	enum rc rc = db_begin(sv->db, err);

	if (!rc)
		rc = jobtype_publish(sv->db, types, err);
	return db_end(sv->db, rc, err);
}

enum rc types_reload(struct supervisor *sv, struct err *err)
{
	struct arena scratch, fresh;
	struct jobtypes read = {0}, types = {0};
	enum rc rc;

	arena_init(&scratch);
	arena_init(&fresh);
	rc = jobtype_load_dirs(sv->cfg, &scratch, &read, err);
	jobtype_log_bad(&read);
	if (!rc)
		rc = publish(sv, &read, err);
	if (!rc)
		rc = jobtype_load_db(sv->db, &fresh, &types, err);
	arena_release(&scratch);
	if (rc) {
		arena_release(&fresh);
		return rc;
	}
	arena_release(&sv->types_arena);
	sv->types_arena = fresh;
	sv->types = types;
	log_info("job types loaded count=%zu", types.n);
	return RC_OK;
}

/* Versions kept in memory; beyond that all are forgotten and read again. */
#define PAST_MAX 32

enum rc types_of(
    struct supervisor *sv, const struct job *job, const struct jobtype **out, struct err *err)
{
	const struct jobtype *t = jobtype_find(&sv->types, job->job_type);
	enum rc rc;

	*out = t;
	if (t && t->version == job->type_version)
		return RC_OK;
	for (size_t i = 0; i < sv->past.n; i++) {
		*out = &sv->past.list[i];
		if ((*out)->version == job->type_version &&
		    strcmp((*out)->name, job->job_type) == 0)
			return RC_OK;
	}
	if (sv->past.n == PAST_MAX || !sv->past.list) {
		arena_clear(&sv->past_arena);
		sv->past.n = 0;
		sv->past.list = arena_alloc(&sv->past_arena, PAST_MAX * sizeof *sv->past.list);
	}
	rc = jobtype_load_version(sv->db, job->job_type, job->type_version, &sv->past_arena,
	    &sv->past.list[sv->past.n], err);
	if (rc == RC_NOTFOUND)
		return err_set(err, RC_INVALID,
		    "version %" PRId64 " of job type \"%s\", which this job was made with, is gone",
		    job->type_version, job->job_type);
	if (!rc)
		*out = &sv->past.list[sv->past.n++];
	return rc;
}

/* Attempts that the database does not know of any more, but that have processes. */
static int64_t lost_of(const struct supervisor *sv, const char *job_type)
{
	int64_t n = 0;

	for (const struct running *r = sv->list; r; r = r->next)
		n += r->lost && !r->recorded && strcmp(r->at.job_type, job_type) == 0;
	return n;
}

static bool suspended(const struct supervisor *sv, const char *job_type)
{
	int64_t now = clock_boot_ms();

	for (int i = 0; i < SUSPENSIONS_MAX; i++)
		if (sv->suspended[i].until_ms > now &&
		    strcmp(sv->suspended[i].job_type, job_type) == 0)
			return true;
	return false;
}

void types_suspend(struct supervisor *sv, const char *job_type, int64_t ms)
{
	struct suspension *s = &sv->suspended[0];

	for (int i = 1; i < SUSPENSIONS_MAX; i++)
		if (sv->suspended[i].until_ms < s->until_ms)
			s = &sv->suspended[i];
	snprintf(s->job_type, sizeof s->job_type, "%s", job_type);
	s->until_ms = clock_boot_ms() + ms;
}

struct claim_slot *types_slots(struct supervisor *sv, struct arena *a, size_t *n)
{
	struct claim_slot *slots = arena_alloc(a, (sv->types.n + 1) * sizeof *slots);

	*n = 0;
	for (size_t i = 0; i < sv->types.n; i++) {
		const struct jobtype *t = &sv->types.list[i];
		int64_t limit = t->concurrency;

		/* A job whose type is gone or cannot run here waits for somebody who can. */
		if (!t->command || !t->command[0] || !t->available || suspended(sv, t->name))
			continue;
		if (limit > 0 && (limit -= lost_of(sv, t->name)) <= 0)
			continue;
		slots[(*n)++] = (struct claim_slot){.job_type = t->name, .limit = limit};
	}
	return slots;
}
