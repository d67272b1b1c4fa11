/*
 * The turnstile: the lock of all who write to one SQLite database, across processes, and fair.
 *
 * Two flocks on files beside the database, `<database>-next.lock` and `<database>-cur.lock`. Who
 * wants to write takes `next`, then `cur`, then gives `next` back. Only one process at a time waits
 * for `cur`, so whoever leaves and comes again cannot overtake it: a single flock starves the
 * others for seconds. The locks belong to open file descriptions: open after fork, and a child must
 * exec (the descriptors are close-on-exec) or it keeps the lock of a parent that was killed.
 */
#ifndef CORE_TURNSTILE_H
#define CORE_TURNSTILE_H

#include "core/rc.h"

/* Embedded by its owner; -1 where closed. */
struct turnstile {
	int next_fd, cur_fd;
};

/* Open, or make with mode 0660, the two files. RC_SYS. */
enum rc turnstile_open(struct turnstile *t, const char *database, struct err *err);
/* Also leaves. */
void turnstile_close(struct turnstile *t);

/* Wait until it is our turn; signals do not end the wait. Paired with turnstile_leave. */
enum rc turnstile_enter(struct turnstile *t, struct err *err);
void turnstile_leave(struct turnstile *t);

#endif
