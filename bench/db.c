/*
 * The database layer beside SQLite alone.
 *
 *   db commits DIR SECONDS
 *      durable commits per second by 1 to 8 writers: through core/db.c, and by a bare loop doing
 *      the same syscalls and no more (one flock, one prepared INSERT, a checkpoint per 1,000 pages,
 *      the log synced after the lock)
 *   db full DIR SECONDS
 *      the same with synchronous = FULL in the bare loop, as SQLite does it
 *   db pages DATABASE
 *      microseconds of a list page of 25 jobs: newest, deep, filtered, searched; on databases of
 *      different size they should differ little
 *
 * Prints one line per figure: a name, our figure, and the bare one where there is one.
 */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/job.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/migrate.h"

#define WRITERS_MAX 8

static struct config cfg;
static struct err err;
static int64_t *counts; /* of each writer, shared */
static int64_t ends_ms;

static void check(enum rc rc)
{
	if (rc != RC_OK)
		die(EX_SOFTWARE, "%s", err.text);
}

static struct db *open_db(void)
{
	struct db *db;

	check(db_open(&cfg, &db, &err));
	return db;
}

/* ---- durable commits ----------------------------------------------------------------------------
 */

static void our_writer(int writer)
{
	struct db *db = open_db();
	char key[32];

	for (int n = 0; clock_boot_ms() < ends_ms; n++) {
		snprintf(key, sizeof key, "w%d-%d", writer, n);
		check(db_begin(db, &err));
		check(db_exec(db, SQL_SETTING_PUT,
		    DB_ARGS(DB_TEXT(key), DB_TEXT("a value of some length")), &err));
		check(db_commit_durable(db, &err));
		counts[writer]++;
	}
	db_close(db);
}

struct bare {
	sqlite3 *db;
	sqlite3_stmt *begin, *put, *commit;
	int lock;
};

static void bare_do(struct bare *b, sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		die(EX_SOFTWARE, "bare: %s", sqlite3_errmsg(b->db));
	sqlite3_reset(s);
}

static sqlite3_stmt *bare_prepare(struct bare *b, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) != SQLITE_OK)
		die(EX_SOFTWARE, "bare: %s", sqlite3_errmsg(b->db));
	return s;
}

static int bare_pages(void *pages, sqlite3 *db, const char *name, int n)
{
	(void)db;
	(void)name;
	*(int *)pages = n;
	return SQLITE_OK;
}

