/*
 * Claims, leases and what people do to jobs, in random order, beside a model of a page: after every
 * step each job is what the model says and the invariants of core/check.c hold.
 *
 * The seed is printed and can be given: DROPMILL_SEED=N build/t/41-model. DROPMILL_SOAK=1 takes
 * twenty times the steps.
 */
#include "core/jobtype.h"
#include "core/retire.h"
#include "t/unit/jobs_fixture.h"

#define STEPS 600
#define JOBS_MAX 14
#define TOKENS_MAX 64
#define WORKERS 3
#define CRASHES_END 3

/* What the model knows of a job. */
struct known {
	int64_t id, worker, priority;
	enum job_status status;
	int token; /* index of the token it stands under; -1: none */
	bool alive, begun;
	int attempt, retries, autos, max, crashes, events;
	char type;
};

static struct known jobs[JOBS_MAX];
static char tokens[TOKENS_MAX][TOKEN_SIZE];
static int64_t token_job[TOKENS_MAX];
static int token_n;     /* how many there ever were; the last TOKENS_MAX are kept */
static bool held_up[2]; /* types a and b are paused */
static uint64_t rng;

static int draw(int n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (int)(rng % (uint64_t)n);
}

static struct known *any(void)
{
	struct known *k = &jobs[draw(JOBS_MAX)];

	return k->alive ? k : NULL;
}

static struct known *of_id(int64_t id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (jobs[i].alive && jobs[i].id == id)
			return &jobs[i];
	fail_msg("no such job in the model: %lld", (long long)id);
	return NULL;
}

static void move(struct known *k, enum job_status to)
{
	k->status = to;
	k->events++;
}

static bool claimable(const struct known *k)
{
	return k->alive && k->status == JOB_PENDING && k->token < 0 && !held_up[k->type - 'a'];
}

/* ---- the steps ---- */

static void step_create(void)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		struct known *k = &jobs[i];
		char type[2] = {(char)('a' + draw(2)), '\0'};

		if (k->alive)
			continue;
		*k = (struct known){.alive = true,
		    .type = type[0],
		    .priority = draw(3),
		    .max = draw(4),
		    .token = -1,
		    .events = 1};
		k->id = make(type, k->priority, "x", k->max);
		return;
	}
}

/* Inside a transaction. */
static void claim(int64_t worker, size_t want)
{
	struct claim_slot slots[] = {{.job_type = "a"}, {.job_type = "b"}};
	struct claim_ask ask = {
	    .worker_id = worker, .slots = slots, .slot_count = 2, .want = want, .lease_ms = 60000};
	int64_t least = INT64_MAX;
	struct claim *got;
	size_t n, left = 0;

	OK(claim_take(db, &ask, &arena, &got, &n, &err));
	for (size_t i = 0; i < n; i++) {
		struct known *k = of_id(got[i].job.id);

		if (!claimable(k))
			fail_msg("job %lld was claimed though it must not be", (long long)k->id);
		move(k, JOB_PROCESSING);
		k->token = token_n;
		k->worker = worker;
		k->begun = true;
		k->attempt++;
		memcpy(tokens[token_n % TOKENS_MAX], got[i].token, TOKEN_SIZE);
		token_job[token_n++ % TOKENS_MAX] = k->id;
		least = k->priority < least ? k->priority : least;
	}
	for (int i = 0; i < JOBS_MAX; i++)
		if (claimable(&jobs[i])) {
			left++;
			if (n && jobs[i].priority > least)
				fail_msg("job %lld has a higher priority and was left",
				    (long long)jobs[i].id);
		}
	if (n < want && left)
		fail_msg("%zu of %zu claimed, %zu left", n, want, left);
}

/* What a release makes of a job. */
static void released(struct known *k, bool counts, bool crashed, bool swept)
{
	bool paused = k->status == JOB_PAUSED;

	counts = counts && !(paused && (crashed || swept));
	k->token = -1;
	if (crashed && !paused && k->crashes + 1 >= CRASHES_END) {
		k->crashes++;
		move(k, JOB_FAILED);
	} else if (counts && k->autos >= k->max) {
		k->crashes += crashed;
		move(k, JOB_FAILED);
	} else {
		k->retries += counts;
		k->autos += counts;
		k->crashes += crashed && !paused;
		k->begun = false;
		move(k, paused ? JOB_PAUSED : JOB_PENDING);
	}
}

