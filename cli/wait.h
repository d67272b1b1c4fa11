/*
 * Watching jobs until they have ended: bars on a terminal, a line per ended job elsewhere.
 */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include <stddef.h>

#include "core/job.h"

/* Wait until every one of these jobs has ended or is gone; says which failed and why. The exit
 * code: 0 all completed, 1 some did not. */
int wait_for_jobs(const struct job_new *jobs, size_t n);

#endif