static void bare_sync(sqlite3 *db)
{
	sqlite3_file *log = NULL;

	sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (!log || !log->pMethods ||
	    log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
		die(EX_IOERR, "bare: sync failed");
}

static void bare_writer(int writer, bool full)
{
	struct bare b = {0};
	char key[32];
	int pages = 0;

	if (sqlite3_open(cfg.database, &b.db) != SQLITE_OK)
		die(EX_SOFTWARE, "bare: cannot open");
	sqlite3_exec(b.db, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
	    NULL, NULL);
	sqlite3_busy_timeout(b.db, 5000);
	sqlite3_wal_hook(b.db, bare_pages, &pages);
	sqlite3_db_config(b.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	b.begin = bare_prepare(&b, "BEGIN IMMEDIATE");
	b.commit = bare_prepare(&b, "COMMIT");
	b.put = bare_prepare(&b,
	    "INSERT OR REPLACE INTO settings (key, value) VALUES (?, 'a value of some length')");
	b.lock =
	    open(cfg.database, O_RDONLY | O_CLOEXEC); /* never closed, so SQLite keeps its locks */
	for (int n = 0; clock_boot_ms() < ends_ms; n++) {
		snprintf(key, sizeof key, "b%d-%d", writer, n);
		flock(b.lock, LOCK_EX);
		bare_do(&b, b.begin);
		sqlite3_bind_text(b.put, 1, key, -1, SQLITE_STATIC);
		bare_do(&b, b.put);
		bare_do(&b, b.commit);
		if (pages >= 1000)
			sqlite3_wal_checkpoint_v2(
			    b.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		flock(b.lock, LOCK_UN);
		if (!full)
			bare_sync(b.db);
		counts[writer]++;
	}
	_exit(0);
}

/* Commits per second of all writers together, on a database of their own. */
static double commits(const char *dir, int writers, int seconds, int kind)
{
	char path[4096];
	int64_t sum = 0;
	int applied;

	snprintf(path, sizeof path, "%s/commits-%d-%d-%d.db", dir, kind, writers, (int)getpid());
	cfg.database = path;
	if (fork() == 0) {
		check(migrate_run(&cfg, &applied, &err));
		_exit(0);
	}
	wait(NULL);
	memset(counts, 0, WRITERS_MAX * sizeof *counts);
	ends_ms = clock_boot_ms() + seconds * 1000;
	for (int i = 0; i < writers; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (kind == 0)
				our_writer(i);
			else
				bare_writer(i, kind == 2);
			_exit(0);
		}
	for (int status = 0; wait(&status) > 0;)
		if (status != 0)
			die(EX_SOFTWARE, "a writer failed");
	for (int i = 0; i < writers; i++)
		sum += counts[i];
	return (double)sum / seconds;
}

static int bench_commits(const char *dir, int seconds, int bare_kind)
{
	counts = mmap(NULL, WRITERS_MAX * sizeof *counts, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		die(EX_OSERR, "no memory");
	for (int writers = 1; writers <= WRITERS_MAX; writers *= 2) {
		double ours = commits(dir, writers, seconds, 0),
		       bare = commits(dir, writers, seconds, bare_kind);

		printf("durable commits/s, %d writers: %.0f bare %.0f ratio %.2f\n", writers, ours,
		    bare, ours / bare);
		fflush(stdout);
	}
	return 0;
}

/* ---- list pages ---------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void time_page(struct db *db, const char *name, const struct job_filter *f)
{
	double us[201];
	struct arena a;
	size_t rows = 0;

	arena_init(&a);
	for (int i = 0; i < 201; i++) {
		int64_t since = clock_boot_us();
		struct job_page page;

		check(job_list(db, &scope_local, f, &a, &page, &err));
		us[i] = (double)(clock_boot_us() - since);
		rows = page.n;
		arena_clear(&a);
	}
	qsort(us, 201, sizeof *us, compare);
	printf("page, %s: %.0f us (%zu rows, p99 %.0f us)\n", name, us[100], rows, us[198]);
	arena_release(&a);
}

static int bench_pages(void)
{
	struct db *db = open_db();
	struct job_page page;
	struct arena a;
	int64_t newest;

	arena_init(&a);
	check(job_list(db, &scope_local, &(struct job_filter){.limit = 1}, &a, &page, &err));
	newest = page.n ? page.jobs[0].id : 0;
	printf("newest job: %lld\n", (long long)newest);
	time_page(db, "newest", &(struct job_filter){.limit = 25});
	time_page(db, "in the middle", &(struct job_filter){.limit = 25, .after = newest / 2});
	time_page(db, "oldest first", &(struct job_filter){.limit = 25, .oldest_first = true});
	time_page(db, "failed",
	    &(struct job_filter){.limit = 25, .by_status = true, .status = JOB_FAILED});
	time_page(db, "of a type", &(struct job_filter){.limit = 25, .job_type = "csv-profile"});
	time_page(db, "cancelled of a type, in the middle",
	    &(struct job_filter){.limit = 25,
		.by_status = true,
		.status = JOB_CANCELLED,
		.job_type = "inspect",
		.after = newest / 2});
	time_page(db, "search, frequent", &(struct job_filter){.limit = 25, .q = "invoice"});
	time_page(
	    db, "search, one hit", &(struct job_filter){.limit = 25, .q = "customer list 777"});
	time_page(db, "search, no hit", &(struct job_filter){.limit = 25, .q = "zzz no such"});
	db_close(db);
	return 0;
}

int main(int argc, char **argv)
{
	log_init("bench-db");
	if (argc == 4 && strcmp(argv[1], "commits") == 0)
		return bench_commits(argv[2], atoi(argv[3]), 1);
	if (argc == 4 && strcmp(argv[1], "full") == 0)
		return bench_commits(argv[2], atoi(argv[3]), 2);
	if (argc != 3)
		die(EX_USAGE, "usage: db commits|full DIR SECONDS, db pages DATABASE");
	cfg.database = argv[2];
	if (strcmp(argv[1], "pages") == 0)
		return bench_pages();
	die(EX_USAGE, "no such figure: %s", argv[1]);
}