static bool stands(const struct known *k)
{
	return k->status == JOB_PROCESSING || (k->status == JOB_PAUSED && k->begun);
}

/* One of the last tokens, whether it holds or not, and the job it was for. */
static int some_token(struct known **k)
{
	int back = token_n < TOKENS_MAX ? token_n : TOKENS_MAX, t;

	if (!back)
		return -1;
	t = token_n - 1 - draw(back);
	*k = NULL;
	for (int i = 0; i < JOBS_MAX; i++)
		if (jobs[i].alive && jobs[i].id == token_job[t % TOKENS_MAX])
			*k = &jobs[i];
	return t;
}

/* Inside a transaction. */
static void end_some(void)
{
	static const enum job_action actions[] = {
	    JOB_COMPLETE, JOB_FAIL, JOB_RELEASE, JOB_RELEASE, JOB_RELEASE};
	struct claim_end how = {
	    .action = actions[draw(5)], .error = "x", .counts = draw(2), NO_FIGURES};
	struct known *k = NULL;
	int t = some_token(&k);

	if (t < 0)
		return;
	how.crashed = how.action == JOB_RELEASE && how.counts && draw(2);
	/* by one who knows the job, also when it is no longer as it knew it */
	if (k && draw(2)) {
		how.org_id = scope_local.org_id;
		how.project_id = scope_local.project_id;
		how.job_type = k->type == 'a' ? "a" : "b";
	}
	if (!k || k->token != t) {
		RC(RC_NOTFOUND,
		    claim_end(db, token_job[t % TOKENS_MAX], tokens[t % TOKENS_MAX], &how, &err));
		return;
	}
	if (!stands(k)) {
		RC(RC_NOTFOUND, claim_end(db, k->id, tokens[t % TOKENS_MAX], &how, &err));
		k->token = -1;
		return;
	}
	OK(claim_end(db, k->id, tokens[t % TOKENS_MAX], &how, &err));
	if (how.action == JOB_RELEASE) {
		released(k, how.counts, how.crashed, false);
	} else {
		k->token = -1;
		move(k, how.action == JOB_COMPLETE ? JOB_COMPLETED : JOB_FAILED);
	}
}

/* A processor's turn: ends of old attempts, then a claim, in one transaction. */
static void step_turn(void)
{
	OK(db_begin(db, &err));
	for (int i = draw(4); i; i--)
		end_some();
	if (draw(3))
		claim(1 + draw(WORKERS), 1 + (size_t)draw(4));
	OK(db_commit(db, &err));
}

static void step_news(void)
{
	struct claim_progress p = {
	    .percent = draw(100), .total = -1, .processed = -1, .rejected = -1};
	struct known *k;
	int t = some_token(&k);
	enum rc expected;

	if (t < 0)
		return;
	expected = k && k->token == t && stands(k) ? RC_OK : RC_NOTFOUND;
	OK(db_begin(db, &err));
	RC(expected,
	    claim_renew(db, token_job[t % TOKENS_MAX], tokens[t % TOKENS_MAX], 60000, &err));
	RC(expected,
	    claim_progress(db, token_job[t % TOKENS_MAX], tokens[t % TOKENS_MAX], &p, &err));
	OK(db_commit(db, &err));
}

static void step_act(void)
{
	static const enum job_action asked[] = {JOB_CANCEL, JOB_RETRY, JOB_PAUSE, JOB_RESUME};
	enum job_action action = asked[draw(4)];
	struct known *k = any();
	enum job_status to;

	if (!k)
		return;
	to = job_next(k->status, action);
	RC(to == JOB_STATUS_MAX ? RC_CONFLICT : RC_OK,
	    job_act(db, &scope_local, k->id, action, NULL, &err));
	if (to == JOB_STATUS_MAX)
		return;
	if (action == JOB_RESUME && k->token >= 0 && k->begun)
		to = JOB_PROCESSING;
	if (action == JOB_RETRY) {
		k->begun = false;
		k->retries++;
		k->autos = k->crashes = 0;
	}
	move(k, to);
}

