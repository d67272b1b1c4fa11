/*
 * What a running job uses: memory of its processes, bytes and files in its output directory; and
 * signals to a process tree that has no namespaces of its own.
 */
#ifndef PROCESSOR_WATCH_H
#define PROCESSOR_WATCH_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of memory that the descendants of `root` hold (without what they share with others, as far
 * as the kernel tells). `limit` decides how exactly it is worth measuring: above it the figure is
 * proportional, so that forks of one big process are not counted twice. 0: none found. */
int64_t watch_memory(pid_t root, int64_t limit);

/* Bytes on disk and number of files below the directory; links are not followed. Counting ends at
 * `files_max` files. */
int64_t watch_output(int dir, int64_t files_max, int64_t *files);

/* Bytes on the disk of that directory in files without a name that descendants of `root` hold open:
 * what was removed while it was written takes room all the same. */
int64_t watch_unlinked(pid_t root, int dir);

/* Send sig to every descendant of `root`, not to root itself; how many there were. */
int watch_signal(pid_t root, int sig);

#endif
