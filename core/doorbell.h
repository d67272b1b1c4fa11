/*
 * The doorbell: a datagram that wakes every processor of this host after a commit.
 *
 * Each processor binds a socket of its own in `run_dir/bell/`; ringing sends one empty datagram to
 * each, never blocks and never fails: a lost ring costs at most the one second of the fallback
 * scan.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include "core/config.h"
#include "core/rc.h"

void doorbell_ring(const struct config *cfg);

/* Bind our own socket (non-blocking, O_CLOEXEC); *path (heap) is unlinked and freed by
 * doorbell_close. Sockets of dead processors are removed on the way. */
enum rc doorbell_open(const struct config *cfg, int *fd, char **path, struct err *err);
void doorbell_drain(int fd);
void doorbell_close(int fd, char *path);

#endif
