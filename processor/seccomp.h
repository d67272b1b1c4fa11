/*
 * The system calls a sandboxed command may not make.
 *
 * A list of what is refused: mounting and namespaces, other processes' memory, kernel keys,
 * modules, bpf, clocks, io_uring, pushing input into a terminal, and sockets other than unix, IP
 * and netlink. Namespaces and dropped capabilities stop most of this already; the filter takes away
 * the kernel code behind it. Calls of another architecture end the process.
 */
#ifndef PROCESSOR_SECCOMP_H
#define PROCESSOR_SECCOMP_H

#include "core/buf.h"
#include "core/rc.h"

/* Names of the calls that are refused whatever their arguments are; NULL-terminated. */
extern const char *const seccomp_refused[];

/* Append the program in the form bubblewrap reads (struct sock_filter records). */
enum rc seccomp_program(struct buf *out, struct err *err);

#endif
