/*
 * Quotas. Outputs count as stored bytes too, but only uploads are refused: a job that has begun is
 * bounded by its type.
 */
#include "core/quota.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/str.h"

#define MINUTE_MS INT64_C(60000)

static int64_t limit(const struct db_cursor *cur, int column)
{
	return db_null(cur, column) ? -1 : db_int(cur, column);
}

static enum rc read_quota(struct db *db, int64_t org_id, bool whole, struct quota *q,
    struct quota_use *use, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_ORG_QUOTA, DB_ARGS(DB_INT(org_id), DB_INT(whole)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such organisation: %lld", (long long)org_id);
	if (rc != RC_OK)
		return rc;
	*q = (struct quota){.bytes = limit(&cur, 0),
	    .pending = limit(&cur, 1),
	    .file = limit(&cur, 2),
	    .rate = limit(&cur, 3)};
	*use = (struct quota_use){
	    .bytes = db_int(&cur, 4),
	    .pending = db_int(&cur, 7),
	    .rate = db_int(&cur, 5) == clock_wall_ms() / MINUTE_MS ? db_int(&cur, 6) : 0,
	};
	db_finish(&cur);
	return RC_OK;
}

enum rc quota_get(
    struct db *db, int64_t org_id, struct quota *limits, struct quota_use *use, struct err *err)
{
	return read_quota(db, org_id, true, limits, use, err);
}

static enum rc judge(const struct quota *q, const struct quota_use *use,
    const struct quota_need *need, enum quota_kind *kind, int64_t *wait_s, struct err *err)
{
	char most[16], have[16];

	*wait_s = 0;
	if (q->file >= 0 && need->largest > q->file) {
		*kind = QUOTA_FILE;
		return err_set(err, RC_LIMIT,
		    "the file is larger than your organisation may upload: %s",
		    str_bytes(q->file, most));
	}
	if (q->bytes >= 0 && (use->bytes >= q->bytes || need->bytes > q->bytes - use->bytes)) {
		*kind = QUOTA_BYTES;
		return err_set(err, RC_LIMIT,
		    "your organisation has stored %s of the %s it may; delete some jobs first",
		    str_bytes(use->bytes, have), str_bytes(q->bytes, most));
	}
	if (q->pending >= 0 && use->pending + need->jobs > q->pending) {
		*kind = QUOTA_PENDING;
		*wait_s = 10;
		return err_set(err, RC_LIMIT,
		    "your organisation has %lld jobs waiting, of %lld that may; try again when "
		    "some "
		    "have begun",
		    (long long)use->pending, (long long)q->pending);
	}
	if (q->rate >= 0 && use->rate + need->jobs > q->rate) {
		*kind = QUOTA_RATE;
		*wait_s = (MINUTE_MS - clock_wall_ms() % MINUTE_MS + 999) / 1000;
		return err_set(err, RC_LIMIT,
		    "your organisation may upload %lld files a minute; try again in %lld s",
		    (long long)q->rate, (long long)*wait_s);
	}
	*kind = QUOTA_NONE;
	return RC_OK;
}

enum rc quota_check(struct db *db, const struct scope *sc, const struct quota_need *need,
    enum quota_kind *kind, int64_t *wait_s, struct err *err)
{
	struct quota_use use;
	struct quota q;
	enum rc rc = read_quota(db, sc->org_id, false, &q, &use, err);

	*kind = QUOTA_NONE;
	*wait_s = 0;
	return rc == RC_OK ? judge(&q, &use, need, kind, wait_s, err) : rc;
}

enum rc quota_take(struct db *db, const struct scope *sc, const struct quota_need *need,
    enum quota_kind *kind, int64_t *wait_s, struct err *err)
{
	struct quota_use use;
	struct quota q;
	enum rc rc = read_quota(db, sc->org_id, false, &q, &use, err);

	*kind = QUOTA_NONE;
	*wait_s = 0;
	if (rc == RC_OK)
		rc = judge(&q, &use, need, kind, wait_s, err);
	if (rc == RC_OK && q.rate >= 0)
		rc = db_exec(db, SQL_ORG_RATE,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(clock_wall_ms() / MINUTE_MS),
			DB_INT(need->jobs)),
		    err);
	return rc;
}

static struct db_arg arg(int64_t n)
{
	return n < 0 ? DB_NULL : DB_INT(n);
}

static void put(struct view *v, const char *key, int64_t n)
{
	if (n < 0)
		view_null(v, key);
	else
		view_int(v, key, n);
}

static struct view *limits_view(struct arena *a, const struct quota *q)
{
	struct view *v = view_obj(a);

	put(v, "bytes", q->bytes);
	put(v, "pending", q->pending);
	put(v, "file", q->file);
	put(v, "rate", q->rate);
	return v;
}

/* What an org is called, in the arena; inside the transaction that changes it. */
static enum rc name_of(
    struct db *db, int64_t org_id, struct arena *a, const char **name, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_ORG_NAME, DB_ARGS(DB_INT(org_id)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such organisation: %lld", (long long)org_id);
	if (rc != RC_OK)
		return rc;
	*name = arena_strdup(a, db_text(&cur, 0, NULL));
	db_finish(&cur);
	return RC_OK;
}

enum rc quota_set(
    struct db *db, const struct scope *by, int64_t org_id, const struct quota *q, struct err *err)
{
	const char *name = "";
	struct arena a;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	arena_init(&a);
	rc = name_of(db, org_id, &a, &name, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_ORG_QUOTA_SET,
		    DB_ARGS(
			DB_INT(org_id), arg(q->bytes), arg(q->pending), arg(q->file), arg(q->rate)),
		    err);
	rc = audit_commit(db, by, org_id, "org.quota", name, limits_view(&a, q), rc, err);
	arena_release(&a);
	return rc;
}

void quota_view(struct arena *a, struct view *v, const struct quota *q, const struct quota_use *u)
{
	struct view *used = view_obj(a);

	view_put(v, "quota", limits_view(a, q));
	view_int(used, "bytes", u->bytes);
	view_int(used, "pending", u->pending);
	view_int(used, "rate", u->rate);
	view_put(v, "used", used);
}
