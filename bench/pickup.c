/*
 * From a commit to the claim of the job it made, while nothing else happens.
 *
 *   pickup DATABASE RUN_DIR TYPE N
 *
 * Makes N jobs of a type without files, one after the other, in a state whose processor runs: each
 * is committed durably and the doorbell rung, as an upload does. Time runs from the return of the
 * commit until the claim is to be read in the database. Prints the half and the 99th part of all,
 * in microseconds.
 *
 * The kernel may run the processor at once on the core of the one who rings, who then sees nothing
 * until the job has been started as well. So another process looks, on another core, every 20 us
 * (one without a pause would keep the processor from running: p50 2.6 ms), before all others there
 * if it may.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/job.h"
#include "core/log.h"

#define GIVE_UP_US 10000000
#define PAUSE_US 30000
#define LOOK_EVERY_NS 20000

/* What the one who rings asks the one who looks, and the answer. */
struct question {
	_Atomic int64_t job_id; /* 0: nothing is asked */
	_Atomic int64_t claimed_us;
};

static struct config cfg;
static struct err err;
static struct question *question;

static void check(enum rc rc)
{
	if (rc != RC_OK)
		die(EX_SOFTWARE, "%s", err.text);
}

static enum job_status status_of(struct db *db, int64_t id)
{
	struct db_cursor cur;
	enum job_status s;

	check(
	    db_one(db, &cur, SQL_JOB_LOCK, DB_ARGS(DB_INT(scope_local.org_id), DB_INT(id)), &err));
	s = job_status_parse(db_text(&cur, 2, NULL));
	db_finish(&cur);
	return s;
}

static void go_to_core(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof set, &set); /* not with a single core */
}

/* Never returns; ends with the process that started it. */
static _Noreturn void look(void)
{
	const struct timespec pause = {0, LOOK_EVERY_NS};
	const struct sched_param first = {.sched_priority = 1};
	struct db *db;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	go_to_core(1);
	sched_setscheduler(0, SCHED_FIFO, &first); /* not as an ordinary user */
	check(db_open(&cfg, &db, &err));
	for (;; nanosleep(&pause, NULL)) {
		int64_t id = atomic_load(&question->job_id);

		if (id && !atomic_load(&question->claimed_us) && status_of(db, id) != JOB_PENDING)
			atomic_store(&question->claimed_us, clock_boot_us());
	}
}

static void begin_looking(void)
{
	question =
	    mmap(NULL, sizeof *question, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (question == MAP_FAILED)
		die(EX_OSERR, "no memory");
	switch (fork()) {
	case -1:
		die(EX_OSERR, "fork failed");
	case 0:
		look();
	default:
		go_to_core(0);
	}
}

static void wait_or_give_up(int64_t since)
{
	if (clock_boot_us() - since > GIVE_UP_US)
		die(EX_SOFTWARE, "nobody claims, or the job does not end: is a processor running?");
	usleep(PAUSE_US);
}

static int64_t once(struct db *db, const char *type)
{
	struct job_new job = {.name = "pickup", .job_type = type, .type_version = 1};
	int64_t since, claimed;

	atomic_store(&question->job_id, 0);
	atomic_store(&question->claimed_us, 0);
	check(db_begin(db, &err));
	check(job_create(db, &scope_local, &job, 1, &err));
	check(db_commit_durable(db, &err));
	since = clock_boot_us();
	atomic_store(&question->job_id, job.id);
	doorbell_ring(&cfg);
	while ((claimed = atomic_load(&question->claimed_us)) == 0)
		wait_or_give_up(since);
	while (!job_status_final(status_of(db, job.id)))
		wait_or_give_up(since);
	usleep(PAUSE_US);
	return claimed - since;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct db *db;
	int64_t *took;
	int n;

	log_init("bench-pickup");
	prctl(PR_SET_TIMERSLACK, 1);
	if (argc != 5 || (n = atoi(argv[4])) < 1)
		die(EX_USAGE, "usage: pickup DATABASE RUN_DIR TYPE N");
	cfg.database = argv[1];
	cfg.run_dir = argv[2];
	took = calloc((size_t)n, sizeof *took);
	if (!took)
		die(EX_OSERR, "out of memory");
	begin_looking();
	check(db_open(&cfg, &db, &err));
	for (int i = 0; i < n; i++)
		took[i] = once(db, argv[3]);
	qsort(took, (size_t)n, sizeof *took, by_size);
	printf("%lld %lld\n", (long long)took[n / 2], (long long)took[(n * 99) / 100]);
	db_close(db);
	free(took);
	return 0;
}
