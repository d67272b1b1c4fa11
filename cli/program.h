/*
 * Running programs of ours from the command line's.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <sys/types.h>

/* Path of a program that lies beside this one, or in the sbin next to its bin; ends this program
 * with 69 if there is none. In cli.arena. */
const char *program_beside(const char *name);

/* Start argv[0] with these as stdin (-1: /dev/null) and stdout. Ends this program with 71 when it
 * cannot. */
pid_t program_start(const char *const *argv, int in, int out);

/* Run it to its end with `input` on stdin: what it says on stdout, in cli.arena. *code: its exit
 * code; 70 when a signal ended it. */
const char *program_ask(const char *const *argv, const char *input, int *code);

#endif