/* One with processes is hidden at once, and goes when they have. */
static void step_delete(void)
{
	struct known *k = any();
	struct job_gone gone[RETIRE_JOBS_MAX];
	struct claim c = {0};
	size_t n;

	if (!k || draw(3))
		return;
	OK(job_delete(db, &scope_local, k->id, &arena, gone, &err));
	RC(RC_NOTFOUND, job_delete(db, &scope_local, k->id, &arena, gone, &err));
	if (k->token >= 0) {
		c.job.id = k->id;
		memcpy(c.token, tokens[k->token % TOKENS_MAX], TOKEN_SIZE);
		OK(end(&c, &cancelled));
	}
	OK(retire_take(db, &arena, gone, &n, &err));
	assert_int_equal(n, k->token >= 0);
	k->alive = false;
}

/* A processor dies. */
static void step_death(void)
{
	int64_t worker = 1 + draw(WORKERS), n, due, expected = 0;

	for (int i = 0; i < JOBS_MAX; i++) {
		struct known *k = &jobs[i];

		if (!k->alive || k->token < 0 || k->worker != worker)
			continue;
		expected++;
		if (stands(k))
			released(k, true, false, true);
		else
			k->token = -1;
	}
	OK(db_begin(db, &err));
	OK(worker_expire(db, worker, &err));
	OK(claim_sweep(db, 0, &n, &due, &err));
	OK(db_commit(db, &err));
	assert_int_equal(n, expected);
}

static void step_type(void)
{
	int which = draw(2);

	held_up[which] = draw(3) == 0;
	OK(jobtype_pause(db, &scope_local, which ? "b" : "a", held_up[which], &err));
}

/* ---- what must hold ---- */

static void compare(void)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		const struct known *k = &jobs[i];
		struct job_event *events;
		struct job job;
		size_t n;

		if (!k->alive)
			continue;
		job = look(k->id);
		OK(job_history(db, &scope_local, k->id, &arena, &events, &n, &err));
		if (job.status != k->status || job.attempt != k->attempt ||
		    job.retry_count != k->retries || (int)n != k->events)
			fail_msg(
			    "job %lld is %s, attempt %lld, retries %lld, events %zu; by the model "
			    "%s, %d, %d, %d",
			    (long long)k->id, job_status_name(job.status), (long long)job.attempt,
			    (long long)job.retry_count, n, job_status_name(k->status), k->attempt,
			    k->retries, k->events);
	}
}

static void (*const steps[])(void) = {step_create, step_create, step_turn, step_turn, step_turn,
    step_turn, step_turn, step_news, step_act, step_act, step_act, step_delete, step_death,
    step_type};

static void random_steps_agree_with_the_model(void **state)
{
	const char *given = getenv("DROPMILL_SEED"), *soak = getenv("DROPMILL_SOAK");
	int n = soak && strcmp(soak, "1") == 0 ? 20 * STEPS : STEPS;
	int64_t bad = 0, worker;

	(void)state;
	rng = given ? strtoull(given, NULL, 10) : (uint64_t)clock_boot_us();
	rng |= 1;
	print_message("# DROPMILL_SEED=%llu\n", (unsigned long long)rng);
	OK(db_begin(db, &err));
	for (int i = 0; i < WORKERS; i++)
		OK(worker_begin(db, "w", "here", "{}", &worker, &err));
	for (int i = 0; i < 2; i++)
		OK(db_exec(db, SQL_JOBTYPE_INSERT,
		    DB_ARGS(DB_TEXT(i ? "b" : "a"), DB_INT(1), DB_INT(1), DB_TEXT("{}"), DB_INT(0)),
		    &err));
	OK(db_commit(db, &err));
	for (int i = 0; i < n; i++) {
		int s = draw((int)(sizeof steps / sizeof *steps));

		steps[s]();
		compare();
		OK(check_run(db, NULL, report, NULL, &bad, &err));
		if (bad)
			fail_msg("step %d (kind %d) broke an invariant", i, s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(random_steps_agree_with_the_model),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
