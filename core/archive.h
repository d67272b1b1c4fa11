/*
 * Archives: all outputs of a job in one zip file, made when somebody asks for it.
 *
 * Whoever asks puts a row into `archives`; a processor takes it, has the file made (the tool
 * dropmill-zip) and turns the row into one of `files`, of the kind FILE_ARCHIVE. So however many
 * ask, one is made, and deletion, the sweep and `check` treat it as any other file of the job. It
 * can be made again at any time, so it is kept only for a while after that.
 */
#ifndef CORE_ARCHIVE_H
#define CORE_ARCHIVE_H

#include "core/job.h"

/* Why it failed, when it is for want of room on the disk. */
extern const char archive_no_room[];

/* ---- for those who ask ---- */

/* RC_OK: *out is the finished archive. RC_BUSY: it is being made, or will be: it was asked for
 * before or is now, and then the caller rings the doorbell. RC_NOTFOUND: this job has no outputs to
 * pack. RC_LIMIT: it could not be made a moment ago, for want of room; RC_SYS: for another reason;
 * err says which, and a later call asks again. */
enum rc archive_get(struct db *db, const struct scope *sc, const struct job *job, struct arena *a,
    struct file *out, struct err *err);

/* ---- for processors ---- */

/* One archive that is being made. A lease like a job's: what is written names the token. */
struct archive_work {
	int64_t org_id, job_id;
	char token[TOKEN_SIZE];
	int64_t ended_at; /* of the job, wall ms */
	struct file *outputs;
	size_t n;
	int64_t bytes; /* of the outputs together */
};

/* Whether one waits: one look at an index, no transaction. */
enum rc archive_waits(struct db *db, bool *waits, struct err *err);

/* The one that waits longest; a transaction of its own. RC_NOTFOUND: there is none. */
enum rc archive_take(
    struct db *db, int64_t lease_ms, struct arena *a, struct archive_work *out, struct err *err);

/* Hold it longer. RC_NOTFOUND: it is not ours any more, or nobody wants it. */
enum rc archive_renew(
    struct db *db, const struct archive_work *w, int64_t lease_ms, struct err *err);

/* It lies in the store, synced, under file->uuid: a durable transaction. RC_NOTFOUND as above: the
 * caller takes it out of the store again. */
enum rc archive_done(
    struct db *db, const struct archive_work *w, const struct file *file, struct err *err);

/* It could not be made. NULL: for no fault of its own, another processor may try at once. */
enum rc archive_failed(
    struct db *db, const struct archive_work *w, const char *error, struct err *err);

/* Archives made before a moment (wall ms), a bounded number at a call: their rows go, durably, and
 * the files in the arena are for store_remove. */
enum rc archive_expire(
    struct db *db, int64_t before, struct arena *a, struct file **gone, size_t *n, struct err *err);

#endif
