/*
 * Passing open descriptors to another process over a SOCK_SEQPACKET socket, with a few bytes that
 * say what they are for.
 */
#ifndef PROCESSOR_PASS_H
#define PROCESSOR_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/rc.h"

#define PASS_MAX 12 /* descriptors of one message */

/* Send size bytes (at least one) and n descriptors, which stay the caller's. RC_SYS: also when
 * nobody is there any more (no SIGPIPE). */
enum rc pass_send(
    int sock, const void *data, size_t size, const int *fds, size_t n, struct err *err);

/* Receive one such message: how many bytes of it; -1: the peer is gone, or it is malformed, in
 * which case no descriptor is left open. *n descriptors in fds are the caller's, O_CLOEXEC. */
ssize_t pass_receive(int sock, void *data, size_t size, int fds[static PASS_MAX], size_t *n);

/* Make fds[i] the descriptors places[i], O_CLOEXEC, whatever the one and the other are now; what
 * was at a place is closed. The old numbers are closed. Places lie below 256. False: it failed. */
bool pass_place(const int *fds, const int *places, size_t n);

#endif
