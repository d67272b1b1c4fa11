/*
 * Job types: one declared command each, read from `jobs.d/NAME.conf` by the processor and published
 * to the database, where everyone else reads them.
 */
#ifndef CORE_JOBTYPE_H
#define CORE_JOBTYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/config.h"
#include "core/db.h"
#include "core/rc.h"

enum jobtype_progress { JOBTYPE_PROGRESS_PERCENT, JOBTYPE_PROGRESS_ITEMS };

/* Conditions under which a failed attempt is tried again (bits). */
enum { RETRY_TEMPFAIL = 1, RETRY_LOST = 2, RETRY_TIMEOUT = 4, RETRY_SIGNAL = 8, RETRY_MEMORY = 16, RETRY_ANY = 32 };

/* All texts in the arena it was read into. */
struct jobtype {
	const char *name, *title, *description, *file; /* file: the .conf it came from */
	int64_t version;      /* 0 until published */
	const char **accept;  /* content types, extensions with a dot, or "*"; NULL-terminated */
	const char **command; /* argv with placeholders; NULL-terminated */
	const char **requires, **read; /* programs; extra read-only paths; NULL-terminated */
	bool network, by_default;
	bool available; /* every program of requires (and the command itself) is there on some host */
	enum jobtype_progress progress;
	unsigned retry_on;
	int64_t timeout_ms, memory_bytes, output_max_bytes, keep_ms; /* keep_ms 0: for ever */
	int64_t attempts, concurrency; /* concurrency 0: no limit of its own */
};

struct jobtypes {
	struct jobtype *list; /* by name */
	size_t n;
};

/* Read one file's text. RC_INVALID with "file:line: …". */
enum rc jobtype_parse(struct jobtypes *types, const char *file, const char *text, size_t len, struct arena *a,
    struct err *err);

/* Read all `*.conf` of the configured directories in order. Errors are logged and counted in *bad; a
 * file with an error contributes nothing. */
enum rc jobtype_load_dirs(const struct config *cfg, struct arena *a, struct jobtypes *out, int *bad,
    struct err *err);

/* Inside a write transaction: publish what changed (new version) and mark what is gone as not
 * current. Fills in each version. */
enum rc jobtype_publish(struct db *db, struct jobtypes *types, struct err *err);

/* The current types, from the database. `available` is what the processors said. */
enum rc jobtype_load_db(struct db *db, struct arena *a, struct jobtypes *out, struct err *err);

/* A change counter of job_types: reload only when it moved. */
enum rc jobtype_stamp(struct db *db, int64_t *stamp, struct err *err);

const struct jobtype *jobtype_find(const struct jobtypes *types, const char *name);

/* Whether the type takes a file of this content type and name. */
bool jobtype_accepts(const struct jobtype *t, const char *content_type, const char *name);

/* The type of an upload nobody named a type for: the accepting type with `default = yes`, else
 * "inspect"; NULL if there is not even that. */
const struct jobtype *jobtype_choose(const struct jobtypes *types, const char *content_type, const char *name);

/* The argv of one run: placeholders {input} {inputs} {output} {stem} {ext} {name} replaced inside whole
 * elements or parts of one, {inputs} (alone in its element) by one element per file; never through a
 * shell. NULL-terminated, in the arena. RC_INVALID when a value would pass as an option. */
struct jobtype_run {
	const char *const *inputs; /* paths as the command sees them; NULL-terminated */
	const char *name;          /* display name of the first input */
	const char *output;        /* directory as the command sees it */
};
enum rc jobtype_argv(const struct jobtype *t, const struct jobtype_run *run, struct arena *a,
    const char ***argv, struct err *err);

#endif
