/*
 * Report: a table's profile as text, for programs and for people.
 */
#ifndef TOOLS_LIB_REPORT_H
#define TOOLS_LIB_REPORT_H

#include "core/buf.h"
#include "core/rc.h"
#include "tools/lib/table.h"

#define REPORT_TOP 10  /* most frequent values told */
#define REPORT_BINS 24 /* of a histogram */

/* {"rows":N,"columns":[{"name","type","nulls","distinct","min","max",…}],"source":{…}}. Figures are
 * exact: an integer of any length keeps its digits. min and max are null in a column without
 * cells. */
void report_json(const struct table *t, struct buf *out);

/* A page that needs nothing but itself: no script, nothing loaded. RC_INVALID: its template is
 * broken. */
enum rc report_html(const struct table *t, struct buf *out, struct err *err);

/* The narrowest bins that make sense: integers and days are not divided. For histogram_bins. */
size_t report_bins(const struct column *c, struct histogram_bin out[static REPORT_BINS]);

/* "comma", "semicolon", "tab", "pipe". Static. */
const char *report_delimiter(char delimiter);

/* Append an integer's digits as JSON has them: no plus, no leading zeros, no minus before zero. */
void report_integer(struct buf *out, const char *s, size_t len);

#endif
