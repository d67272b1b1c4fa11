/*
 * The queue beside the bare statements it cannot do without.
 *
 *   claim fill DATABASE N            make the database, with N pending jobs of four types
 *   claim ours DATABASE BATCH MS     jobs claimed and completed per second by core/claim.c, no
 * child started: as the processor does it, one commit ends BATCH jobs and claims as many claim bare
 * DATABASE BATCH MS     the same on the same table and indexes with nothing but an UPDATE for each
 * job that ends and UPDATE ... RETURNING for the next: no lanes, counters, history, versions,
 * checks or lock
 *
 * Prints the figure alone. `bare` leaves counters and lanes behind, so it gets a copy of its own.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/claim.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/migrate.h"

#define FILL_BATCH 2000

static struct config cfg;
static struct err err;
static const char *const types[] = {"csv-profile", "demo", "inspect", "thumbnail"};

static void check(enum rc rc)
{
	if (rc != RC_OK)
		die(EX_SOFTWARE, "%s", err.text);
}

static void fill(int64_t n)
{
	struct job_new *jobs = calloc(FILL_BATCH, sizeof *jobs);
	char(*names)[32] = calloc(FILL_BATCH, sizeof *names);
	struct db *db;
	int applied;

	if (!jobs || !names)
		die(EX_OSERR, "out of memory");
	check(migrate_run(&cfg, &applied, &err));
	check(db_open(&cfg, &db, &err));
	for (int64_t made = 0; made < n; made += FILL_BATCH) {
		for (int i = 0; i < FILL_BATCH; i++) {
			snprintf(names[i], sizeof *names, "file %lld.csv", (long long)(made + i));
			jobs[i] = (struct job_new){
			    .name = names[i], .job_type = types[i % 4], .type_version = 1};
		}
		check(db_begin(db, &err));
		check(job_create(db, &scope_local, jobs, FILL_BATCH, &err));
		check(db_commit(db, &err));
	}
	check(db_checkpoint(db, &err));
	db_close(db);
	free(names);
	free(jobs);
}

/* ---- ours --------------------------------------------------------------------------------- */

/* What one turn claimed and the next ends; their texts lie in an arena each. */
struct held {
	struct arena arena;
	struct claim *claims;
	size_t n;
};

static void our_turn(
    struct db *db, int64_t worker, size_t batch, struct held *ended, struct held *begun)
{
	struct claim_slot slots[4];
	struct claim_ask ask = {
	    .worker_id = worker, .slots = slots, .slot_count = 4, .want = batch, .lease_ms = 60000};

	for (int i = 0; i < 4; i++)
		slots[i] = (struct claim_slot){.job_type = types[i]};
	check(db_begin(db, &err));
	for (size_t i = 0; i < ended->n; i++)
		check(claim_end(db, ended->claims[i].job.id, ended->claims[i].token,
		    &(struct claim_end){.action = JOB_COMPLETE,
			.result = "done",
			.cpu_ms = 1,
			.peak_bytes = 1,
			.log_bytes = 0,
			.org_id = ended->claims[i].job.org_id,
			.project_id = ended->claims[i].job.project_id,
			.job_type = ended->claims[i].job.job_type},
		    &err));
	check(claim_take(db, &ask, &begun->arena, &begun->claims, &begun->n, &err));
	check(db_commit(db, &err));
	arena_clear(&ended->arena);
}

static double ours(size_t batch, int64_t ms)
{
	struct held held[2] = {0};
	int64_t since, worker, done = 0;
	struct db *db;
	int turn = 0;

	arena_init(&held[0].arena);
	arena_init(&held[1].arena);
	check(db_open(&cfg, &db, &err));
	check(db_begin(db, &err));
	check(worker_begin(db, "bench", "here", "{}", &worker, &err));
	check(db_commit(db, &err));
	our_turn(db, worker, batch, &held[1], &held[0]);
	since = clock_boot_us();
	for (; clock_boot_us() - since < ms * 1000; turn ^= 1) {
		done += (int64_t)held[turn].n;
		our_turn(db, worker, batch, &held[turn], &held[turn ^ 1]);
		if (!held[turn ^ 1].n)
			die(EX_SOFTWARE, "no pending job is left");
	}
	since = clock_boot_us() - since;
	db_close(db);
	arena_release(&held[0].arena);
	arena_release(&held[1].arena);
	return (double)done * 1e6 / (double)since;
}

