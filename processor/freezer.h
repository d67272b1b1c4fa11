/*
 * Freezing the processes of one job, and with them its time limit.
 *
 * Belongs to the runner. A command that is only just beginning is not there to be stopped yet, so a
 * frozen job is stopped again for a while; without namespaces also later, since a process may be
 * born behind the back of the one who walks the tree.
 */
#ifndef PROCESSOR_FREEZER_H
#define PROCESSOR_FREEZER_H

#include <stdbool.h>
#include <stdint.h>

#include "processor/nskill.h"

struct freezer {
	bool on;
	int again;       /* how often they are to be stopped again */
	int64_t left_ms; /* of the time limit, while frozen; 0: there is none */
};

/* One signal to every process of the command: through its namespaces, or if ns is NULL to all our
 * descendants. RC_SYS: it could not be done. */
enum rc freezer_signal(const struct nskill *ns, int sig, struct err *err);

/* Stop them; what is left of *deadline (boot clock, 0: none) is kept and *deadline cleared. Called
 * before the command begins only with begun = false: then it takes effect when it is called again.
 */
void freezer_freeze(struct freezer *f, const struct nskill *ns, bool begun, int64_t *deadline);
/* Let them go on; nothing if they are not frozen. */
void freezer_thaw(struct freezer *f, const struct nskill *ns, bool begun, int64_t *deadline);
/* Called now and then while the job is there. */
void freezer_again(struct freezer *f, const struct nskill *ns);

#endif
