/*
 * Tool: what every program that runs as a job has in common: its two arguments, its side of the
 * job protocol, its output files and its ways to end.
 *
 * Progress goes to stdout as `NN% text`, the result as the last line of stdout that is not
 * progress, and as a JSON line on descriptor 3 when somebody listens there. The last line on
 * stderr is the reason a person sees, so it is one plain sentence without the program's name.
 */
#ifndef TOOLS_LIB_TOOL_H
#define TOOLS_LIB_TOOL_H

#include <stdint.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/rc.h"

/* Remember the usage text (borrowed; printed by --help and after a usage error) and find out
 * whether descriptor 3 is open for writing. First call of main. */
void tool_init(const char *usage);

/* Print the usage text on stdout and end with 0. */
_Noreturn void tool_help(void);

/* End with a message: 64 with the usage text, or `code` with the sentence alone. */
_Noreturn void tool_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void tool_die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* End with the text of err: 65 when the input is at fault (RC_INVALID), otherwise 74. */
_Noreturn void tool_fail(const struct err *err);

/* The two positional arguments FILE and OUTDIR from argv[first] on; anything else is a usage
 * error. Borrowed from argv. */
void tool_paths(int argc, char **argv, int first, const char **file, const char **outdir);

/* Value of the job parameter, DROPMILL_PARAM_<name>; NULL when unset or empty. Borrowed. */
const char *tool_param(const char *name);

/* Say how far we are. Repeats, steps back and calls within 100 ms of the last line are dropped, so
 * it may be called as often as convenient; a new step is always told. */
void tool_progress(int percent, const char *step);

/* The same from bytes: `done` of `total` maps to the span from..to percent. */
void tool_progress_bytes(int from, int to, uint64_t done, uint64_t total, const char *step);

/* How many items were read in all and how many of them were rejected; descriptor 3 only. */
void tool_items(uint64_t processed, uint64_t rejected);

/* The one-line result; the last thing said. */
void tool_result(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Open FILE for reading, which must be a regular file; its size in *size. RC_SYS or RC_INVALID. */
enum rc tool_open(const char *path, int *fd, uint64_t *size, struct err *err);

/* Write the buffer to OUTDIR/name, replacing what is there. RC_SYS or RC_LIMIT (disk full). */
enum rc tool_write(const char *outdir, const char *name, const struct buf *text, struct err *err);

/* The part of a path after the last slash. Borrowed. */
const char *tool_basename(const char *path);

#endif
