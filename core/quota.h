/*
 * What an org may have: bytes stored, jobs that wait, bytes of one file, uploads a minute. Asked at
 * admission, before a body is received, and again in the transaction that makes the jobs.
 */
#ifndef CORE_QUOTA_H
#define CORE_QUOTA_H

#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

/* -1: no limit. */
struct quota {
	int64_t bytes, pending, file, rate;
};

/* What is there: bytes stored, jobs pending, uploads of this minute. */
struct quota_use {
	int64_t bytes, pending, rate;
};

/* What somebody wants to add; bytes of all files and of the largest, 0 where not known. */
struct quota_need {
	int64_t bytes, largest, jobs;
};

enum quota_kind { QUOTA_NONE, QUOTA_FILE, QUOTA_BYTES, QUOTA_PENDING, QUOTA_RATE };

/* RC_LIMIT with a sentence, *kind saying which, *wait_s when to try again (0: not by waiting). */
enum rc quota_check(struct db *db, const struct scope *sc, const struct quota_need *need,
    enum quota_kind *kind, int64_t *wait_s, struct err *err);
/* The same inside the transaction, and count the upload. */
enum rc quota_take(struct db *db, const struct scope *sc, const struct quota_need *need,
    enum quota_kind *kind, int64_t *wait_s, struct err *err);

/* Limits and use of an org. RC_NOTFOUND. */
enum rc quota_get(
    struct db *db, int64_t org_id, struct quota *limits, struct quota_use *use, struct err *err);
/* In a transaction of its own, audited. */
enum rc quota_set(
    struct db *db, const struct scope *by, int64_t org_id, const struct quota *q, struct err *err);
/* `quota` and `used` into a view: bytes pending file rate, null for no limit. */
void quota_view(struct arena *a, struct view *v, const struct quota *q, const struct quota_use *u);

#endif
