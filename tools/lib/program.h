/*
 * Program: running another program from a tool, and hearing what it says.
 */
#ifndef TOOLS_LIB_PROGRAM_H
#define TOOLS_LIB_PROGRAM_H

#include "core/buf.h"

/* Run argv[0], looked for along PATH, and wait for it: its exit status, 128 and the signal if one
 * ended it. Its stdin is empty. What it says on both streams is appended to `said`, at most 64 KiB
 * of it. Ends with 69 when it cannot be started. */
int program_run(const char *const *argv, struct buf *said);

/* The value behind "Key:" at the beginning of a line, in a static buffer, without blanks around;
 * NULL when there is none. */
const char *program_value(const char *said, const char *key);

#endif
