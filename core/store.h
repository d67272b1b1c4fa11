/*
 * The store: accepted files under server-made names, `store/<last two hex digits>/<uuid>`.
 *
 * A file enters by link(2) after its bytes are synced and leaves by unlink(2) after its row is
 * gone; so a crash leaves an orphan file, never a row without one. Names given by people are never
 * part of a path. Logs of jobs lie in `store/log/<last two digits of the job's
 * uuid>/<uuid>-<slot>`: there is one for each attempt, of which the last STORE_LOGS_MAX are kept.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/config.h"
#include "core/id.h"
#include "core/rc.h"

#define STORE_PATH_SIZE 4096
/* Logs of one job that are kept: slot = number of the attempt modulo this, a hex digit. */
#define STORE_LOGS_MAX 16

/* An open store. */
struct store {
	int root;    /* directory descriptor, O_CLOEXEC */
	gid_t group; /* group that may read files: the one that runs jobs; (gid_t)-1: leave alone */
	uint64_t touched[4]; /* a bit for each subdirectory that store_sync has yet to sync */
	bool root_touched;
	bool at_once; /* of very many files nobody waits for one: store_sync does it all at the end
		       */
};

/* Open (making directories that are missing). Pair with store_close. */
enum rc store_open(const struct config *cfg, struct store *st, struct err *err);
void store_close(struct store *st);

/* Take a regular file, open for reading as fd, into the store under `uuid`: mode 0640 and group,
 * link, fdatasync, and note the directory for store_sync. The file keeps its old name too: the
 * caller unlinks that. RC_LIMIT when the disk is full. On any failure nothing is left under uuid.
 */
enum rc store_link(struct store *st, int fd, const char uuid[static UUID_SIZE], struct err *err);

/* A new unnamed file on the store's filesystem (O_TMPFILE), to be written and then store_link'ed.
 */
enum rc store_temp(struct store *st, int *fd, struct err *err);

/* Sync every directory that store_link touched since the last call; before the commit. */
enum rc store_sync(struct store *st, struct err *err);

/* Path of a file relative to the store root, "ab/uuid", and the URI nginx serves it by,
 * "/_store/ab/uuid". Of the log of an attempt "/_store/log/ab/uuid-slot". */
char *store_name(const char *uuid, char out[static 64]);
char *store_uri(const char *uuid, char out[static 64]);
char *store_log_uri(const char *job_uuid, int64_t attempt, char out[static 64]);
/* The job that the file of this name is a log of. False: it is none. */
bool store_log_owner(const char *name, char uuid[static UUID_SIZE]);

/* Open a stored file for reading; RC_NOTFOUND. */
enum rc store_read(struct store *st, const char *uuid, int *fd, struct err *err);

/* A new log for writing, in place of one that has its slot; and one for reading: RC_NOTFOUND. */
enum rc store_log_open(
    struct store *st, const char *job_uuid, int64_t attempt, int *fd, struct err *err);
enum rc store_log_read(
    struct store *st, const char *job_uuid, int64_t attempt, int *fd, struct err *err);

/* Remove a file, or all logs of a job, if they are there. */
void store_remove(struct store *st, const char *uuid);
void store_log_remove(struct store *st, const char *job_uuid);

/* Free bytes for ordinary users on the store's filesystem. */
enum rc store_free(struct store *st, int64_t *bytes, struct err *err);

#endif
