/*
 * A layer under SQLite that tests look through: it may stop the process at one moment of a
 * checkpoint, count and fail the syncs and writes of the log. It becomes the default, so core/db.c
 * runs on it unchanged.
 */
#ifndef T_UNIT_SQLITE_SHIM_H
#define T_UNIT_SQLITE_SHIM_H

#include <sqlite3.h>
#include <string.h>

static struct {
	/* Called once, when a checkpoint has read the log's header and not yet begun. */
	void (*in_checkpoint)(void);
	/* Called at each sync of the log, in its place; its result is the sync's. */
	int (*at_log_sync)(void);
	/* Called at each write to the log, before it; anything but SQLITE_OK takes its place. */
	int (*at_log_write)(int size, sqlite3_int64 offset);
	/* The same as at_log_sync for the database. */
	int (*at_database_sync)(void);
} shim;

static struct {
	sqlite3_vfs vfs, *real;
	const sqlite3_io_methods *database_methods, *log_methods;
	sqlite3_io_methods database, log;
} shim_own;

static inline int shim_unfetch(sqlite3_file *f, sqlite3_int64 offset, void *page)
{
	if (shim.in_checkpoint && !page && offset == 0) {
		void (*hook)(void) = shim.in_checkpoint;

		shim.in_checkpoint = NULL;
		hook();
	}
	return shim_own.database_methods->xUnfetch(f, offset, page);
}

static inline int shim_database_sync(sqlite3_file *f, int flags)
{
	int code = shim.at_database_sync ? shim.at_database_sync() : SQLITE_OK;

	return code == SQLITE_OK ? shim_own.database_methods->xSync(f, flags) : code;
}

static inline int shim_log_sync(sqlite3_file *f, int flags)
{
	int code = shim.at_log_sync ? shim.at_log_sync() : SQLITE_OK;

	return code == SQLITE_OK ? shim_own.log_methods->xSync(f, flags) : code;
}

static inline int shim_log_write(
    sqlite3_file *f, const void *data, int size, sqlite3_int64 offset)
{
	int code = shim.at_log_write ? shim.at_log_write(size, offset) : SQLITE_OK;

	return code == SQLITE_OK ? shim_own.log_methods->xWrite(f, data, size, offset) : code;
}

static inline int shim_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int code = shim_own.real->xOpen(shim_own.real, name, f, flags, out);

	(void)vfs;
	if (code != SQLITE_OK)
		return code;
	if (flags & SQLITE_OPEN_MAIN_DB) {
		shim_own.database_methods = f->pMethods;
		shim_own.database = *f->pMethods;
		shim_own.database.xUnfetch = shim_unfetch;
		shim_own.database.xSync = shim_database_sync;
		f->pMethods = &shim_own.database;
	} else if (flags & SQLITE_OPEN_WAL) {
		shim_own.log_methods = f->pMethods;
		shim_own.log = *f->pMethods;
		shim_own.log.xSync = shim_log_sync;
		shim_own.log.xWrite = shim_log_write;
		f->pMethods = &shim_own.log;
	}
	return code;
}

static inline void shim_install(void)
{
	shim_own.real = sqlite3_vfs_find(NULL);
	shim_own.vfs = *shim_own.real;
	shim_own.vfs.zName = "shim";
	shim_own.vfs.xOpen = shim_open;
	sqlite3_vfs_register(&shim_own.vfs, 1);
}

#endif
