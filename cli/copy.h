/*
 * Files from one place to another: below directories that are held open, never through a symbolic
 * link, and never anything but a regular file.
 */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/rc.h"

/* Told of bytes that were copied; false stops it (RC_DONE). */
typedef bool copy_tell(int64_t bytes);

/* From the position of one descriptor to that of the other, at most `most` bytes (negative: all):
 * by the kernel, which shares the blocks where the filesystem can, else by hand. tell may be NULL.
 */
enum rc copy_bytes(
    int from, int to, int64_t most, copy_tell *tell, const char *name, struct err *err);

/* A directory below `dir`; make: what is missing of it is made with that mode. -1 and errno. */
int copy_dir(int dir, const char *path, bool make, mode_t mode);

/* A regular file below `dir` for reading: -1 and errno (EINVAL: it is something else). */
int copy_open(int dir, const char *path);

/* A new file below `dir`, for reading too, with the directories it needs: -1 and errno. */
int copy_create(int dir, const char *path, mode_t mode, mode_t dir_mode);

/* Call `visit` with the path, relative to `dir`, of each regular file below it; others and what is
 * deeper than COPY_DEPTH directories are passed to it with regular = false. */
#define COPY_DEPTH 8
typedef enum rc copy_visit(void *arg, const char *path, bool regular, struct err *err);
enum rc copy_walk(int dir, copy_visit *visit, void *arg, struct err *err);

/* Remove an entry of `dir`, with all that is below if it is a directory. */
enum rc copy_remove(int dir, const char *name, struct err *err);

#endif
