/*
 * Where the verbs find jobs: in the database of this machine (cli/local.c) or at a server
 * (cli/remote.c). Either gives them in the form of the API, so each verb is written once.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "core/arena.h"
#include "core/job.h"
#include "core/rc.h"
#include "core/view.h"

struct source {
	/* Up to `limit` jobs that the filter lets through, into the list; *more: there are others.
	 * Of the filter only the fields up to oldest_first count. */
	enum rc (*list)(const struct job_filter *f, int64_t limit, struct arena *a,
	    struct view *jobs, bool *more, struct err *err);

	/* One job by id or uuid: as lists have it, and with its files and history. */
	enum rc (*find)(const char *key, struct arena *a, const struct view **job, struct err *err);
	enum rc (*show)(const char *key, struct arena *a, const struct view **job, struct err *err);

	/* Cancel, retry, pause, resume, remove or delete it; the job as it is then, or was. */
	enum rc (*act)(
	    const char *key, enum job_action action, const struct view **job, struct err *err);

	/* Move one that is moved by hand. */
	enum rc (*move)(
	    const char *key, const struct job_move *m, const struct view **job, struct err *err);

	/* What the project's jobs may be looked at for: it has changed when something has. */
	enum rc (*version)(int64_t *version, struct err *err);

	/* The newest `limit` jobs and the number in each state: `jobs`, `counts`. */
	enum rc (*table)(int limit, struct arena *a, const struct view **table, struct err *err);

	/* What `dropmill stats` shows, see there. */
	enum rc (*stats)(struct view *stats, struct err *err);

	int poll_ms; /* how often `version` may be asked */
};

extern const struct source source_local, source_remote;

/* The one that this run is about. */
const struct source *cli_source(void);

/* Members of a view: a text ("" where there is none), a number, whether there is one. */
const char *text_of(const struct view *v, const char *key);
int64_t number_of(const struct view *v, const char *key);
bool known_of(const struct view *v, const char *key);
bool is_true(const struct view *v, const char *key);
/* A time as wall ms; 0: none. */
int64_t time_of(const struct view *v, const char *key);
/* Its state; JOB_STATUS_MAX: of a server that knows more of them. */
enum job_status status_of(const struct view *job);

#endif
