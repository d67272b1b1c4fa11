/*
 * Seeding: what seeded jobs look like, and how they get in without holding up anybody.
 *
 * Finished jobs are inserted as they would have ended: row, history, search entry, and the
 * counters once per batch. Pending ones go the way of every upload, through job_create. The size of
 * a batch follows the time the last one held the write lock.
 */
#include "core/seed.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"
#include "core/job_search.h"

#define BATCH_MIN 10
#define BATCH_MAX 400
/* Aim of one batch; together with a checkpoint it stays below the 20 ms everybody keeps to. */
#define BATCH_US 8000
/* The jobs of one run are spread over this time each, but over no more than a year. */
#define SPACING_MS 20000
#define YEAR_MS (INT64_C(365) * 86400000)

enum kind { KIND_INSPECT, KIND_CSV, KIND_DEMO, KIND_MAX };

struct seed_kind {
	const char *job_type;
	int completed, failed; /* per cent; the rest was cancelled */
	int64_t memory, max_retries;
	const char *endings[6]; /* of names; NULL ends */
	const char *errors[5];  /* NULL ends */
};

static const struct seed_kind kinds[KIND_MAX] = {
    [KIND_INSPECT] =
	{
	    .job_type = "inspect",
	    .completed = 93,
	    .failed = 4,
	    .memory = 256 << 20,
	    .max_retries = 2,
	    .endings = {".pdf", ".png", ".jpg", ".docx", ".txt", NULL},
	    .errors = {"killed: used more than 256 MB", "stopped after 30 min (limit)",
		"cannot read the input: Input/output error", NULL},
	},
    [KIND_CSV] =
	{
	    .job_type = "csv-profile",
	    .completed = 86,
	    .failed = 9,
	    .memory = 512 << 20,
	    .max_retries = 2,
	    .endings = {".csv", ".csv", ".tsv", " (1).csv", ".CSV", NULL},
	    .errors = {"a quote is not closed at the end of the file",
		"killed: used more than 512 MB", "stopped after 1 h (limit)",
		"the file has no rows", NULL},
	},
    [KIND_DEMO] =
	{
	    .job_type = "demo",
	    .completed = 75,
	    .failed = 20,
	    .memory = 64 << 20,
	    .max_retries = 0,
	    .endings = {".bin", ".dat", ".txt", ".xml", ".json", NULL},
	    .errors = {"exit 1: the mill jammed", "exit 1: grain too wet", "killed by SIGTERM",
		NULL},
	},
};

static const char *const subjects[] = {
    "delivery-notes",
    "invoice",
    "Betonrezepte",
    "stock count",
    "sensor log",
    "élévation nord",
    "Wochenbericht",
    "orders",
    "measurements",
    "payroll",
    "drawing",
    "Lieferschein",
    "customer list",
    "weigh bridge",
    "site photo",
    "protocol",
};

/* splitmix64: a good sequence from any start, the same everywhere. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t draw_below(uint64_t *state, int64_t n)
{
	return (int64_t)(draw(state) % (uint64_t)n);
}

static const char *draw_text(uint64_t *state, const char *const *list)
{
	int64_t n = 0;

	while (list[n])
		n++;
	return list[draw_below(state, n)];
}

struct seed_job {
	char uuid[UUID_SIZE], name[96], result[128];
	const struct seed_kind *kind;
	enum job_status status;
	const char *error;
	int64_t total, processed, rejected; /* -1: none */
	int64_t retries, progress, size_bytes, cpu_ms, peak_bytes, log_bytes;
	int64_t created_at, started_at, ended_at; /* started_at 0: never */
};

static void make_name(struct seed_job *job, uint64_t *rng, int64_t ordinal)
{
	const char *subject =
	    subjects[draw_below(rng, (int64_t)(sizeof subjects / sizeof *subjects))];
	const char *ending = draw_text(rng, job->kind->endings);

	snprintf(job->name, sizeof job->name, "%s %lld%s", subject, (long long)ordinal, ending);
}

