/*
 * Accepting files: from open files to jobs that may be acknowledged. One job a file, or one of all
 * the files of a type that takes many.
 *
 * The order is what keeps an acknowledged upload through a crash: every file is in the store and
 * synced before its row is written, so that a crash leaves an orphan file and never a row without
 * one:
 *
 *     accept_init, accept_params, accept_add for each file, accept_sync,
 *     db_begin, accept_create, db_commit_durable, doorbell_ring
 *
 * and accept_abandon instead of anything that failed, up to the commit.
 */
#ifndef CORE_ACCEPT_H
#define CORE_ACCEPT_H

#include "core/job.h"
#include "core/jobtype.h"
#include "core/quota.h"
#include "core/store.h"

/* Values for the parameters of every job of a batch. Borrowed until the end. */
struct accept_params {
	const struct param_given *given;
	size_t n;
	/* Of each that is a file: open for reading, and what the sniffer says it is. */
	const int *fds;
	const char *const *content_types;
	bool exposed; /* they came where others can read them: no secret may be among them */
};

/* A file of a batch and the job it belongs to. */
struct accept_item {
	struct file file;
	size_t job;
};

/* A batch on its way in. `jobs` (n of them, completed by accept_create, with their files, which
 * then name their job) may be read, and options that hold for all files (name, priority, start) set
 * in it before accept_create. */
struct accept {
	const struct config *cfg;
	struct store *store;
	const struct jobtypes *types;
	struct arena *arena;
	struct accept_params params;
	struct job_new *jobs;
	struct accept_item *files;
	size_t n, room, file_count, file_room;
	const char *field;          /* what RC_INVALID was about: "files", "type", "params.NAME" */
	const struct jobtype *type; /* of the file that was added last; NULL: none was found */
	enum quota_kind quota;      /* what RC_LIMIT of accept_create was about */
	int64_t wait_s;             /* and when to try again; 0: not by waiting */
};

/* Begin. All are borrowed until the end; what is added lives in the arena. */
void accept_init(struct accept *ac, const struct config *cfg, struct store *st,
    const struct jobtypes *types, struct arena *a);

/* Values for parameters; without a call there are none. */
void accept_params(struct accept *ac, const struct accept_params *params);

/* What is known of a file: its name as somebody gave it (any bytes), what the sniffer says it is,
 * and the job type asked for (NULL or "": the default for such a file). */
struct accept_file {
	const char *name;
	size_t name_len;
	const char *content_type, *job_type;
};

/* Take the regular file open for reading as fd into the store, with the files among the parameters
 * of its job. The caller keeps fd and the file's old name. RC_INVALID: empty, no usable name, a
 * type that does not exist or does not take it, or parameters that it does not take (ac->field says
 * which); RC_BUSY: no type is published yet; RC_LIMIT: the disk is full. On failure the batch is as
 * it was. */
enum rc accept_add(struct accept *ac, int fd, const struct accept_file *f, struct err *err);

/* A job without a file: of a type that nobody here runs (manual, or runner = external), "manual" if
 * job_type is NULL. RC_INVALID (ac->field says which); RC_BUSY: no type is published yet. */
enum rc accept_bare(struct accept *ac, const char *job_type, const char *name, struct err *err);

/* Make the names in the store last; before the transaction begins. */
enum rc accept_sync(struct accept *ac, struct err *err);

/* Inside the caller's write transaction: make the jobs, if the org's quotas allow it (RC_LIMIT),
 * with a row in the audit log. */
enum rc accept_create(struct accept *ac, struct db *db, const struct scope *sc, struct err *err);

/* Take the files out of the store again: nothing was committed. */
void accept_abandon(struct accept *ac);

#endif
