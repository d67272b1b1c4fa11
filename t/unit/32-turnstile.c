/*
 * The turnstile: one at a time, no overtaking, and no lock that outlives its holder.
 *
 * Fairness is tested by order, not by time: somebody who waits in front goes before anybody who
 * comes again. The same scene with a single lock shows that the test can fail.
 */
#include "t/unit/db_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "core/turnstile.h"

#define ROUNDS 300
#define PARTS 6
#define TURNS 400

/* Shared by the processes of a scene. */
struct scene {
	volatile int inside, clashes, entries;
	volatile long counter; /* neither atomic nor locked but by the turnstile */
	volatile bool ready, served;
	volatile int round; /* the one that has begun */
};

static struct scene *scene;

static int set_up(void **state)
{
	(void)state;
	alarm(120);
	fixture_make_dir();
	scene =
	    mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return scene == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
	munmap(scene, sizeof *scene);
	return fixture_tear_down(state);
}

static struct turnstile open_turnstile(void)
{
	struct turnstile t;
	struct err err = {0};

	must(turnstile_open(&t, fixture_path, &err));
	return t;
}

static void enter(struct turnstile *t)
{
	struct err err = {0};

	must(turnstile_enter(t, &err));
}

static void take_turns(void *arg)
{
	struct turnstile t = open_turnstile();

	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		long seen;

		enter(&t);
		if (__atomic_add_fetch(&scene->inside, 1, __ATOMIC_SEQ_CST) != 1)
			scene->clashes++;
		seen = scene->counter;
		if (i % 16 == 0)
			sched_yield();
		scene->counter = seen + 1;
		__atomic_sub_fetch(&scene->inside, 1, __ATOMIC_SEQ_CST);
		turnstile_leave(&t);
	}
	turnstile_close(&t);
}

static void one_at_a_time(void **state)
{
	pid_t pids[PARTS];

	(void)state;
	for (int i = 0; i < PARTS; i++)
		pids[i] = fixture_start(take_turns, NULL);
	for (int i = 0; i < PARTS; i++)
		assert_int_equal(fixture_wait(pids[i]), 0);
	assert_int_equal(scene->clashes, 0);
	assert_int_equal(scene->counter, PARTS * TURNS);
}

/* Whether somebody else holds the lock of this file: tried on a descriptor of our own. */
static bool taken(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		flock(fd, LOCK_UN);
		return false;
	}
	return true;
}

static int open_lock(const char *suffix)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s%s", fixture_path, suffix);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	return fd;
}

static void wait_for(volatile bool *flag)
{
	while (!*flag)
		sched_yield();
}

/* Waits at the lock once per round. */
static void patient(void *arg)
{
	struct turnstile t = open_turnstile();
	int single = open_lock("-single");

	for (int i = 1; i <= ROUNDS; i++) {
		while (scene->round != i)
			sched_yield();
		if (arg)
			enter(&t);
		else
			flock(single, LOCK_EX);
		scene->served = true;
		if (arg)
			turnstile_leave(&t);
		else
			flock(single, LOCK_UN);
	}
}

/* Leaves and comes again at once while somebody waits; counts how often that one was overtaken. */
static int overtakings(bool with_turnstile)
{
	pid_t pid = fixture_start(patient, with_turnstile ? "" : NULL);
	struct turnstile t = open_turnstile();
	int single = open_lock("-single"), next = open_lock("-next.lock");
	int overtaken = 0;

	for (int i = 1; i <= ROUNDS; i++) {
		scene->served = false;
		if (with_turnstile)
			enter(&t);
		else
			flock(single, LOCK_EX);
		scene->round = i;
		/* Until the other stands in front: seen by its first lock, or given time to get
		 * there. */
		if (with_turnstile)
			while (!taken(next))
				sched_yield();
		else
			usleep(2000);
		if (with_turnstile) {
			turnstile_leave(&t);
			enter(&t);
		} else {
			flock(single, LOCK_UN);
			flock(single, LOCK_EX);
		}
		overtaken += !scene->served;
		if (with_turnstile)
			turnstile_leave(&t);
		else
			flock(single, LOCK_UN);
		wait_for(&scene->served);
	}
	assert_int_equal(fixture_wait(pid), 0);
	turnstile_close(&t);
	close(single);
	close(next);
	return overtaken;
}

