/*
 * Table: the profile of a table in a text file, gathered in one pass over its rows.
 */
#ifndef TOOLS_LIB_TABLE_H
#define TOOLS_LIB_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/rc.h"
#include "tools/lib/column.h"
#include "tools/lib/encoding.h"

/* Fields are read, not written, from outside. */
struct table {
	const char *name; /* of the file */
	uint64_t size;    /* of the file, in bytes */
	enum encoding encoding;
	char delimiter;
	uint64_t rows;                 /* without the header */
	uint64_t short_rows, long_rows; /* with fewer, and more, cells than the header */
	uint64_t blank_lines, replaced;
	uint64_t open_quote; /* line of a quote that is never closed; 0: none */
	struct column *columns;
	size_t column_count;
	struct values_pool *pool;
};

/* Profile the file. delimiter 0: find it out. Tells its progress from 0 to 98 percent. Temporary
 * data goes into the directory. RC_INVALID when the file is no table, RC_SYS and RC_LIMIT when
 * reading or spilling failed. Pair with table_release, after a failure too. */
enum rc table_profile(struct table *t, const char *path, char delimiter, const char *directory,
    struct err *err);
void table_release(struct table *t);

#endif
