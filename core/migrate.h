/*
 * Migrations: numbered files of commented DDL in core/schema/, embedded in the binary.
 */
#ifndef CORE_MIGRATE_H
#define CORE_MIGRATE_H

#include <stddef.h>

#include "core/config.h"
#include "core/rc.h"

struct migration {
	int number;
	const char *name;
	const char *sqlite, *postgres; /* NULL: nothing to do on that engine */
};

extern const struct migration migrations[];
extern const size_t migrations_count;

/* Number of the last migration this program knows. */
int migrate_newest(void);

/* Create the database if need be and apply what is missing, each file in one transaction with its
 * number; *applied counts them. A database newer than the program is refused (RC_INVALID). */
enum rc migrate_run(const struct config *cfg, int *applied, struct err *err);

#endif
