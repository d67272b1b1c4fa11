/* Runners that wait for another job: who gets which, and how long they wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processor/hands.h"

static struct hands hands;

/* A process that only waits, as one of them. */
static struct hand hand(int64_t org_id, int64_t born_ms)
{
	struct hand h = HAND_NONE;

	h.pid = fork();
	if (h.pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(h.pid > 0);
	h.org_id = org_id;
	h.memory_bytes = 64;
	h.born_ms = born_ms;
	return h;
}

static void an_organisation_gets_its_own(void **state)
{
	struct hand a = hand(1, 0), b = hand(2, 0), c = hand(1, 0), got;

	(void)state;
	assert_false(hands_take(&hands, 1, 64, 0, &got));
	hands_give(&hands, &a, 10);
	hands_give(&hands, &c, 20);
	hands_give(&hands, &b, 30);
	assert_false(hands_take(&hands, 3, 64, 30, &got));
	/* nor under another limit: its commands are born in a group */
	assert_false(hands_take(&hands, 1, 65, 30, &got));
	/* the latest, whose memory is still at hand */
	assert_true(hands_take(&hands, 1, 64, 30, &got));
	assert_int_equal(got.pid, c.pid);
	hand_end(&got);
	assert_true(hands_take(&hands, 1, 64, 30, &got));
	assert_int_equal(got.pid, a.pid);
	hand_end(&got);
	assert_false(hands_take(&hands, 1, 64, 30, &got));
	hands_release(&hands);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void nobody_waits_for_long(void **state)
{
	struct hand a = hand(1, 0), b = hand(1, 0), old = hand(1, -100000), got;

	(void)state;
	hands_give(&hands, &a, 0);
	hands_give(&hands, &b, 1500);
	hands_trim(&hands, 3000);
	assert_int_equal(hands.n, 1);
	assert_true(hands_take(&hands, 1, 64, 3000, &got));
	assert_int_equal(got.pid, b.pid);
	hands_give(&hands, &got, 3000);
	hands_give(&hands, &old, 3000);
	/* too old to serve, however short it waited */
	assert_true(hands_take(&hands, 1, 64, 3000, &got));
	assert_int_equal(got.pid, b.pid);
	hand_end(&got);
	assert_false(hands_take(&hands, 1, 64, 3000, &got));
	hands_trim(&hands, 3000);
	assert_int_equal(hands.n, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void there_are_never_too_many(void **state)
{
	struct hand first = hand(1, 0), none = HAND_NONE;

	(void)state;
	hands_give(&hands, &first, 0);
	for (int i = 0; i < HANDS_MAX; i++)
		hands_give(&hands, &none, 0);
	assert_int_equal(hands.n, HANDS_MAX);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	hands_release(&hands);
	assert_int_equal(hands.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_organisation_gets_its_own),
	    cmocka_unit_test(nobody_waits_for_long),
	    cmocka_unit_test(there_are_never_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