static void nobody_overtakes_who_is_in_front(void **state)
{
	(void)state;
	assert_int_equal(overtakings(true), 0);
}

static void one_lock_alone_lets_them_overtake(void **state)
{
	(void)state;
	assert_true(overtakings(false) > ROUNDS / 10);
}

static void interrupted(int signal_number)
{
	(void)signal_number;
	scene->entries++;
}

static void wait_through_signals(void *arg)
{
	struct turnstile t = open_turnstile();
	struct sigaction action = {.sa_handler = interrupted};

	(void)arg;
	sigaction(SIGUSR1, &action, NULL);
	scene->ready = true;
	enter(&t);
	scene->served = true;
	turnstile_leave(&t);
}

static void signals_do_not_end_the_wait(void **state)
{
	struct turnstile t = open_turnstile();
	pid_t pid;

	(void)state;
	enter(&t);
	scene->entries = 0;
	scene->ready = scene->served = false;
	pid = fixture_start(wait_through_signals, NULL);
	wait_for(&scene->ready);
	while (scene->entries < 5) {
		kill(pid, SIGUSR1);
		usleep(1000);
	}
	assert_false(scene->served);
	turnstile_leave(&t);
	assert_int_equal(fixture_wait(pid), 0);
	assert_true(scene->served);
	turnstile_close(&t);
}

static int report[2];

/* Takes the lock, starts a program that outlives it, and waits to be killed. */
static void hold_with_a_child(void *arg)
{
	struct turnstile t = open_turnstile();
	pid_t child;

	(void)arg;
	enter(&t);
	child = fork();
	if (child == 0) {
		close(report[1]);
		execl("/bin/sleep", "sleep", "60", (char *)NULL);
		_exit(1);
	}
	if (write(report[1], &child, sizeof child) != sizeof child)
		abort();
	pause();
}

static void the_lock_of_a_killed_holder_is_free(void **state)
{
	struct turnstile t = open_turnstile();
	char path[64], program[16] = "";
	pid_t holder, child;
	FILE *f;

	(void)state;
	if (pipe2(report, O_CLOEXEC))
		abort();
	holder = fixture_start(hold_with_a_child, NULL);
	assert_int_equal(read(report[0], &child, sizeof child), sizeof child);
	/* Only once the child is another program has it let go of the descriptors. */
	snprintf(path, sizeof path, "/proc/%d/comm", (int)child);
	while (strcmp(program, "sleep\n") != 0) {
		usleep(1000);
		f = fopen(path, "r");
		if (!f || !fgets(program, sizeof program, f))
			program[0] = '\0';
		if (f)
			fclose(f);
	}
	assert_true(taken(t.cur_fd));
	kill(holder, SIGKILL);
	fixture_wait(holder);
	assert_int_equal(kill(child, 0), 0);
	assert_false(taken(t.cur_fd));
	assert_false(taken(t.next_fd));
	enter(&t);
	turnstile_leave(&t);
	kill(child, SIGKILL);
	turnstile_close(&t);
	close(report[0]);
	close(report[1]);
}

static void a_link_in_the_place_of_a_lock_is_refused(void **state)
{
	struct turnstile t;
	struct err err = {0};
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s-next.lock", fixture_path);
	unlink(path);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(turnstile_open(&t, fixture_path, &err), RC_SYS);
	assert_int_equal(t.next_fd, -1);
	assert_int_equal(t.cur_fd, -1);
	turnstile_close(&t);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FRESH(one_at_a_time),
	    FRESH(nobody_overtakes_who_is_in_front),
	    FRESH(one_lock_alone_lets_them_overtake),
	    FRESH(signals_do_not_end_the_wait),
	    FRESH(the_lock_of_a_killed_holder_is_free),
	    FRESH(a_link_in_the_place_of_a_lock_is_refused),
	};

	return cmocka_run_group_tests_name("turnstile", tests, NULL, NULL);
}
