/*
 * Jobs: making them and looking them up.
 *
 * A job enters the database in one piece: row, files, history, counters and lane in
 * the caller's transaction, so no reader ever sees half of it.
 */
#include "core/job.h"

#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"
#include "core/job_search.h"
#include "core/secret.h"
#include "core/str.h"

static enum rc insert_files(
    struct db *db, const struct scope *sc, const struct job_new *job, int64_t now, struct err *err)
{
	for (size_t i = 0; i < job->file_count; i++) {
		const struct file *f = &job->files[i];
		enum rc rc = db_exec(db, SQL_FILE_INSERT,
		    DB_ARGS(DB_TEXT(f->uuid), DB_INT(sc->org_id), DB_INT(job->id), DB_INT(f->kind),
			DB_TEXT(f->name), DB_INT(f->size_bytes), DB_TEXT(f->content_type),
			DB_TEXT(f->sha256), DB_INT(now), DB_TEXT(f->param)),
		    err);

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc insert_job(
    struct db *db, const struct scope *sc, struct job_new *job, int64_t now, struct err *err)
{
	int64_t bytes = 0;
	bool ready = job->run_at <= now && !job->manual;
	struct db_cursor cur;
	enum rc rc;

	for (size_t i = 0; i < job->file_count; i++)
		bytes += job->files[i].size_bytes;
	uuid_new(job->uuid);
	rc = db_one(db, &cur, SQL_JOB_INSERT,
	    DB_ARGS(DB_TEXT(job->uuid), DB_INT(sc->org_id), DB_INT(sc->project_id),
		DB_INT(sc->user_id), DB_TEXT(sc->user_name), DB_TEXT(job->name),
		DB_TEXT(job->job_type), DB_INT(job->type_version), DB_INT(ready),
		DB_INT(job->priority), DB_TEXT(job->params ? job->params : "{}"),
		DB_INT(job->max_retries), DB_INT(job->run_at), DB_INT((int64_t)job->file_count),
		DB_INT(bytes), DB_INT(now), DB_INT(job->manual), DB_INT(job->keep_ms)),
	    err);
	if (rc != RC_OK)
		return rc;
	job->id = db_int(&cur, 0);
	job->created_at = now;
	db_finish(&cur);
	rc = insert_files(db, sc, job, now, err);
	if (rc == RC_OK && job->sealed)
		rc = secret_store(db, sc->org_id, job->id, job->sealed, err);
	if (rc == RC_OK)
		rc = job_record(db,
		    &(struct job_change){.org_id = sc->org_id,
			.project_id = sc->project_id,
			.job_id = job->id,
			.at = now,
			.job_type = job->job_type,
			.actor = sc->user_name,
			.from = JOB_STATUS_MAX,
			.to = JOB_PENDING},
		    err);
	if (rc == RC_OK && ready)
		rc = lane_enter(db, sc->org_id, job->job_type, 1, err);
	if (rc == RC_OK)
		rc = job_search_add(db, job->id, err);
	return rc;
}

enum rc job_create(
    struct db *db, const struct scope *sc, struct job_new *jobs, size_t n, struct err *err)
{
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < n; i++) {
		enum rc rc = insert_job(db, sc, &jobs[i], now, err);

		if (rc != RC_OK)
			return rc;
	}
	return job_bump(db, sc->org_id, sc->project_id, err);
}

void job_made(const struct scope *sc, const struct job_new *made, struct job *out)
{
	*out = (struct job){
	    .id = made->id,
	    .org_id = sc->org_id,
	    .project_id = sc->project_id,
	    .user_id = sc->user_id,
	    .name = made->name,
	    .job_type = made->job_type,
	    .created_by = sc->user_name,
	    .params = made->params ? made->params : "{}",
	    .status = JOB_PENDING,
	    .total_items = -1,
	    .processed_items = -1,
	    .rejected_items = -1,
	    .priority = made->priority,
	    .max_retries = made->max_retries,
	    .type_version = made->type_version,
	    .manual = made->manual,
	    .run_at = made->run_at,
	    .created_at = made->created_at,
	    .updated_at = made->created_at,
	    .cpu_ms = -1,
	    .peak_bytes = -1,
	    .read_bytes = -1,
	    .write_bytes = -1,
	    .log_bytes = -1,
	    .files_in = (int64_t)made->file_count,
	    .keep_ms = made->keep_ms,
	};
	memcpy(out->uuid, made->uuid, sizeof out->uuid);
	for (size_t i = 0; i < made->file_count; i++)
		out->size_bytes += made->files[i].size_bytes;
}

enum rc job_find(struct db *db, const struct scope *sc, const char *key, struct arena *a,
    struct job *out, struct err *err)
{
	struct db_cursor cur;
	char lower[UUID_SIZE];
	int64_t id;
	enum rc rc;

	if (str_int(key, 1, INT64_MAX, &id)) {
		rc = db_one(db, &cur, SQL_JOB_BY_ID,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(id), DB_INT(sc->limited)), err);
	} else if (uuid_valid(key)) {
		for (size_t i = 0; i < UUID_SIZE; i++)
			lower[i] = key[i] >= 'A' && key[i] <= 'F' ? (char)(key[i] | 0x20) : key[i];
		rc = db_one(db, &cur, SQL_JOB_BY_UUID,
		    DB_ARGS(DB_INT(sc->org_id), DB_TEXT(lower), DB_INT(sc->limited)), err);
	} else {
		rc = RC_NOTFOUND;
	}
	if (rc == RC_NOTFOUND)
		return err_set(err, rc, "no such job: \"%.60s\"", key);
	if (rc != RC_OK)
		return rc;
	job_read(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

enum rc job_history(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct job_event **out, size_t *n, struct err *err)
{
	struct job_event *events = NULL;
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc;

	*n = 0;
	rc = db_query(db, &cur, SQL_JOB_HISTORY, DB_ARGS(DB_INT(sc->org_id), DB_INT(job_id)), err);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		events = arena_room(a, events, *n, &room, sizeof *events);
		events[(*n)++] = (struct job_event){
		    .status = job_status_parse(db_text(&cur, 0, NULL)),
		    .at = db_int(&cur, 1),
		    .actor = arena_strdup(a, db_text(&cur, 2, NULL)),
		    .reason = arena_strdup(a, db_text(&cur, 3, NULL)),
		};
	}
	db_finish(&cur);
	*out = events;
	return rc == RC_DONE ? RC_OK : rc;
}
