/*
 * Job types: one declared command each, read from `jobs.d/NAME.conf` by the processor and published
 * to the database, where everyone else reads them.
 *
 * A definition never changes once it is published: another text is another version, and a job keeps
 * the number of the one it was made with.
 */
#ifndef CORE_JOBTYPE_H
#define CORE_JOBTYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/config.h"
#include "core/db.h"
#include "core/param.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

enum jobtype_progress { JOBTYPE_PROGRESS_PERCENT, JOBTYPE_PROGRESS_ITEMS };

/* Conditions under which a failed attempt is tried again (bits). */
enum {
	RETRY_TEMPFAIL = 1,
	RETRY_LOST = 2,
	RETRY_TIMEOUT = 4,
	RETRY_SIGNAL = 8,
	RETRY_MEMORY = 16,
	RETRY_ANY = 32
};

/* All texts in the arena it was read into. */
struct jobtype {
	const char *name, *title, *description, *file; /* file: the .conf it came from */
	int64_t version;                               /* 0 until published */
	const char **accept; /* content types, extensions with a dot, or "*"; NULL-terminated */
	const char *
	    *command; /* argv with placeholders; NULL-terminated; empty if manual or external */
	const char **requires, **read; /* programs; extra read-only paths; NULL-terminated */
	struct params params;
	bool many; /* one job of all files that come together, else one job a file */
	bool network, by_default;
	const char **sample; /* for `types selftest`: a file, then NAME=VALUE; not published */
	const char *expect;  /* pattern its result matches; NULL: any will do; not published */
	bool manual;         /* no command: people and outside programs move its jobs */
	bool external;       /* no command: programs elsewhere claim its jobs (fcgi/api_work.c) */
	bool paused;         /* nobody claims jobs of it; said by jobtype_load_db */
	bool available;      /* the command and every program of requires are there on some host */
	enum jobtype_progress progress;
	unsigned retry_on;
	int64_t timeout_ms, memory_bytes, output_max_bytes, keep_ms; /* keep_ms 0: for ever */
	int64_t attempts, concurrency; /* concurrency 0: no limit of its own */
};

/* A file that could not be read or holds an error, and which. */
struct jobtype_bad {
	const char *file, *why; /* why begins with the file and, where there is one, the line */
};

struct jobtypes {
	struct jobtype *list; /* by name */
	size_t n;
	struct jobtype_bad *bad;
	size_t bad_count;
};

/* Where a command in the sandbox finds its files. */
#define JOBTYPE_IN "/job/in"
#define JOBTYPE_OUT "/job/out"

/* Read one file's text and add its types. RC_INVALID with "file:line: …", and nothing is added; a
 * type that is there already is such an error. */
enum rc jobtype_parse(struct jobtypes *types, const char *file, const char *text, size_t len,
    struct arena *a, struct err *err);

/* Read all `*.conf` of the configured directories in order, and look whether their programs are
 * there. A file with an error contributes nothing and is listed in `bad` (jobtype_log_bad tells the
 * administrator). A type in a later directory replaces its namesake. A missing directory is no
 * error. */
enum rc jobtype_load_dirs(
    const struct config *cfg, struct arena *a, struct jobtypes *out, struct err *err);

/* Log each bad file as an error. */
void jobtype_log_bad(const struct jobtypes *types);

/* Inside a write transaction: publish what changed (as a new version) and retire what is gone; a
 * type whose file is bad stays as it was. Fills in each version. What is in force afterwards,
 * those that stayed included, is what jobtype_load_db gives. */
enum rc jobtype_publish(struct db *db, struct jobtypes *types, struct err *err);

/* The current types, from the database. `available` is what the processors said. */
enum rc jobtype_load_db(struct db *db, struct arena *a, struct jobtypes *out, struct err *err);