static void make_result(struct seed_job *job, uint64_t *rng)
{
	int64_t n = draw_below(rng, 30) + 2;

	if (job->kind == &kinds[KIND_CSV]) {
		job->total = job->processed = job->size_bytes / (n * 9) + 1;
		job->rejected = 0;
		snprintf(job->result, sizeof job->result, "%lld rows, %lld columns",
		    (long long)job->total, (long long)n);
	} else if (job->kind == &kinds[KIND_DEMO]) {
		snprintf(job->result, sizeof job->result, "milled in %.1f s",
		    (double)(job->ended_at - job->started_at) / 1000);
	} else {
		snprintf(job->result, sizeof job->result, "%lld bytes, sha256 %08llx…",
		    (long long)job->size_bytes, (unsigned long long)(draw(rng) >> 32));
	}
}

static void make_job(struct seed_job *job, int64_t ordinal, int64_t created_at)
{
	uint64_t rng = (uint64_t)ordinal, random[2] = {draw(&rng), draw(&rng)};
	int64_t ends;

	*job = (struct seed_job){.total = -1, .processed = -1, .rejected = -1};
	job->kind = &kinds[draw_below(&rng, KIND_MAX)];
	job->created_at = created_at - draw_below(&rng, SPACING_MS / 2);
	uuid_make(job->created_at, (const unsigned char *)random, job->uuid);
	make_name(job, &rng, ordinal);
	job->size_bytes = (INT64_C(1) << draw_below(&rng, 22)) + draw_below(&rng, 4096);
	ends = draw_below(&rng, 100);
	job->status = ends < job->kind->completed                       ? JOB_COMPLETED
		      : ends < job->kind->completed + job->kind->failed ? JOB_FAILED
									: JOB_CANCELLED;
	job->ended_at = job->created_at + 5 + draw_below(&rng, 3000);
	if (job->status == JOB_CANCELLED && draw_below(&rng, 2))
		return;
	job->started_at = job->ended_at;
	job->ended_at += 40 + draw_below(&rng, 5000);
	job->cpu_ms = (job->ended_at - job->started_at) / 2;
	job->peak_bytes = (4 << 20) + draw_below(&rng, job->kind->memory / 4);
	job->log_bytes = draw_below(&rng, 4000);
	job->retries = job->kind->max_retries && draw_below(&rng, 20) == 0;
	job->progress = job->status == JOB_COMPLETED ? 100 : draw_below(&rng, 100);
	if (job->status == JOB_COMPLETED)
		make_result(job, &rng);
	else if (job->status == JOB_FAILED)
		job->error = draw_text(&rng, job->kind->errors);
}

#define MAYBE(v) ((v) >= 0 ? DB_INT(v) : DB_NULL)

static enum rc insert_job(
    struct db *db, const struct scope *sc, const struct seed_job *job, struct err *err)
{
	bool ran = job->started_at != 0;
	struct db_cursor cur;
	int64_t id;
	enum rc rc;

	rc = db_one(db, &cur, SQL_SEED_JOB,
	    DB_ARGS(DB_TEXT(job->uuid), DB_INT(sc->org_id), DB_INT(sc->project_id),
		DB_INT(sc->user_id), DB_TEXT(sc->user_name), DB_TEXT(job->name),
		DB_TEXT(job->kind->job_type), DB_TEXT(job_status_name(job->status)),
		DB_INT(job->progress), MAYBE(job->total), MAYBE(job->processed),
		MAYBE(job->rejected), DB_INT(job->retries), DB_INT(job->kind->max_retries),
		DB_INT(ran ? job->retries + 1 : 0), DB_INT(job->size_bytes),
		ran ? DB_INT(job->cpu_ms) : DB_NULL, ran ? DB_INT(job->peak_bytes) : DB_NULL,
		ran ? DB_INT(job->log_bytes) : DB_NULL, DB_TEXT(job->error),
		job->result[0] ? DB_TEXT(job->result) : DB_NULL, DB_INT(job->created_at),
		DB_OPT(job->started_at), DB_INT(job->ended_at)),
	    err);
	if (rc != RC_OK)
		return rc;
	id = db_int(&cur, 0);
	db_finish(&cur);
	rc = db_exec(db, SQL_JOB_STATUS_INSERT,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_TEXT("pending"), DB_INT(job->created_at),
		DB_TEXT(sc->user_name), DB_NULL),
	    err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_JOB_STATUS_INSERT,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_TEXT(job_status_name(job->status)),
			DB_INT(job->ended_at), DB_TEXT(ran ? "processor" : sc->user_name),
			DB_TEXT(job->error)),
		    err);
	return rc;
}

