/*
 * The invariants of the database: what must hold whenever no transaction is open.
 *
 * Reads everything, so it is for `dropmill doctor --deep` and the tests, not for a busy service.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/db.h"
#include "core/store.h"

/* Called with a text that names what is wrong, such as "lane 1 inspect". */
typedef void check_report(void *arg, const char *text);

/* Counters, lanes, states, history, files and search entries agree; with a store, every file row
 * has its file in the right size. RC_OK means it could be checked; *bad counts the reports. */
enum rc check_run(struct db *db, struct store *st, check_report *report, void *arg, int64_t *bad,
    struct err *err);

#endif
