/*
 * The files of a job: its inputs, its outputs, and the archive of the outputs (core/archive.h).
 *
 * A job may have many; whatever people look at is bounded, and the rest comes by pages.
 */
#ifndef CORE_JOB_FILE_H
#define CORE_JOB_FILE_H

#include "core/job.h"

#define JOB_OUTPUTS_MAX 1000  /* what one run may leave */
#define JOB_FILES_SHOWN 100   /* of each kind in the view of one job */
#define JOB_OUTPUTS_LISTED 10 /* of each job in a list */

/* Up to `limit` files of one kind by id, those behind `after` (an id; 0: from the first). */
enum rc job_files_part(struct db *db, const struct scope *sc, int64_t job_id, enum file_kind kind,
    int64_t after, int limit, struct arena *a, struct file **out, size_t *n, struct err *err);

/* The first JOB_FILES_SHOWN inputs and as many outputs: for job_view. */
enum rc job_files_shown(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct file **out, size_t *n, struct err *err);

/* One file by its name; RC_NOTFOUND. */
enum rc job_file_find(struct db *db, const struct scope *sc, int64_t job_id, enum file_kind kind,
    const char *name, struct arena *a, struct file *out, struct err *err);

/* The first JOB_OUTPUTS_LISTED outputs of all jobs of a page; jobs in no particular order, the
 * files of a job by id. */
enum rc job_outputs(struct db *db, const struct scope *sc, const struct job_page *page,
    struct arena *a, struct file **out, size_t *n, struct err *err);

/* An input or output as every answer shows it; texts are borrowed. */
struct view *file_view(struct arena *a, const char *job_uuid, const struct file *f);

#endif
