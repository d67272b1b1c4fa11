/*
 * Inputs are what they were: their digests before a command sees them.
 *
 * A raw upload is linked into the store unread, so the first attempt computes the digest and
 * reports it; every later one compares. A file that was changed in the store must not become a
 * result.
 */
#ifndef PROCESSOR_INPUTS_H
#define PROCESSOR_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "processor/sandbox.h"

/* Called for each input whose digest was not known. */
typedef void inputs_fn(void *context, int64_t input, const char *sha256);
/* Called between blocks when something waits on the descriptor; false: give up. */
typedef bool inputs_pause_fn(void *context);

struct inputs_check {
	inputs_fn *found;
	inputs_pause_fn *pause;
	void *context;
	int watch; /* descriptor */
};

/* Read every bind that is an input. RC_INVALID: one is not the file it was, and err says which, for
 * people; RC_BUSY: given up; RC_SYS: it cannot be read. */
enum rc inputs_check(
    const struct sandbox_bind *binds, size_t n, const struct inputs_check *check, struct err *err);

#endif
