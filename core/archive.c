/*
 * The rows of archives that are asked for, being made, or made.
 */
#include "core/archive.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_file.h"
#include "core/job_record.h"

/* One that failed is tried again when somebody asks after this time. */
#define AGAIN_MS 15000
#define EXPIRE_MAX 50

const char archive_no_room[] = "there is not enough room on the disk for an archive";

/* Put the row there, or wake one that failed a while ago. */
static enum rc ask(struct db *db, const struct job *job, struct err *err)
{
	int64_t now = clock_wall_ms();
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_ARCHIVE_ASK,
	    DB_ARGS(DB_INT(job->id), DB_INT(job->org_id), DB_INT(now), DB_INT(now - AGAIN_MS)),
	    err);
	return db_end(db, rc, err);
}

/* The row as it is; RC_NOTFOUND. */
static enum rc look(
    struct db *db, const struct job *job, int64_t *at, char *error, size_t size, struct err *err)
{
	struct db_cursor cur;
	enum rc rc =
	    db_one(db, &cur, SQL_ARCHIVE_ROW, DB_ARGS(DB_INT(job->org_id), DB_INT(job->id)), err);

	if (rc != RC_OK)
		return rc;
	*at = db_int(&cur, 0);
	snprintf(error, size, "%s", db_null(&cur, 1) ? "" : db_text(&cur, 1, NULL));
	db_finish(&cur);
	return RC_OK;
}

enum rc archive_get(struct db *db, const struct scope *sc, const struct job *job, struct arena *a,
    struct file *out, struct err *err)
{
	char error[200] = "";
	struct file *made;
	int64_t at = 0;
	size_t n;
	enum rc rc = job_files_part(db, sc, job->id, FILE_ARCHIVE, 0, 1, a, &made, &n, err);

	if (rc == RC_OK && n) {
		*out = made[0];
		return RC_OK;
	}
	if (rc == RC_OK && (job->status != JOB_COMPLETED || !job->files_out))
		return err_set(err, RC_NOTFOUND, "this job has no results to pack");
	if (rc == RC_OK)
		rc = look(db, job, &at, error, sizeof error, err);
	if (rc == RC_OK && *error && clock_wall_ms() - at < AGAIN_MS)
		return err_set(
		    err, strcmp(error, archive_no_room) == 0 ? RC_LIMIT : RC_SYS, "%s", error);
	if (rc == RC_NOTFOUND || (rc == RC_OK && *error))
		rc = ask(db, job, err);
	return rc == RC_OK ? err_set(err, RC_BUSY, "the archive is being made") : rc;
}

enum rc archive_waits(struct db *db, bool *waits, struct err *err)
{
	struct db_cursor cur;
	enum rc rc =
	    db_one(db, &cur, SQL_ARCHIVE_NEXT, DB_ARGS(DB_INT(db_lease_clock_ms(db))), err);

	*waits = rc == RC_OK;
	if (rc == RC_OK)
		db_finish(&cur);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc take(
    struct db *db, int64_t lease_ms, struct arena *a, struct archive_work *w, struct err *err)
{
	int64_t now = db_lease_clock_ms(db);
	struct scope sc = {0};
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_ARCHIVE_NEXT, DB_ARGS(DB_INT(now)), err);

	if (rc != RC_OK)
		return rc;
	w->org_id = sc.org_id = db_int(&cur, 0);
	w->job_id = db_int(&cur, 1);
	w->ended_at = db_int(&cur, 2);
	db_finish(&cur);
	token_new(w->token);
	rc = db_exec(db, SQL_ARCHIVE_TAKE,
	    DB_ARGS(DB_INT(w->job_id), DB_TEXT(w->token), DB_INT(now + lease_ms)), err);
	if (rc == RC_OK)
		rc = job_files_part(db, &sc, w->job_id, FILE_OUTPUT, 0, JOB_OUTPUTS_MAX, a,
		    &w->outputs, &w->n, err);
	for (size_t i = 0; rc == RC_OK && i < w->n; i++)
		w->bytes += w->outputs[i].size_bytes;
	return rc;
}

enum rc archive_take(
    struct db *db, int64_t lease_ms, struct arena *a, struct archive_work *out, struct err *err)
{
	enum rc rc = db_begin(db, err);

	*out = (struct archive_work){0};
	if (rc != RC_OK)
		return rc;
	rc = take(db, lease_ms, a, out, err);
	return db_end(db, rc, err);
}

/* One statement that names job and token, in a transaction of its own. */
static enum rc write_row(
    struct db *db, enum sql_id id, const struct db_arg *args, size_t n, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, id, args, n, err);
	if (rc == RC_OK && db_changes(db) == 0)
		rc = err_set(err, RC_NOTFOUND, "nobody wants this archive any more");
	return db_end(db, rc, err);
}

enum rc archive_renew(
    struct db *db, const struct archive_work *w, int64_t lease_ms, struct err *err)
{
	return write_row(db, SQL_ARCHIVE_RENEW,
	    DB_ARGS(DB_INT(w->job_id), DB_TEXT(w->token), DB_INT(db_lease_clock_ms(db) + lease_ms)),
	    err);
}

enum rc archive_failed(
    struct db *db, const struct archive_work *w, const char *error, struct err *err)
{
	return write_row(db, SQL_ARCHIVE_FAILED,
	    DB_ARGS(DB_INT(w->job_id), DB_TEXT(w->token), DB_TEXT(error), DB_INT(clock_wall_ms())),
	    err);
}

enum rc archive_done(
    struct db *db, const struct archive_work *w, const struct file *file, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_ARCHIVE_DONE, DB_ARGS(DB_INT(w->job_id), DB_TEXT(w->token)), err);
	if (rc == RC_OK && db_changes(db) == 0)
		rc = err_set(err, RC_NOTFOUND, "nobody wants this archive any more");
	if (rc == RC_OK)
		rc = db_exec(db, SQL_FILE_INSERT,
		    DB_ARGS(DB_TEXT(file->uuid), DB_INT(w->org_id), DB_INT(w->job_id),
			DB_INT(FILE_ARCHIVE), DB_TEXT(file->name), DB_INT(file->size_bytes),
			DB_TEXT(file->content_type), DB_TEXT(file->sha256), DB_INT(clock_wall_ms()),
			DB_NULL),
		    err);
	return db_end_durable(db, rc, err);
}

enum rc archive_expire(
    struct db *db, int64_t before, struct arena *a, struct file **gone, size_t *n, struct err *err)
{
	enum rc rc = files_read(
	    db, SQL_ARCHIVE_OLD, DB_ARGS(DB_INT(before), DB_INT(EXPIRE_MAX)), a, gone, n, err);

	if (rc != RC_OK || !*n)
		return rc;
	rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < *n && rc == RC_OK; i++)
		rc = db_exec(db, SQL_ARCHIVE_DROP, DB_ARGS(DB_INT((*gone)[i].id)), err);
	if (rc != RC_OK)
		*n = 0;
	return db_end_durable(db, rc, err);
}
