/*
 * A place where an unprivileged user finds what a job needs, and becoming that user.
 *
 * The state may lie below a directory that run_user cannot enter (a 0700 temporary directory,
 * /root). A runner started by root therefore clones the mounts it needs and hangs them below /tmp
 * of a mount namespace of its own, before it drops its privileges. For its later jobs somebody who
 * has the privileges sets the stage anew in that namespace. Nothing is left behind: the namespace
 * ends with the runner.
 */
#ifndef PROCESSOR_STAGE_H
#define PROCESSOR_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/arena.h"
#include "core/rc.h"
#include "processor/sandbox.h"

/* Where /job of the sandbox lies on the stage: what a command sees that runs without sandbox. */
#define STAGE_JOB "/tmp/job"

/* Enter a private mount namespace and make each bind reachable; the sources in the array become
 * paths there (in the arena): /job/… at STAGE_JOB/…, the rest anywhere. `small`: of the host's
 * mounts there are only those that a sandbox is built from. Needs root. RC_SYS. */
enum rc stage_build(
    struct sandbox_bind *binds, size_t n, bool small, struct arena *a, struct err *err);

/* The same sources, of what is on the stage already or will be. */
void stage_name(struct sandbox_bind *binds, size_t n, struct arena *a);

/* Clear the stage in the namespace `ns` that stage_build made, and set it again for other binds;
 * `home` is our own, where the sources are. For a process of one thread, whose directories become
 * the roots of these namespaces. RC_SYS with errno; they do not return when they cannot get home.
 */
enum rc stage_clear(int home, int ns, struct err *err);
enum rc stage_rebuild(
    int home, int ns, struct sandbox_bind *binds, size_t n, struct arena *a, struct err *err);

/* Become uid and gid for good: no other groups, no capabilities, no way back. */
enum rc stage_drop(uid_t uid, gid_t gid, struct err *err);

#endif
