/*
 * Processors making themselves known.
 *
 * Leases are written by a clock that starts at boot, so the first processor after a new boot ends
 * every lease of before.
 */
#include "core/claim.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

#define HEARD_MS 60000

static enum rc boot_id(char out[static 64], struct err *err)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read;

	if (!f)
		return err_sys(err, "cannot open /proc/sys/kernel/random/boot_id");
	read = fgets(out, 64, f) != NULL;
	fclose(f);
	if (!read)
		return err_set(err, RC_SYS, "cannot read /proc/sys/kernel/random/boot_id");
	out[strcspn(out, "\n")] = '\0';
	return RC_OK;
}

static enum rc note_boot(struct db *db, struct err *err)
{
	char boot[64];
	struct db_cursor cur;
	bool same = false;
	enum rc rc = boot_id(boot, err);

	if (rc != RC_OK)
		return rc;
	rc = db_one(db, &cur, SQL_SETTING_GET, DB_ARGS(DB_TEXT("boot_id")), err);
	if (rc == RC_OK) {
		same = strcmp(db_text(&cur, 0, NULL), boot) == 0;
		db_finish(&cur);
	} else if (rc != RC_NOTFOUND) {
		return rc;
	}
	if (same)
		return RC_OK;
	rc = db_exec(db, SQL_CLAIM_EXPIRE_ALL, DB_NO_ARGS, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_ARCHIVE_EXPIRE_ALL, DB_NO_ARGS, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_SETTING_PUT, DB_ARGS(DB_TEXT("boot_id"), DB_TEXT(boot)), err);
	return rc;
}

enum rc worker_begin(struct db *db, const char *name, const char *host, const char *about_json,
    int64_t *id, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = note_boot(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_one(db, &cur, SQL_WORKER_INSERT,
	    DB_ARGS(DB_TEXT(name), DB_TEXT(host), DB_TEXT(about_json), DB_INT(clock_wall_ms())),
	    err);
	if (rc != RC_OK)
		return rc;
	*id = db_int(&cur, 0);
	db_finish(&cur);
	return RC_OK;
}

enum rc worker_beat(struct db *db, int64_t id, int64_t running, struct err *err)
{
	return db_exec(db, SQL_WORKER_BEAT,
	    DB_ARGS(DB_INT(id), DB_INT(running), DB_INT(clock_wall_ms())), err);
}

enum rc worker_tell(struct db *db, int64_t id, const char *about_json, struct err *err)
{
	enum rc rc =
	    db_exec(db, SQL_WORKER_ABOUT, DB_ARGS(DB_INT(id), DB_TEXT(about_json)), err);

	return rc == RC_OK ? db_exec(db, SQL_PROJECT_BUMP_ALL, DB_NO_ARGS, err) : rc;
}

enum rc worker_end(struct db *db, int64_t id, struct err *err)
{
	return db_exec(db, SQL_WORKER_END, DB_ARGS(DB_INT(id), DB_INT(clock_wall_ms())), err);
}

enum rc worker_expire(struct db *db, int64_t id, struct err *err)
{
	enum rc rc = db_exec(db, SQL_CLAIM_EXPIRE_WORKER, DB_ARGS(DB_INT(id)), err);

	return rc == RC_OK ? worker_end(db, id, err) : rc;
}

enum rc worker_list(struct db *db, struct arena *a, struct worker **out, size_t *n, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_query(db, &cur, SQL_WORKER_OPEN, DB_NO_ARGS, err);

	*n = 0;
	if (rc != RC_OK)
		return rc;
	*out = arena_alloc(a, sizeof **out * WORKERS_MAX);
	while (*n < WORKERS_MAX && (rc = db_next(&cur, err)) == RC_OK)
		(*out)[(*n)++] = (struct worker){
		    .id = db_int(&cur, 0),
		    .name = arena_strdup(a, db_text(&cur, 1, NULL)),
		    .about = arena_strdup(a, db_text(&cur, 2, NULL)),
		    .running = db_int(&cur, 3),
		    .started_at = db_int(&cur, 4),
		    .seen_at = db_int(&cur, 5),
		};
	db_finish(&cur);
	return rc == RC_OK || rc == RC_DONE ? RC_OK : rc;
}

bool worker_heard(const struct worker *w)
{
	return clock_wall_ms() - w->seen_at < HEARD_MS;
}
