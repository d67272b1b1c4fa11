/*
 * Cell type: what the text of one cell is by itself. Strict on purpose, without guessing at local
 * habits: blanks around a figure, thousands separators, decimal commas and dates other than ISO
 * 8601 are text.
 */
#ifndef TOOLS_LIB_CELLTYPE_H
#define TOOLS_LIB_CELLTYPE_H

#include <stdbool.h>
#include <stddef.h>

enum celltype {
	CELL_EMPTY,    /* no bytes at all */
	CELL_INTEGER,  /* [+-]digits */
	CELL_NUMBER,   /* the same with a fraction or an exponent, finite */
	CELL_BOOLEAN,  /* true false yes no, in any case */
	CELL_DATE,     /* 2026-11-23, a day that exists */
	CELL_DATETIME, /* date, T or blank, 09:30[:00[.123]], nothing or Z or +01:00 */
	CELL_TEXT,
	CELL_MAX
};

/* Classify. For integers and numbers *value is the nearest double, for dates and datetimes the days
 * since 1970-01-01 (of the local time written there). */
enum celltype celltype_of(const char *s, size_t len, double *value);

/* "empty", "integer", … Static. */
const char *celltype_name(enum celltype t);

/* "2026-11-23" or, when with_time, "2026-11-23 09:30" for days since 1970-01-01. */
void celltype_date(double days, bool with_time, char out[static 32]);

#endif
