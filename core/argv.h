/*
 * A command line as text, split into an argv the way a shell splits one: blanks separate, single
 * quotes keep everything, double quotes keep everything but backslash, a backslash takes the next
 * character as it is. Nothing is ever expanded and no shell is involved.
 */
#ifndef CORE_ARGV_H
#define CORE_ARGV_H

#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/rc.h"

/* Split into a NULL-terminated array in the arena; *n (may be NULL) counts the elements. RC_INVALID
 * on a quote that is not closed or a backslash at the end. Empty text gives an empty array. */
enum rc argv_split(
    const char *text, struct arena *a, const char ***argv, size_t *n, struct err *err);

/* Append one argument, quoted where a shell would need it; what argv_split reads back. */
void argv_quote(const char *arg, struct buf *out);

#endif
