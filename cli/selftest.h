/*
 * dropmill types selftest: every job type mills its sample.
 */
#ifndef CLI_SELFTEST_H
#define CLI_SELFTEST_H

#include "core/jobtype.h"

/* Run the samples of the named types, of all if there are none. The exit code: 0, 1 when one did
 * not end as it should, 65 for a name that no type has. */
int selftest_run(const struct jobtypes *types, int argc, char **argv);

#endif