/* Pause a type as a whole, or resume it, whatever it was: jobs that run go on, those that wait stay
 * where they are, and publishing changes nothing about it. In a transaction of its own; the caller
 * rings the doorbell. RC_NOTFOUND: no such type was ever published. */
enum rc jobtype_pause(
    struct db *db, const struct scope *by, const char *name, bool paused, struct err *err);

/* One version of a type, whether it is in force or not (then it is not available). RC_NOTFOUND. */
enum rc jobtype_load_version(struct db *db, const char *name, int64_t version, struct arena *a,
    struct jobtype *out, struct err *err);

/* A change counter of job_types: reload only when it moved. 0: nothing was ever published. */
enum rc jobtype_stamp(struct db *db, int64_t *stamp, struct err *err);

/* The definition as JSON, and back; version and available are not part of it. */
struct view *jobtype_view(const struct jobtype *t, struct arena *a);
enum rc jobtype_from_json(
    const char *json, size_t len, struct arena *a, struct jobtype *out, struct err *err);

/* Why nobody begins jobs of this type, in a few words (static); NULL: nothing stands in the way. */
const char *jobtype_hold(const struct jobtypes *types, const char *name);

/* NULL: no such type. */
const struct jobtype *jobtype_find(const struct jobtypes *types, const char *name);

/* Whether the type takes a file of this content type and name. */
bool jobtype_accepts(const struct jobtype *t, const char *content_type, const char *name);

/* The type of an upload nobody named a type for: the accepting type with `default = yes`, else
 * "inspect"; NULL if there is not even that. Types that are not available do not count. */
const struct jobtype *jobtype_choose(
    const struct jobtypes *types, const char *content_type, const char *name);

/* Path of a program: itself if it begins with a slash, else looked for in tools_dir, scripts_dir,
 * /usr/local/bin, /usr/bin, /bin. NULL: there is no such executable file. In the arena. */
const char *jobtype_program(const struct config *cfg, const char *name, struct arena *a);

/* The first program that is missing: the command's or one of `requires`; NULL if all are there. */
const char *jobtype_missing(const struct config *cfg, const struct jobtype *t, struct arena *a);

/* ---- the command (core/jobtype_argv.c) ---- */

/* One run. */
struct jobtype_run {
	const char *const
	    *inputs;        /* paths as the command sees them; NULL-terminated, at least one */
	const char *name;   /* display name of the first input */
	const char *output; /* directory as the command sees it */
	/* Of the parameters, parallel to params.list; NULL for none at all. A file's is its path as
	 * the command sees it. */
	const char *const *values;
};

/* The argv of a run: placeholders {input} {inputs} {output} {stem} {ext} {name} and {PARAMETER}
 * replaced inside whole elements or parts of one, {inputs} (alone in its element) by one element
 * per file; `{{` is a brace; never through a shell. An element that is nothing but a parameter that
 * is not set is left out; inside a larger one it is empty. The first element is as written: resolve
 * it by jobtype_program. NULL-terminated, in the arena. RC_INVALID when a value would pass as an
 * option: an argument comes out with `-` in front where the command's author wrote none, and no
 * `--` stands before it. (A choice is its author's word, and a number as a whole argument is no
 * more than a number.) */
enum rc jobtype_argv(const struct jobtype *t, const struct jobtype_run *run, struct arena *a,
    const char ***argv, struct err *err);

/* The variables DROPMILL_PARAM_NAME=value of those that are set, secrets too; NULL-terminated, in
 * the arena. */
const char **jobtype_environment(
    const struct jobtype *t, const char *const *values, struct arena *a);

/* Whether each placeholder of the command means something. RC_INVALID with a sentence. */
enum rc jobtype_command_check(const struct jobtype *t, struct err *err);

/* Names of the bits of retry_on, in order; NULL behind the last. */
extern const char *const jobtype_retry_names[];

/* Whether a name may be a job type's: a-z 0-9 _ -, beginning with a letter or digit, at most 63. */
bool jobtype_name_valid(const char *name);

#endif
