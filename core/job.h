/*
 * Jobs: create, look up, list, act on. What a processor does with them is in core/claim.h.
 *
 * Every function takes the caller's scope; rows of another org do not exist for it (RC_NOTFOUND).
 * Each change appends to job_statuses, moves the counters and the lane and bumps the project's
 * version in one transaction.
 */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include <stdint.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/id.h"
#include "core/job_state.h"
#include "core/scope.h"
#include "core/view.h"

/* What somebody may ask for: a priority of -100 to 100, and a start at most 366 days ahead. */
#define JOB_PRIORITY_MAX 100
#define JOB_AHEAD_MAX_MS (INT64_C(366) * 86400000)

/* A file row. uuid names it in the store. */
enum file_kind { FILE_INPUT, FILE_OUTPUT, FILE_ARCHIVE /* all outputs in one; core/archive.h */ };
struct file {
	int64_t id, job_id, size_bytes;
	char uuid[UUID_SIZE];
	enum file_kind kind;
	const char
	    *name; /* display name; for outputs a relative path within the output directory */
	const char *content_type;
	const char *sha256; /* hex; NULL: not computed yet */
	const char *param;  /* the parameter whose value it is; NULL: none */
};

struct job {
	int64_t id, org_id, project_id, user_id;
	char uuid[UUID_SIZE];
	const char *name, *job_type, *created_by, *current_step, *error, *result, *params;
	enum job_status status;
	int progress;                                         /* percent */
	int64_t total_items, processed_items, rejected_items; /* -1: not known */
	int64_t priority, retry_count, max_retries, attempt, type_version;
	int64_t run_at, created_at, updated_at, started_at, completed_at; /* wall ms; 0: not yet */
	int64_t cpu_ms, peak_bytes, log_bytes;   /* of the last attempt; -1: not known */
	int64_t read_bytes, write_bytes;         /* from and to the disk, likewise */
	int64_t files_in, files_out, size_bytes; /* how many, and bytes of the inputs */
	bool manual;                             /* moved by hand: no processor takes it */
	int64_t keep_ms;                         /* files are kept so long; 0: for ever */
};

/* When the files of an ended job go, wall ms; 0: never, or not known yet. */
int64_t job_expires_at(const struct job *job);

/* What to make. Files lie in the store already (core/store.h). Texts borrowed. */
struct job_new {
	const char *name, *job_type, *params; /* params: JSON object or NULL */
	const char *sealed;                   /* its secrets (core/secret.h), or NULL */
	int64_t type_version, priority, max_retries;
	int64_t run_at;  /* wall ms; 0: now */
	bool manual;     /* of a type that is moved by hand (core/job_move.c) */
	int64_t keep_ms; /* how long files are kept after the end; 0: for ever */
	const struct file *files;
	size_t file_count;
	/* Filled by job_create. */
	int64_t id, created_at;
	char uuid[UUID_SIZE];
};

/* Inside the caller's write transaction: insert n jobs with files, status rows, counters, lanes,
 * and bump the project. The caller commits durably and then rings the doorbell. */
enum rc job_create(
    struct db *db, const struct scope *sc, struct job_new *jobs, size_t n, struct err *err);

/* The job as job_create has just made it, without asking the database. Texts are borrowed. */
void job_made(const struct scope *sc, const struct job_new *made, struct job *out);

/* By uuid or decimal id as it stands in a URL. Texts live in the arena. RC_NOTFOUND. */
enum rc job_find(struct db *db, const struct scope *sc, const char *key, struct arena *a,
    struct job *out, struct err *err);

/* All files of a job, inputs first, by id. Array in the arena. For whoever needs each of them; what
 * people look at is in core/job_file.h. */
enum rc job_files(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct file **out, size_t *n, struct err *err);

struct job_event {
	enum job_status status;
	int64_t at;
	const char *actor, *reason; /* reason may be NULL */
};
enum rc job_history(struct db *db, const struct scope *sc, int64_t job_id, struct arena *a,
    struct job_event **out, size_t *n, struct err *err);

