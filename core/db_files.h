/*
 * What the SQLite engine asks of the place where its files lie. Private to core/db_sqlite.c.
 */
#ifndef CORE_DB_FILES_H
#define CORE_DB_FILES_H

#include "core/rc.h"

/* RC_INVALID when the directory is on a network filesystem. */
enum rc db_refuse_network(const char *dir, struct err *err);

/* Make the names of new files in the directory last. */
enum rc db_sync_directory(const char *dir, struct err *err);

/* Mode 0660 for the database, its log and its index; a refusal is only logged. */
void db_share_with_group(const char *database);

#endif
