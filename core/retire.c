/*
 * Retiring jobs, a few at a time.
 */
#include "core/retire.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/job_record.h"

/* A job that is due. keep_ms is 0 for one that is to be deleted. */
struct due {
	int64_t org_id, id, keep_ms;
	char uuid[UUID_SIZE];
};

static enum rc read_due(struct db *db, enum sql_id id, const struct db_arg *args, size_t arg_count,
    struct due *list, size_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, id, args, arg_count, err);

	if (rc != RC_OK)
		return rc;
	while (*n < RETIRE_JOBS_MAX && (rc = db_next(&cur, err)) == RC_OK) {
		struct due *d = &list[(*n)++];

		*d = (struct due){db_int(&cur, 0), db_int(&cur, 1), db_int(&cur, 2), ""};
		snprintf(d->uuid, sizeof d->uuid, "%s", db_text(&cur, 3, NULL));
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* At most `limit` of each kind; the deletions first, since somebody waits for them. */
static enum rc find_due(struct db *db, int64_t limit, struct due *list, size_t *n, struct err *err)
{
	enum rc rc;

	*n = 0;
	rc = read_due(db, SQL_RETIRE_DOOMED, DB_ARGS(DB_INT(limit)), list, n, err);
	if (rc == RC_OK)
		rc = read_due(db, SQL_RETIRE_EXPIRED,
		    DB_ARGS(DB_INT(clock_wall_ms()), DB_INT(limit)), list, n, err);
	return rc;
}

enum rc retire_due(struct db *db, bool *due, struct err *err)
{
	struct due list[RETIRE_JOBS_MAX];
	size_t n;
	enum rc rc = find_due(db, 1, list, &n, err);

	*due = rc == RC_OK && n;
	return rc;
}

/* The rest of a job that was deleted while it ran. */
static enum rc delete_one(struct db *db, const struct scope *sc, const struct due *d,
    struct arena *a, struct job_gone *gone, struct err *err)
{
	enum rc rc = job_files(db, sc, d->id, a, &gone->files, &gone->n, err);

	memcpy(gone->uuid, d->uuid, sizeof gone->uuid);
	return rc == RC_OK
		   ? db_exec(db, SQL_JOB_DELETE, DB_ARGS(DB_INT(d->org_id), DB_INT(d->id)), err)
		   : rc;
}

static enum rc retire_one(
    struct db *db, const struct due *d, struct arena *a, struct job_gone *gone, struct err *err)
{
	const struct scope sc = {.org_id = d->org_id, .user_name = "processor"};
	char text[CLOCK_ISO_SIZE];

	if (!d->keep_ms)
		return delete_one(db, &sc, d, a, gone, err);
	return job_remove_in(db, &sc, d->id,
	    arena_printf(a, "kept for %s", clock_words(d->keep_ms, text)), a, gone, err);
}

enum rc retire_take(
    struct db *db, struct arena *a, struct job_gone *gone, size_t *n, struct err *err)
{
	struct due list[RETIRE_JOBS_MAX];
	size_t count, files = 0;
	enum rc rc = db_begin(db, err);

	*n = 0;
	if (rc != RC_OK)
		return rc;
	rc = find_due(db, RETIRE_JOBS_MAX, list, &count, err);
	while (rc == RC_OK && *n < count && files < RETIRE_FILES_MAX) {
		rc = retire_one(db, &list[*n], a, &gone[*n], err);
		files += gone[*n].n;
		*n += rc == RC_OK;
	}
	if (rc != RC_OK)
		*n = 0;
	return db_end_durable(db, rc, err);
}
