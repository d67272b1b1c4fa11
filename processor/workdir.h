/*
 * Work directories: `work/<job uuid>-<attempt>/`, one per attempt, made by the supervisor:
 *
 *     lock   locked with flock by the runner and by bubblewrap while any of them lives; says which
 *            processor it belongs to and which pid namespace its processes are in
 *     out/   the output directory, owned by the user commands run as
 *
 * and `work/worker-<id>.lock`, locked by each processor for as long as it lives. So everyone can
 * tell what is left of a processor that died, without trusting a pid.
 */
#ifndef PROCESSOR_WORKDIR_H
#define PROCESSOR_WORKDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/id.h"
#include "core/rc.h"

#define WORKDIR_NAME_SIZE (UUID_SIZE + 24)

/* Open (make) the directory that holds them all. O_CLOEXEC. */
enum rc workdir_open(const char *path, int *root, struct err *err);

char *workdir_name(const char *job_uuid, int64_t attempt, char out[static WORKDIR_NAME_SIZE]);
/* Whether a name in the directory is one of an attempt. */
bool workdir_valid(const char *name);

/* Make a fresh one with its lock taken; both descriptors are the caller's. uid (uid_t)-1: keep our
 * own. RC_CONFLICT: it is there already. */
enum rc workdir_make(int root, const char *name, int64_t worker_id, uid_t uid, gid_t gid, int *dir,
    int *lock, struct err *err);

/* The same, of the directory `from` of an attempt of ours that has ended, opened at dir: of it only
 * the two inodes stay that nobody but us could write. To make and remove files at a rate wears a
 * file system down: ext4 looks through all it lately removed for each it makes. RC_BUSY: something
 * is left in it, or its lock is not free yet; it is to be removed, as ever. */
enum rc workdir_take_over(int root, const char *from, int dir, const char *name, int64_t worker_id,
    uid_t uid, gid_t gid, int *lock, struct err *err);

/* Whether anything of the attempt lives, and whose it is (0: not known). One that is not there is
 * dead. */
bool workdir_alive(int root, const char *name, int64_t *worker_id);

/* Kill whoever holds the lock of an attempt, other than ourselves, and so everything in its
 * sandbox: bubblewrap's init is one of them. For what outlives its runner, which happens: the
 * signal that a parent's death sends is ordered only after a fork, and bubblewrap, killed between
 * the two, leaves an init that waits for ever to be told that it may go on. How many were killed.
 */
int workdir_kill(int root, const char *name);

/* Remove it and what a command left in it, at most *budget entries, counted down. True: it is gone.
 * Never follows links. */
bool workdir_remove(int root, const char *name, int *budget);

/* Take the lock of a processor; the descriptor is kept open for its life. */
enum rc worker_lock(int root, int64_t worker_id, int *fd, struct err *err);
/* Whether a processor's lock is held by a living process. */
bool worker_alive(int root, int64_t worker_id);
void worker_unlock(int root, int64_t worker_id);

#endif
