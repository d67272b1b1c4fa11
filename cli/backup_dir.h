/*
 * The directory that a backup is written to: PATH.partial until it is complete and on the disk,
 * then PATH.
 */
#ifndef CLI_BACKUP_DIR_H
#define CLI_BACKUP_DIR_H

#include "core/config.h"
#include "core/rc.h"

struct backup_dir {
	const char *path, *partial; /* absolute, in cli.arena */
	int fd;                     /* of the partial one, locked; -1: none */
};

/* Make PATH.partial, or take over what one that was cut off has left. RC_CONFLICT: PATH is there
 * and is no empty directory; RC_BUSY: another backup is being written to it; RC_INVALID: it would
 * lie in what is backed up. */
enum rc backup_dir_make(
    struct backup_dir *d, const struct config *cfg, const char *path, struct err *err);

/* To the disk, and then its name. */
enum rc backup_dir_finish(struct backup_dir *d, struct err *err);

/* It failed: nothing is left of it. */
void backup_dir_drop(struct backup_dir *d);

#endif
