/*
 * Hands: runners that have served a job and wait for another, so that a short job does not pay for
 * making a process and taking it down.
 *
 * A runner serves one job at a time and only jobs of one organisation and one memory limit: what a
 * hostile command may have made of it does not reach another's. It waits only after an attempt that
 * ended by itself and left nothing behind, never after one that held a secret (processor/runner.c
 * decides), and not for long: a hand that nobody needs for a few seconds, or that is a minute old,
 * is let go, which gives back its memory and its view of the host's mounts.
 */
#ifndef PROCESSOR_HANDS_H
#define PROCESSOR_HANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HANDS_MAX 64

/* A runner, beyond the one job. */
struct hand {
	pid_t pid; /* -1: none */
	int pidfd; /* -1 when closed, like the next */
	int berth; /* our end of the socket over which it gets its next job; see processor/runner.h
		    */
	int ns;    /* the mount namespace it made for itself, if it did */
	int64_t org_id;
	int64_t memory_bytes;     /* the limit of its group */
	int64_t born_ms, idle_ms; /* boot clock */
	char cgroup[512];         /* while it waits: the group its commands are born in; "" */
};

#define HAND_NONE ((struct hand){.pid = -1, .pidfd = -1, .berth = -1, .ns = -1})

/* Those that wait, the latest last. Embedded, zeroed. */
struct hands {
	struct hand list[HANDS_MAX];
	size_t n;
};

/* One that served this organisation under this limit; false: there is none. It is the caller's. */
bool hands_take(
    struct hands *h, int64_t org_id, int64_t memory_bytes, int64_t now_ms, struct hand *out);
/* Let one wait; all of it becomes ours. */
void hands_give(struct hands *h, const struct hand *hand, int64_t now_ms);
/* Let those go that nobody needed lately, or all. */
void hands_trim(struct hands *h, int64_t now_ms);
void hands_release(struct hands *h);

/* End it, reap it, close what is open of it, remove its group; HAND_NONE is fine. */
void hand_end(struct hand *hand);

#endif
