/*
 * What a run would be, without running it: `dropmill types explain` asks for it.
 */
#ifndef PROCESSOR_EXPLAIN_H
#define PROCESSOR_EXPLAIN_H

#include "core/buf.h"
#include "core/config.h"

/*
 * asked is JSON: `type`, `inputs` (a list of `path` and, for the file of a parameter, `param`) and
 * `values` (the parameters' texts by their names; secrets already hidden).
 *
 * The answer, appended to out, is made by the functions that make a run: `argv` and `environment`
 * of the command; `sandbox`, the whole command line with the sandbox; `mounts`, the same for
 * people: `at`, `from`, `access`, `bytes` (of memory, null: a file or directory); `refused`, system
 * calls; `limits` (`of`, `value`) that the kernel keeps. With sandbox = off there is no `sandbox`,
 * `mounts` or `refused`; with auto it is taken to hold, which only a running processor has tried.
 *
 * RC_INVALID: the run would be refused, and why. Nothing on the host is touched.
 */
enum rc explain(
    const struct config *cfg, const char *asked, size_t len, struct buf *out, struct err *err);

#endif
