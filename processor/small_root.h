/*
 * A root with no more mounts than a sandbox is built from: bubblewrap copies them all, and reads
 * the list of them for each that it makes. With the twenty mounts of a host a sandbox takes a fifth
 * longer.
 */
#ifndef PROCESSOR_SMALL_ROOT_H
#define PROCESSOR_SMALL_ROOT_H

#include "core/arena.h"
#include "core/rc.h"

/* Make it the root of our mount namespace, which nobody shares and whose mounts are private. Where
 * it cannot be made (mounts locked by an outer user namespace, a root that cannot be turned away
 * from, too many mounts) all stays as it was, which is RC_OK too. Uses /tmp. RC_SYS: it is neither.
 */
enum rc small_root(struct arena *a, struct err *err);

#endif
