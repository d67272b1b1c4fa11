/*
 * The sums of a transaction. A table that is full is written and begun anew, so its size bounds
 * memory, not what a transaction may do.
 */
#include "core/tally.h"

#include <string.h>

#define TALLY_MAX 32
#define TYPE_SIZE 128

struct tally {
	struct count {
		int64_t project_id, n;
		enum job_status status;
		char job_type[TYPE_SIZE];
	} counts[TALLY_MAX];
	struct lane_sum {
		int64_t org_id, pending, running;
		char job_type[TYPE_SIZE];
	} lanes[TALLY_MAX];
	struct project {
		int64_t org_id, id;
		bool written;
	} projects[TALLY_MAX];
	size_t count_n, lane_n, project_n;
};

static enum rc write_counts(struct db *db, struct tally *t, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->count_n && rc == RC_OK; i++) {
		const struct count *c = &t->counts[i];

		if (c->n)
			rc = db_exec(db, SQL_COUNTER_ADD,
			    DB_ARGS(DB_INT(c->project_id), DB_TEXT(job_status_name(c->status)),
				DB_TEXT(c->job_type), DB_INT(c->n)),
			    err);
	}
	t->count_n = 0;
	return rc;
}

static enum rc write_lanes(struct db *db, struct tally *t, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->lane_n && rc == RC_OK; i++) {
		const struct lane_sum *l = &t->lanes[i];

		if (l->pending || l->running)
			rc = db_exec(db, SQL_LANE_ADD,
			    DB_ARGS(DB_INT(l->org_id), DB_TEXT(l->job_type), DB_INT(l->pending),
				DB_INT(l->running)),
			    err);
	}
	t->lane_n = 0;
	return rc;
}

/* A project stays in its table when it is written, so that its version moves once. */
static enum rc write_projects(struct db *db, struct tally *t, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->project_n && rc == RC_OK; i++) {
		struct project *p = &t->projects[i];

		if (!p->written)
			rc = db_exec(
			    db, SQL_PROJECT_BUMP, DB_ARGS(DB_INT(p->org_id), DB_INT(p->id)), err);
		p->written = true;
	}
	return rc;
}

static enum rc write_all(struct db *db, void *sums, struct err *err)
{
	struct tally *t = sums;
	enum rc rc = write_counts(db, t, err);

	if (rc == RC_OK)
		rc = write_lanes(db, t, err);
	return rc == RC_OK ? write_projects(db, t, err) : rc;
}

static struct tally *tally_of(struct db *db)
{
	static const struct db_sums sums = {sizeof(struct tally), write_all};

	return db_sums(db, &sums);
}

static void name_type(char out[static TYPE_SIZE], const char *job_type)
{
	size_t len = strlen(job_type);

	if (len >= TYPE_SIZE)
		bug("job type too long: %.40s", job_type);
	memcpy(out, job_type, len + 1);
}

enum rc tally_count(struct db *db, int64_t project_id, enum job_status status, const char *job_type,
    int64_t n, struct err *err)
{
	struct tally *t = tally_of(db);
	enum rc rc;

	for (size_t i = 0; i < t->count_n; i++) {
		struct count *c = &t->counts[i];

		if (c->status == status && c->project_id == project_id &&
		    strcmp(c->job_type, job_type) == 0) {
			c->n += n;
			return RC_OK;
		}
	}
	rc = t->count_n == TALLY_MAX ? write_counts(db, t, err) : RC_OK;
	if (rc != RC_OK)
		return rc;
	t->counts[t->count_n].project_id = project_id;
	t->counts[t->count_n].n = n;
	t->counts[t->count_n].status = status;
	name_type(t->counts[t->count_n++].job_type, job_type);
	return RC_OK;
}

enum rc tally_lane(struct db *db, int64_t org_id, const char *job_type, int64_t pending,
    int64_t running, struct err *err)
{
	struct tally *t = tally_of(db);
	enum rc rc;

	for (size_t i = 0; i < t->lane_n; i++) {
		struct lane_sum *l = &t->lanes[i];

		if (l->org_id == org_id && strcmp(l->job_type, job_type) == 0) {
			l->pending += pending;
			l->running += running;
			return RC_OK;
		}
	}
	rc = t->lane_n == TALLY_MAX ? write_lanes(db, t, err) : RC_OK;
	if (rc != RC_OK)
		return rc;
	t->lanes[t->lane_n].org_id = org_id;
	t->lanes[t->lane_n].pending = pending;
	t->lanes[t->lane_n].running = running;
	name_type(t->lanes[t->lane_n++].job_type, job_type);
	return RC_OK;
}

enum rc tally_bump(struct db *db, int64_t org_id, int64_t project_id, struct err *err)
{
	struct tally *t = tally_of(db);

	for (size_t i = 0; i < t->project_n; i++)
		if (t->projects[i].id == project_id && t->projects[i].org_id == org_id)
			return RC_OK;
	if (t->project_n == TALLY_MAX) {
		enum rc rc = write_projects(db, t, err);

		if (rc != RC_OK)
			return rc;
		t->project_n = 0;
	}
	t->projects[t->project_n++] = (struct project){.org_id = org_id, .id = project_id};
	return RC_OK;
}

enum rc tally_lanes(struct db *db, struct err *err)
{
	return write_lanes(db, tally_of(db), err);
}
