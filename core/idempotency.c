/*
 * Requests that were answered before. A row is written by the transaction that makes what the
 * request asks for, so there is never one without the other.
 */
#include "core/idempotency.h"

#include <string.h>

#include "core/clock.h"

#define KEEP_MS INT64_C(86400000)

enum rc idempotency_lookup(struct db *db, const struct scope *sc, const char *key,
    const char *request_hash, struct arena *a, const char **response, struct err *err)
{
	struct db_cursor cur;
	enum rc rc;

	rc = db_one(db, &cur, SQL_IDEMPOTENCY_GET,
	    DB_ARGS(DB_INT(sc->org_id), DB_TEXT(key), DB_INT(clock_wall_ms() - KEEP_MS)), err);
	if (rc != RC_OK)
		return rc;
	if (strcmp(db_text(&cur, 0, NULL), request_hash) != 0)
		rc = err_set(
		    err, RC_INVALID, "Idempotency-Key was used before for a different request");
	else
		*response = arena_strdup(a, db_text(&cur, 1, NULL));
	db_finish(&cur);
	return rc;
}

enum rc idempotency_store(struct db *db, const struct scope *sc, const char *key,
    const char *request_hash, const char *response, struct err *err)
{
	int64_t now = clock_wall_ms();
	enum rc rc;

	rc = db_exec(db, SQL_IDEMPOTENCY_PUT,
	    DB_ARGS(DB_INT(sc->org_id), DB_TEXT(key), DB_TEXT(request_hash), DB_TEXT(response),
		DB_INT(now), DB_INT(now - KEEP_MS)),
	    err);
	if (rc == RC_OK && db_changes(db) == 0)
		return err_set(
		    err, RC_CONFLICT, "Idempotency-Key is being used by another request");
	return rc;
}

enum rc idempotency_sweep(struct db *db, bool *more, struct err *err)
{
	enum rc rc = db_begin(db, err);

	*more = false;
	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_IDEMPOTENCY_SWEEP, DB_ARGS(DB_INT(clock_wall_ms() - KEEP_MS)), err);
	*more = rc == RC_OK && db_changes(db) > 0;
	return db_end(db, rc, err);
}