/* ---- bare --------------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		die(EX_SOFTWARE, "bare: %s", sqlite3_errmsg(db));
	return s;
}

static void run(sqlite3 *db, sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		die(EX_SOFTWARE, "bare: %s", sqlite3_errmsg(db));
	sqlite3_reset(s);
}

/* SQLite as most programs use it: WAL, synchronous = NORMAL, its own checkpoints, the same cache.
 */
static double bare(int batch, int64_t ms)
{
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *take, *end;
	int64_t *ids = calloc((size_t)batch, sizeof *ids), since, done = 0;
	char token[TOKEN_SIZE] = "";
	int n = 0;

	if (!ids || sqlite3_open(cfg.database, &db) != SQLITE_OK)
		die(EX_SOFTWARE, "bare: cannot open");
	sqlite3_exec(
	    db, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048", NULL, NULL, NULL);
	begin = prepare(db, "BEGIN IMMEDIATE");
	commit = prepare(db, "COMMIT");
	take = prepare(db,
	    "UPDATE jobs SET status = 'processing', ready = 0, attempt = attempt + 1, "
	    "lease_token = ?1, lease_until = ?2, started_at = ?2, updated_at = ?2 "
	    "WHERE id IN (SELECT id FROM jobs WHERE ready = 1 AND org_id = 1 "
	    "AND job_type = ?3 ORDER BY priority DESC, id LIMIT ?4) RETURNING id, name");
	end = prepare(db,
	    "UPDATE jobs SET status = 'completed', lease_token = NULL, lease_until = NULL, "
	    "progress = 100, result = 'done', updated_at = ?2, completed_at = ?2 "
	    "WHERE id = ?1 AND lease_token = ?3");
	since = clock_boot_us();
	for (int turn = 0; clock_boot_us() - since < ms * 1000; turn++) {
		int64_t now = clock_wall_ms();

		run(db, begin);
		for (int i = 0; i < n; i++) {
			sqlite3_bind_int64(end, 1, ids[i]);
			sqlite3_bind_int64(end, 2, now);
			sqlite3_bind_text(end, 3, token, -1, SQLITE_STATIC);
			run(db, end);
		}
		done += n;
		token_new(token);
		sqlite3_bind_text(take, 1, token, -1, SQLITE_STATIC);
		sqlite3_bind_int64(take, 2, now);
		sqlite3_bind_text(take, 3, types[turn % 4], -1, SQLITE_STATIC);
		sqlite3_bind_int(take, 4, batch);
		for (n = 0; sqlite3_step(take) == SQLITE_ROW;)
			ids[n++] = sqlite3_column_int64(take, 0);
		sqlite3_reset(take);
		run(db, commit);
		if (n < batch)
			die(EX_SOFTWARE, "no pending job is left");
	}
	since = clock_boot_us() - since;
	free(ids);
	return (double)done * 1e6 / (double)since;
}

int main(int argc, char **argv)
{
	log_init("bench-claim");
	if (argc == 4 && strcmp(argv[1], "fill") == 0) {
		cfg.database = argv[2];
		fill(atoll(argv[3]));
		return 0;
	}
	if (argc != 5 || atoi(argv[3]) < 1)
		die(EX_USAGE, "usage: claim fill DATABASE N, claim ours|bare DATABASE BATCH MS");
	cfg.database = argv[2];
	if (strcmp(argv[1], "ours") == 0)
		printf("%.0f\n", ours((size_t)atoi(argv[3]), atoll(argv[4])));
	else if (strcmp(argv[1], "bare") == 0)
		printf("%.0f\n", bare(atoi(argv[3]), atoll(argv[4])));
	else
		die(EX_USAGE, "no such figure: %s", argv[1]);
	return 0;
}
