/*
 * Whether a stack runs on the configured state.
 */
#ifndef CLI_RUNNING_H
#define CLI_RUNNING_H

#include <stdbool.h>

/* What runs, in words; NULL: nothing. As long as this process lives nobody can start one by `make
 * run` then. */
const char *running_here(void);

/* Whether something takes connections at web.sock of the configured run_dir; otherwise errno says
 * why. *path: where that is, in cli.arena. */

bool running_web(const char **path);

#endif
