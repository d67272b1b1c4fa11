/*
 * Result codes and the text that goes with a failure.
 *
 * Every fallible function returns `enum rc` and, where a person may read the cause, fills the
 * caller's `struct err`. Texts are lower case, failure first, subject quoted. One place per program
 * turns a code into its own terms: fcgi/response.c into an HTTP status, cli/main.c into an exit
 * code.
 */
#ifndef CORE_RC_H
#define CORE_RC_H

#include <stdbool.h>
#include <stddef.h>

enum rc {
	RC_OK,
	RC_DONE,     /* no more rows, end of input: not a failure */
	RC_NOTFOUND, /* no such thing, or not the caller's */
	RC_INVALID,  /* the input is wrong; err names the field */
	RC_CONFLICT, /* the state does not allow it, or a key is taken */
	RC_BUSY,     /* try again later */
	RC_LIMIT,    /* a bound was reached: size, count, quota, disk */
	RC_DENIED,   /* not allowed for this caller */
	RC_SYS,      /* the system refused: errno is in the text */
	RC_DB,       /* the database refused: its message is in the text */
	RC_MAX
};

/* Owned by the caller, usually on its stack; text is "" until something failed. */
struct err {
	enum rc rc;
	char text[256];
};

/* A short stable name such as "notfound"; static storage. */
const char *rc_name(enum rc rc);

/* Store code and formatted text (cut to fit) and return the code, so that a caller can write
 * `return err_set(err, RC_INVALID, …)`. err may be NULL. */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with RC_SYS (RC_LIMIT for ENOSPC, EDQUOT, EFBIG) and ": strerror(errno)" appended.
 * Preserves errno. */
enum rc err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* End the process with a message on stderr: start-up and tools only, never while a request is
 * served. code is one of sysexits.h. */
_Noreturn void die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A broken invariant: message, then abort(), so that the supervisor restarts us. */
_Noreturn void bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
