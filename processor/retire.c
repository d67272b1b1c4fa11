/*
 * Retiring jobs, once a second and whenever an attempt has left: those whose files were kept long
 * enough, and those that were deleted while they ran (core/retire.h). A part at
 * each turn, behind everything that jobs wait for.
 */
#include <inttypes.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/retire.h"
#include "processor/supervisor.h"

#define EVERY_MS 1000
#define AFTER_FAILURE_MS 5000

static enum rc retire(struct supervisor *sv, struct arena *a, struct err *err)
{
	struct job_gone gone[RETIRE_JOBS_MAX];
	size_t n = 0;
	bool due;
	enum rc rc = retire_due(sv->db, &due, err);

	if (rc || !due)
		return rc;
	rc = retire_take(sv->db, a, gone, &n, err);
	for (size_t i = 0; i < n; i++) {
		job_unlink(&sv->host.store, &gone[i]);
		log_debug("files are gone job=%s", gone[i].uuid);
	}
	/* There may be more. */
	sv->want_retire = n > 0;
	return rc;
}

void retire_turn(struct supervisor *sv, int64_t now)
{
	struct arena a;
	struct err err;

	if (!sv->want_retire && now < sv->retire_at)
		return;
	sv->want_retire = false;
	sv->retire_at = now + EVERY_MS;
	arena_init(&a);
	if (retire(sv, &a, &err)) {
		log_error("cannot retire jobs: %s", err.text);
		sv->retire_at = now + AFTER_FAILURE_MS;
	}
	arena_release(&a);
}
