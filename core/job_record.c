/*
 * Bookkeeping of a job's changes, and reading its rows.
 */
#include "core/job_record.h"

#include <string.h>

#include "core/tally.h"

enum rc job_record(struct db *db, const struct job_change *c, struct err *err)
{
	enum rc rc = RC_OK;

	if (c->from != JOB_STATUS_MAX)
		rc = tally_count(db, c->project_id, c->from, c->job_type, -1, err);
	if (rc != RC_OK || c->to == JOB_STATUS_MAX)
		return rc;
	rc = tally_count(db, c->project_id, c->to, c->job_type, 1, err);
	if (rc != RC_OK)
		return rc;
	return db_exec(db, SQL_JOB_STATUS_INSERT,
	    DB_ARGS(DB_INT(c->org_id), DB_INT(c->job_id), DB_TEXT(job_status_name(c->to)),
		DB_INT(c->at), DB_TEXT(c->actor), DB_TEXT(c->reason)),
	    err);
}

enum rc job_bump(struct db *db, int64_t org_id, int64_t project_id, struct err *err)
{
	return tally_bump(db, org_id, project_id, err);
}

enum rc lane_enter(
    struct db *db, int64_t org_id, const char *job_type, int64_t pending, struct err *err)
{
	return tally_lane(db, org_id, job_type, pending, 0, err);
}

enum rc lane_add(struct db *db, int64_t org_id, const char *job_type, int64_t pending,
    int64_t running, struct err *err)
{
	return tally_lane(db, org_id, job_type, pending, running, err);
}

static const char *text(const struct db_cursor *cur, int column, struct arena *a)
{
	size_t len;
	const char *s = db_text(cur, column, &len);

	return s ? arena_strndup(a, s, len) : NULL;
}

/* An absent number is -1 where 0 means something. */
static int64_t number(const struct db_cursor *cur, int column)
{
	return db_null(cur, column) ? -1 : db_int(cur, column);
}

static void uuid_read(const struct db_cursor *cur, int column, char out[static UUID_SIZE])
{
	size_t len;
	const char *s = db_text(cur, column, &len);

	if (!s || len != UUID_SIZE - 1)
		bug("database holds a malformed uuid");
	memcpy(out, s, UUID_SIZE);
}

void job_read(const struct db_cursor *cur, struct arena *a, struct job *out)
{
	int c = 0;

	out->id = db_int(cur, c++);
	out->org_id = db_int(cur, c++);
	out->project_id = db_int(cur, c++);
	out->user_id = db_int(cur, c++);
	uuid_read(cur, c++, out->uuid);
	out->name = text(cur, c++, a);
	out->job_type = text(cur, c++, a);
	out->created_by = text(cur, c++, a);
	out->current_step = text(cur, c++, a);
	out->error = text(cur, c++, a);
	out->result = text(cur, c++, a);
	out->params = text(cur, c++, a);
	out->status = job_status_parse(db_text(cur, c++, NULL));
	out->progress = (int)db_int(cur, c++);
	out->total_items = number(cur, c++);
	out->processed_items = number(cur, c++);
	out->rejected_items = number(cur, c++);
	out->priority = db_int(cur, c++);
	out->retry_count = db_int(cur, c++);
	out->max_retries = db_int(cur, c++);
	out->attempt = db_int(cur, c++);
	out->type_version = db_int(cur, c++);
	out->run_at = db_int(cur, c++);
	out->created_at = db_int(cur, c++);
	out->updated_at = db_int(cur, c++);
	out->started_at = db_int(cur, c++);
	out->completed_at = db_int(cur, c++);
	out->cpu_ms = number(cur, c++);
	out->peak_bytes = number(cur, c++);
	out->log_bytes = number(cur, c++);
	out->files_in = db_int(cur, c++);
	out->files_out = db_int(cur, c++);
	out->size_bytes = db_int(cur, c++);
	out->manual = db_int(cur, c++) != 0;
	out->read_bytes = number(cur, c++);
	out->write_bytes = number(cur, c++);
	out->keep_ms = db_int(cur, c++);
}

void file_read(const struct db_cursor *cur, struct arena *a, struct file *out)
{
	out->id = db_int(cur, 0);
	out->job_id = db_int(cur, 1);
	out->size_bytes = db_int(cur, 2);
	uuid_read(cur, 3, out->uuid);
	out->kind = (enum file_kind)db_int(cur, 4);
	out->name = text(cur, 5, a);
	out->content_type = text(cur, 6, a);
	out->sha256 = text(cur, 7, a);
	out->param = text(cur, 8, a);
}
