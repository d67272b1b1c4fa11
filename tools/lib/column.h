/*
 * Column: the figures of one column of a table, gathered cell by cell.
 *
 * Everything that could be asked at the end is kept until the cells have ruled it out: a column is
 * numeric until a cell says otherwise, but its text order is known all the same.
 */
#ifndef TOOLS_LIB_COLUMN_H
#define TOOLS_LIB_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/rc.h"
#include "tools/lib/celltype.h"
#include "tools/lib/histogram.h"
#include "tools/lib/values.h"

/* The smallest or largest cell so far. */
struct extreme {
	struct buf text;
	double number;   /* when kept by number */
	uint64_t prefix; /* first eight bytes, most significant first: decides most comparisons */
	bool set;
};

/* Fields are read, not written, from outside. */
struct column {
	struct buf name;
	uint64_t nulls, cells; /* cells: not null */
	uint64_t longest;      /* in characters */
	uint64_t distinct;     /* after column_end */
	enum celltype type;    /* after column_end: the narrowest that holds all cells */
	unsigned seen;         /* bit 1 << celltype of every kind of cell met */
	bool leading_zeros;    /* an integer such as 007: perhaps a code */
	struct extreme text_min, text_max, number_min, number_max;
	double mean, squares;
	struct histogram histogram;
	struct values *values;
};

void column_init(struct column *c, const char *name, size_t len, struct values_pool *pool);
void column_release(struct column *c);

/* One more cell; one of no length is null. */
void column_add(struct column *c, const char *cell, size_t len);
/* One more row in which the cell is missing. */
void column_add_missing(struct column *c);

/* After the last cell: settles type and distinct. RC_SYS or RC_LIMIT. */
enum rc column_end(struct column *c, struct err *err);

bool column_is_numeric(const struct column *c);
bool column_is_dated(const struct column *c);

/* Standard deviation of the cells as a population; 0 for one cell. */
double column_deviation(const struct column *c);

#endif
