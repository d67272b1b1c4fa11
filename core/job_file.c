/*
 * Files of jobs, read from their rows.
 *
 * A list page asks for the outputs of many jobs at once. Most have a few, and those come by one
 * statement; a job with more than a list shows is asked for the first few alone, so that no job can
 * make the list slow.
 */
#include "core/job_file.h"

#include <string.h>

#include "core/job_record.h"
#include "core/url.h"

#define TOGETHER 25 /* jobs of one JOB_OUTPUTS */

enum rc files_read(struct db *db, enum sql_id id, const struct db_arg *args, size_t arg_count,
    struct arena *a, struct file **out, size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc;

	*n = 0;
	*out = NULL;
	rc = db_query(db, &cur, id, args, arg_count, err);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		if (*n == room) {
			struct file *grown = arena_alloc(a, sizeof *grown * (room ? room * 2 : 4));

			if (*n)
				memcpy(grown, *out, sizeof *grown * *n);
			room = room ? room * 2 : 4;
			*out = grown;
		}
		file_read(&cur, a, &(*out)[(*n)++]);
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc job_files(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct file **out, size_t *n, struct err *err)
{
	return files_read(
	    db, SQL_JOB_FILES, DB_ARGS(DB_INT(sc->org_id), DB_INT(job_id)), a, out, n, err);
}

enum rc job_files_part(struct db *db, const struct scope *sc, int64_t job_id, enum file_kind kind,
    int64_t after, int limit, struct arena *a, struct file **out, size_t *n, struct err *err)
{
	return files_read(db, SQL_JOB_FILES_PART,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(job_id), DB_INT(kind), DB_INT(after), DB_INT(limit)),
	    a, out, n, err);
}

/* Append a list to another. */
static void append(
    struct arena *a, struct file **list, size_t *n, const struct file *more, size_t k)
{
	struct file *both;

	if (!k)
		return;
	both = arena_alloc(a, sizeof *both * (*n + k));
	if (*n)
		memcpy(both, *list, sizeof *both * *n);
	memcpy(both + *n, more, sizeof *both * k);
	*list = both;
	*n += k;
}

enum rc job_files_shown(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct file **out, size_t *n, struct err *err)
{
	struct file *outputs;
	size_t k;
	enum rc rc = job_files_part(db, sc, job_id, FILE_INPUT, 0, JOB_FILES_SHOWN, a, out, n, err);

	if (rc == RC_OK)
		rc = job_files_part(
		    db, sc, job_id, FILE_OUTPUT, 0, JOB_FILES_SHOWN, a, &outputs, &k, err);
	if (rc == RC_OK)
		append(a, out, n, outputs, k);
	return rc;
}

enum rc job_file_find(struct db *db, const struct scope *sc, int64_t job_id, enum file_kind kind,
    const char *name, struct arena *a, struct file *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_FILE_BY_NAME,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(job_id), DB_INT(kind), DB_TEXT(name)), err);

	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "this job has no such file");
	if (rc != RC_OK)
		return rc;
	file_read(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

/* The outputs of up to TOGETHER jobs that have no more than a list shows. */
static enum rc read_together(struct db *db, const struct scope *sc, const int64_t *jobs,
    size_t count, struct arena *a, struct file **out, size_t *n, struct err *err)
{
	struct db_arg args[1 + TOGETHER] = {DB_INT(sc->org_id)};
	struct file *more;
	size_t k;
	enum rc rc;

	if (!count)
		return RC_OK;
	for (size_t i = 0; i < TOGETHER; i++)
		args[1 + i] = DB_INT(i < count ? jobs[i] : 0);
	rc = files_read(db, SQL_JOB_OUTPUTS, args, 1 + TOGETHER, a, &more, &k, err);
	if (rc == RC_OK)
		append(a, out, n, more, k);
	return rc;
}

enum rc job_outputs(struct db *db, const struct scope *sc, const struct job_page *page,
    struct arena *a, struct file **out, size_t *n, struct err *err)
{
	int64_t few[TOGETHER];
	size_t used = 0;
	enum rc rc = RC_OK;

	*out = NULL;
	*n = 0;
	for (size_t i = 0; i < page->n && rc == RC_OK; i++) {
		const struct job *job = &page->jobs[i];

		if (job->files_out > JOB_OUTPUTS_LISTED) {
			struct file *more;
			size_t k;

			rc = job_files_part(
			    db, sc, job->id, FILE_OUTPUT, 0, JOB_OUTPUTS_LISTED, a, &more, &k, err);
			if (rc == RC_OK)
				append(a, out, n, more, k);
		} else if (job->files_out) {
			few[used++] = job->id;
		}
		if (used == TOGETHER && rc == RC_OK) {
			rc = read_together(db, sc, few, used, a, out, n, err);
			used = 0;
		}
	}
	return rc == RC_OK ? read_together(db, sc, few, used, a, out, n, err) : rc;
}

struct view *file_view(struct arena *a, const char *job_uuid, const struct file *f)
{
	struct view *v = view_obj(a);

	view_ref(v, "filename", f->name);
	view_ref(v, "file_type", f->content_type);
	view_int(v, "size", f->size_bytes);
	view_ref(v, "sha256", f->sha256);
	view_ref(v, "download_url",
	    f->kind == FILE_OUTPUT
		? arena_join(
		      a, "/jobs/", job_uuid, "/files/out/", url_escape_path(a, f->name), NULL)
		: arena_join(a, "/jobs/", job_uuid, "/files/in/", url_escape(a, f->name), NULL));
	return v;
}