/* Jobs made per kind and state, for the counters. */
typedef int64_t seed_tally[KIND_MAX][JOB_STATUS_MAX];

static enum rc add_counters(
    struct db *db, const struct scope *sc, seed_tally tally, struct err *err)
{
	for (int k = 0; k < KIND_MAX; k++)
		for (int s = 0; s < JOB_STATUS_MAX; s++) {
			enum rc rc;

			if (!tally[k][s])
				continue;
			rc = db_exec(db, SQL_COUNTER_ADD,
			    DB_ARGS(DB_INT(sc->project_id),
				DB_TEXT(job_status_name((enum job_status)s)),
				DB_TEXT(kinds[k].job_type), DB_INT(tally[k][s])),
			    err);
			if (rc != RC_OK)
				return rc;
		}
	return RC_OK;
}

struct seeding {
	struct db *db;
	const struct scope *sc;
	const struct seed_options *o;
	int64_t start_ms, spacing_ms;
	int64_t made;
};

/* Rows n of a batch, in the open transaction. */
static enum rc add_finished(struct seeding *s, int64_t n, struct err *err)
{
	seed_tally tally = {0};
	struct db_cursor cur;
	int64_t last;
	enum rc rc;

	rc = db_one(s->db, &cur, SQL_SEED_LAST, DB_NO_ARGS, err);
	if (rc != RC_OK)
		return rc;
	last = db_int(&cur, 0);
	db_finish(&cur);
	for (int64_t i = 1; i <= n && rc == RC_OK; i++) {
		struct seed_job job;

		make_job(&job, last + i, s->start_ms - (s->o->count - s->made - i) * s->spacing_ms);
		rc = insert_job(s->db, s->sc, &job, err);
		tally[job.kind - kinds][job.status]++;
	}
	if (rc == RC_OK)
		rc = job_search_index(s->db, err);
	if (rc == RC_OK)
		rc = add_counters(s->db, s->sc, tally, err);
	return rc == RC_OK ? job_bump(s->db, s->sc->org_id, s->sc->project_id, err) : rc;
}

static enum rc add_pending(struct seeding *s, int64_t n, struct err *err)
{
	struct job_new jobs[BATCH_MAX];
	char names[BATCH_MAX][32];

	for (int64_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "seed %lld", (long long)(s->made + i + 1));
		jobs[i] = (struct job_new){
		    .name = names[i],
		    .job_type = s->o->pending_type,
		    .type_version = 1,
		};
	}
	return job_create(s->db, s->sc, jobs, (size_t)n, err);
}

static enum rc add_batch(struct seeding *s, int64_t n, int64_t *held_us, struct err *err)
{
	int64_t since;
	enum rc rc = db_begin(s->db, err);

	if (rc != RC_OK)
		return rc;
	since = clock_boot_us();
	rc = s->o->pending_type ? add_pending(s, n, err) : add_finished(s, n, err);
	if (rc == RC_OK)
		rc = db_commit(s->db, err);
	*held_us = clock_boot_us() - since;
	db_rollback(s->db);
	return rc;
}

enum rc seed_run(
    struct db *db, const struct scope *sc, const struct seed_options *o, struct err *err)
{
	struct seeding s = {.db = db, .sc = sc, .o = o};
	int64_t batch = BATCH_MIN, held_us = 0;
	enum rc rc = RC_OK;

	s.start_ms = o->start_ms ? o->start_ms : clock_wall_ms() - 2 * SPACING_MS;
	s.spacing_ms = o->count * SPACING_MS > YEAR_MS ? YEAR_MS / o->count : SPACING_MS;
	while (s.made < o->count && rc == RC_OK) {
		int64_t n = batch < o->count - s.made ? batch : o->count - s.made;

		rc = add_batch(&s, n, &held_us, err);
		if (rc != RC_OK)
			break;
		s.made += n;
		if (held_us > BATCH_US)
			batch = batch / 2 < BATCH_MIN ? BATCH_MIN : batch / 2;
		else
			batch = batch + BATCH_MIN > BATCH_MAX ? BATCH_MAX : batch + BATCH_MIN;
		if (o->progress)
			o->progress(o->arg, s.made, o->count);
	}
	return rc;
}