/* A page of the list. Zero values mean: any status, any type, newest first, 25 rows, first page. */
struct job_filter {
	bool by_status;
	enum job_status status;
	const char *job_type; /* NULL or "": any */
	const char *q;        /* part of the name, 3 characters or more; NULL or "": any */
	bool oldest_first;
	int64_t from_id, to_id; /* only jobs of from_id <= id < to_id; 0: no bound */
	int limit;              /* 1..100 */
	int64_t after,
	    before; /* job ids: the page behind / in front of that row in list order; 0: none */
};
struct job_page {
	struct job *jobs; /* in list order, in the arena */
	size_t n;
	bool more_before, more_after; /* whether there are rows in front of and behind this page */
};
enum rc job_list(struct db *db, const struct scope *sc, const struct job_filter *f, struct arena *a,
    struct job_page *out, struct err *err);

/* The first id that was given at or after a wall time, ids rising with time; INT64_MAX: none yet.
 * A few dozen looks at the table, whatever its size. */
enum rc job_id_at(struct db *db, int64_t wall_ms, int64_t *id, struct err *err);

/* Jobs of the project per state, from the counters. */
enum rc job_counts(
    struct db *db, const struct scope *sc, int64_t counts[static JOB_STATUS_MAX], struct err *err);

/* The project's change counter: the version in every fragment's tag. One indexed read. */
enum rc project_version(struct db *db, const struct scope *sc, int64_t *version, struct err *err);

/* What a job leaves in the store when its rows are gone: for job_unlink, after the commit. */
struct job_gone {
	char uuid[UUID_SIZE]; /* of the job; "": nothing is to be unlinked yet */
	struct file *files;   /* in the arena */
	size_t n;
};

/*
 * JOB_CANCEL, JOB_RETRY, JOB_PAUSE or JOB_RESUME on one job; delete it with its history; or remove
 * its files and keep the record. Each in a transaction of its own, committed durably; the caller
 * rings the doorbell. RC_CONFLICT when the state does not allow it (err says what is). A job with
 * living processes is as good as deleted at once: nothing finds or counts it any more, and its
 * processor stops it as it would a cancelled one. Its row and files go when the last process is
 * gone (core/retire.h).
 */
enum rc job_act(struct db *db, const struct scope *sc, int64_t id, enum job_action action,
    const char *reason, struct err *err);
enum rc job_delete(struct db *db, const struct scope *sc, int64_t id, struct arena *a,
    struct job_gone *gone, struct err *err);
enum rc job_remove(struct db *db, const struct scope *sc, int64_t id, const char *reason,
    struct arena *a, struct job_gone *gone, struct err *err);

/* Unlink files and logs of a job whose rows are gone. A crash before leaves orphans, which the
 * sweep of the store finds. */
struct store;
void job_unlink(struct store *st, const struct job_gone *gone);

/*
 * Move a job that no processor runs (a type with manual = yes), for people and outside programs: to
 * another state by the transitions of core/job_state.h, and with news of it. NULL and -1 leave a
 * member as it is.
 */
struct job_move {
	bool by_status;
	enum job_status status; /* the one it has already is no change */
	int progress;           /* percent */
	const char *step, *result;
	const char *error;  /* with status failed, and only then: the cause */
	const char *reason; /* for the history */
};
/* In a transaction of its own; durable when the state changed. RC_CONFLICT: the job is not one to
 * be moved by hand, it has ended, or its state does not lead there (err says where it does).
 * RC_INVALID: an error without status failed. */
enum rc job_move(
    struct db *db, const struct scope *sc, int64_t id, const struct job_move *m, struct err *err);

/* The action that takes such a job to a state, JOB_ACTION_MAX if there is none. */
enum job_action job_move_action(const struct job *job, enum job_status to);
/* Names of the states that it may move to: none for a job that is not moved by hand. */
struct view *job_moves_view(struct arena *a, const struct job *job);

/* The job as every answer shows it: fields, `inputs` and `outputs` (those of files[] that are its
 * own), `actions` (names of what its state allows). Texts are borrowed from job and files. */
struct view *job_view(struct arena *a, const struct job *job, const struct file *files, size_t n);
/* The same into v, which is empty or like the view of another job (view_like). */
void job_view_fill(
    struct arena *a, struct view *v, const struct job *job, const struct file *files, size_t n);

#endif
