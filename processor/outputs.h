/*
 * Outputs: what a command left in its output directory, looked at by the runner after its last
 * process is gone, and taken into the store by the supervisor.
 *
 * Only regular files with one name count. Links, devices, sockets, fifos and names that are not
 * clean relative UTF-8 are left out, with a line in the log. A file is opened without ever
 * following a link, and what the supervisor opens must be the file the runner looked at.
 */
#ifndef PROCESSOR_OUTPUTS_H
#define PROCESSOR_OUTPUTS_H

#include "core/job_file.h"
#include "core/store.h"
#include "processor/joblog.h"
#include "processor/message.h"

#define OUTPUTS_MAX JOB_OUTPUTS_MAX

/* In the runner: called for each output. Not RC_OK ends the walk. */
typedef enum rc outputs_fn(void *context, const struct message_output *output, struct err *err);

/* Walk the directory; digests, types and syncs each file. RC_LIMIT: more than max_bytes in all (0:
 * no limit), or the disk is full. RC_INVALID: more than OUTPUTS_MAX files. */
enum rc outputs_scan(
    int dir, int64_t max_bytes, struct joblog *log, outputs_fn *fn, void *context, struct err *err);

/* In the supervisor: link one output into the store under file->uuid. RC_INVALID: it is not the
 * file that was described. store_sync follows after the last. */
enum rc outputs_take(struct store *st, int dir, const struct message_output *output,
    const char *uuid, struct err *err);

#endif
