/*
 * The state that a backup is put into: cli/restore_state.c does what cli/restore.c says.
 */
#ifndef CLI_RESTORE_H
#define CLI_RESTORE_H

#include "cli/copy.h"
#include "cli/manifest.h"
#include "core/db.h"
#include "core/store.h"

struct restore_target {
	const struct config *cfg;
	const char *database; /* DATABASE.restoring */
	struct db *db;        /* that, while it is open */
	struct store store;
	int64_t database_bytes;
	bool key_made;
};

/* Whether the state is one to be restored to. RC_CONFLICT: it holds something. */
enum rc restore_check(struct restore_target *t, const struct config *cfg, struct err *err);
/* Room for so many bytes in all; RC_LIMIT. */
enum rc restore_room(struct restore_target *t, int64_t bytes, struct err *err);
enum rc restore_begin(struct restore_target *t, struct err *err);

/* Each takes what is open for reading. */
enum rc restore_database(struct restore_target *t, int from, copy_tell *tell, struct err *err);
enum rc restore_file(
    struct restore_target *t, int from, const char *uuid, copy_tell *tell, struct err *err);
enum rc restore_log(
    struct restore_target *t, int from, const struct item *item, copy_tell *tell, struct err *err);
enum rc restore_key(struct restore_target *t, int from, const char *hex, struct err *err);
/* A file of the site, unless it is there: *same says whether it is this one. */
enum rc restore_own(
    const char *dir, const char *path, int from, const char *hex, bool *same, struct err *err);

/* All of it to the disk, and the database under its name. */
enum rc restore_finish(struct restore_target *t, struct err *err);

/* On failure, in this order: close, take each item away, forget that there was anything. */
void restore_abandon(struct restore_target *t);
void restore_undo(struct restore_target *t, const struct item *item);
void restore_forget(struct restore_target *t);

#endif
