/*
 * What was answered to requests that carry a key, for a day: one that comes again makes nothing.
 *
 * A key is told apart by organisation alone: whoever says it puts the user into it. A secret that
 * is shown once is no part of what is kept.
 */
#ifndef CORE_IDEMPOTENCY_H
#define CORE_IDEMPOTENCY_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"

/* RC_OK and the stored answer (arena); RC_NOTFOUND; RC_INVALID when the key was used for another
 * request, with a sentence. */
enum rc idempotency_lookup(struct db *db, const struct scope *sc, const char *key,
    const char *request_hash, struct arena *a, const char **response, struct err *err);
/* Inside the creating transaction. RC_CONFLICT: another request has the key since. */
enum rc idempotency_store(struct db *db, const struct scope *sc, const char *key,
    const char *request_hash, const char *response, struct err *err);

/* Forget a bounded number of those that are older than a day; *more: there may be others. */
enum rc idempotency_sweep(struct db *db, bool *more, struct err *err);

#endif
