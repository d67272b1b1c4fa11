/*
 * The brief: what a runner is told about its job before it starts, as it arrives over the socket.
 */
#ifndef PROCESSOR_BRIEF_H
#define PROCESSOR_BRIEF_H

#include "core/arena.h"
#include "core/buf.h"
#include "processor/message.h"
#include "processor/sandbox.h"

#define BRIEF_BINDS_MAX 256
#define BRIEF_WORDS_MAX 4096

/* Lists and texts lie in the arena it was read into: one page after the other, where each page that
 * a new process touches costs. filter is owned (buf_release). */
struct brief {
	struct message_spec spec;
	char **argv, **env; /* NULL-terminated */
	size_t argc, envc;
	char **secrets; /* texts to be masked */
	size_t secret_count;
	struct sandbox_bind *binds;
	size_t bind_count;
	struct buf filter; /* the seccomp program */
};

/* Read everything up to MESSAGE_START into a zeroed brief. RC_DONE: the supervisor is gone;
 * RC_LIMIT, RC_INVALID: not something that can be run. */
enum rc brief_read(int fd, struct brief *b, struct arena *a, struct err *err);

#endif
