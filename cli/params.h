/*
 * Parameters on the command line: `--param NAME=VALUE`, or `--param NAME` for a value that stands
 * in the environment as DROPMILL_PARAM_NAME, where a secret is out of everybody's sight.
 */
#ifndef CLI_PARAMS_H
#define CLI_PARAMS_H

#include "core/param.h"

/* In the order they were given. Zeroed is empty; texts are borrowed, the list lies in cli.arena. */
struct cli_params {
	struct param_given *list;
	size_t n;
};

/* Add one; ends the program with 64 if it is not well-formed. */
void cli_params_add(struct cli_params *given, const char *arg);

/* Values of parameters that are files are paths: mark them. */
void cli_params_mark_files(struct cli_params *given, const struct params *declared);

#endif
