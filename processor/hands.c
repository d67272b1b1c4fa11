/*
 * Keeping runners between jobs.
 */
#include "processor/hands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processor/cgroup.h"

#define IDLE_MS 2000
#define LIFE_MS 60000
/* Longest that one may take to end by itself. */
#define END_MS 100

void hand_end(struct hand *hand)
{
	struct pollfd gone = {hand->pidfd, POLLIN, 0};

	/* It ends with its berth, and its spawner before it, so that the group is empty then. */
	if (hand->berth >= 0)
		close(hand->berth);
	if (hand->pid > 0) {
		if (hand->berth < 0 || hand->pidfd < 0 || poll(&gone, 1, END_MS) <= 0)
			kill(hand->pid, SIGKILL);
		while (waitpid(hand->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (hand->pidfd >= 0)
		close(hand->pidfd);
	if (hand->ns >= 0)
		close(hand->ns);
	cgroup_remove(hand->cgroup);
	*hand = HAND_NONE;
}

static void leave(struct hands *h, size_t at)
{
	h->n--;
	memmove(h->list + at, h->list + at + 1, (h->n - at) * sizeof *h->list);
}

bool hands_take(
    struct hands *h, int64_t org_id, int64_t memory_bytes, int64_t now_ms, struct hand *out)
{
	for (size_t i = h->n; i-- > 0;) {
		if (h->list[i].org_id != org_id || h->list[i].memory_bytes != memory_bytes ||
		    now_ms - h->list[i].born_ms > LIFE_MS)
			continue;
		*out = h->list[i];
		leave(h, i);
		return true;
	}
	return false;
}

void hands_give(struct hands *h, const struct hand *hand, int64_t now_ms)
{
	/* The longest idle makes room. */
	if (h->n == HANDS_MAX) {
		hand_end(&h->list[0]);
		leave(h, 0);
	}
	h->list[h->n] = *hand;
	h->list[h->n++].idle_ms = now_ms;
}

void hands_trim(struct hands *h, int64_t now_ms)
{
	for (size_t i = h->n; i-- > 0;) {
		struct hand *hand = &h->list[i];

		if (now_ms - hand->idle_ms <= IDLE_MS && now_ms - hand->born_ms <= LIFE_MS)
			continue;
		hand_end(hand);
		leave(h, i);
	}
}

void hands_release(struct hands *h)
{
	while (h->n)
		hand_end(&h->list[--h->n]);
}
