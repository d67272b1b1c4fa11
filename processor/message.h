/*
 * Messages between the supervisor and the runner of one job, over a SOCK_SEQPACKET pair.
 *
 * Each packet is a type and a body of a fixed layout, or of bytes with a bounded length. The reader
 * checks size and termination of everything before it looks at it, so neither side can be led
 * astray by the other: the runner reads what a hostile command writes, and may one day be taken
 * over by it.
 */
#ifndef PROCESSOR_MESSAGE_H
#define PROCESSOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/id.h"
#include "core/rc.h"

#define MESSAGE_BYTES_MAX 32768
#define RESULT_MAX 2048
#define STEP_MAX 256

enum message_type {
	/* supervisor to runner */
	MESSAGE_SPEC = 1, /* struct message_spec, first */
	MESSAGE_ARG,      /* text: one element of the command's argv, in order */
	MESSAGE_ENV,      /* text: NAME=value for the command */
	MESSAGE_BIND,     /* struct message_bind */
	MESSAGE_FILTER,   /* bytes: the seccomp program */
	MESSAGE_SECRET,   /* text: not to be shown in log, progress, result or error */
	MESSAGE_START,    /* no body: the description is complete */
	MESSAGE_STOP,     /* struct message_stop */
	MESSAGE_FREEZE,   /* no body: stop all processes where they are */
	MESSAGE_THAW,     /* no body: let them go on */
	/* runner to supervisor */
	MESSAGE_STARTED,  /* no body: the sandbox is built, the command runs */
	MESSAGE_PROGRESS, /* struct message_progress */
	MESSAGE_INPUT,    /* struct message_input, before the command begins */
	MESSAGE_OUTPUT,   /* struct message_output, one per file, before the end */
	MESSAGE_END,      /* struct message_end, last: no process of the job is left */
	MESSAGE_TYPE_MAX
};

/* What a runner needs to know besides argv, environment and mounts. */
struct message_spec {
	char job[UUID_SIZE];
	int64_t timeout_ms, memory_bytes, output_max_bytes, log_max_bytes;
	int32_t sandbox; /* 0: run the command without one */
	int32_t network; /* 1: share the host's */
	int32_t items;   /* 1: NN/MM lines are progress too */
	int32_t drop;    /* 1: become uid and gid before anything of the job runs */
	int32_t again;   /* 1: it may serve another job after this one */
	uint32_t uid, gid;
	char cgroup[512]; /* the directory of the group the command is put into; "" for none */
	char work[512];   /* the attempt's directory, for people and for runs without sandbox */
};

/* A file or directory the command sees: source on the host, dest in the sandbox. */
struct message_bind {
	int32_t writable;
	int64_t input;   /* id of the input file it is; 0: none */
	char sha256[65]; /* of an input: its digest; "": not known, tell it */
	char source[2048], dest[2048];
};

struct message_stop {
	int64_t grace_ms; /* between SIGTERM and SIGKILL */
};

struct message_progress {
	int32_t percent; /* -1: not known, like the next three */
	int64_t total, processed, rejected;
	char step[STEP_MAX]; /* "": none */
};

/* The digest of an input that had none. */
struct message_input {
	int64_t id;
	char sha256[65];
};

struct message_output {
	int64_t size_bytes;
	uint64_t inode;
	char sha256[65], content_type[128];
	char name[1024]; /* relative to the output directory */
};

enum run_cause {
	RUN_EXIT, /* the command ended by itself: exit_code; over 128 it was signal exit_code - 128
		   */
	RUN_TIMEOUT, /* we ended it: its time was up, */
	RUN_MEMORY,  /* it took too much memory, */
	RUN_OUTPUT,  /* or wrote too much, */
	RUN_FILES,   /* or left too many files, */
	RUN_STOPPED, /* or the supervisor said so */
	RUN_FAULT, /* the host's fault: the command did not run, or its outputs could not be read */
	RUN_INPUT, /* an input is not the file that was uploaded */
	RUN_REFUSED, /* never sent: its name, its definition or its outputs cannot be accepted */
	RUN_CRASHED, /* never sent: the supervisor's name for a runner that died without an end */
	RUN_CAUSE_MAX
};

struct message_end {
	int32_t cause;
	int32_t exit_code;
	int32_t again;                         /* 1: it waits for another job */
	int64_t cpu_ms, peak_bytes, log_bytes; /* -1: not known */
	int64_t read_bytes, write_bytes;       /* from and to the disk; -1 */
	char last_error[512];    /* the last line on stderr; of RUN_FAULT: what went wrong */
	char result[RESULT_MAX]; /* "": none */
};

struct message {
	uint32_t type, size; /* size of the body */
	union {
		struct message_spec spec;
		struct message_bind bind;
		struct message_stop stop;
		struct message_progress progress;
		struct message_input input;
		struct message_output output;
		struct message_end end;
		char text[MESSAGE_BYTES_MAX + 1];
	} u;
};

/* Send one message; body may be NULL when size is 0. The socket may block. RC_SYS, also when the
 * peer is gone (no SIGPIPE); RC_LIMIT when the body is too long. */
enum rc message_send(
    int fd, enum message_type type, const void *body, size_t size, struct err *err);

/* One of many messages: type, and a body that is borrowed. */
struct message_part {
	enum message_type type;
	const void *body;
	size_t size;
};

/* Send n messages with few calls, from *sent on, which is moved along. Without `wait`: as many as
 * the socket takes at once, which is no failure. Otherwise as message_send. */
enum rc message_send_many(
    int fd, const struct message_part *list, size_t n, size_t *sent, bool wait, struct err *err);

/* Receive one. RC_DONE: the peer is gone; RC_BUSY: none there (non-blocking socket); RC_INVALID:
 * not a well-formed message. Texts are NUL-terminated. */
enum rc message_receive(int fd, struct message *m, struct err *err);

/* The check message_receive makes, on a body of m->size bytes. */
enum rc message_check(struct message *m, struct err *err);

#endif
