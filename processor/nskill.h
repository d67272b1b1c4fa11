/*
 * Signals to every process of a sandbox, through its namespaces.
 *
 * A signal to bubblewrap ends bubblewrap and the command sees nothing; one to its init is ignored.
 * So a helper enters the sandbox's user and pid namespaces and sends to "everyone there": it
 * reaches children in sessions of their own too, and works for root and for ordinary users. The
 * caller must have one thread.
 */
#ifndef PROCESSOR_NSKILL_H
#define PROCESSOR_NSKILL_H

#include <sys/types.h>

#include "core/rc.h"

/* Handles on the namespaces of a process, both O_CLOEXEC; -1 when unset. */
struct nskill {
	int user, pid;
};

/* Open the namespaces of `init`, the sandbox's first process. RC_SYS. Pair with nskill_close. */
enum rc nskill_open(struct nskill *ns, pid_t init, struct err *err);
void nskill_close(struct nskill *ns);

/* Send sig to all but the init. RC_SYS: it could not be done. Nobody there is not an error. */
enum rc nskill_send(const struct nskill *ns, int sig, struct err *err);

#endif
