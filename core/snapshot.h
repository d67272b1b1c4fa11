/*
 * A copy of the database that can stand alone: brought to rest, as if everything had been stopped
 * in order at that moment, and in agreement with the files that were copied after it.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/arena.h"
#include "core/stored.h"

/* In a copy: what ran is handed back and runs again from its beginning, which counts as no retry;
 * jobs that only waited for their last process to be deleted go; no processor is known; sessions of
 * browsers and links that sign somebody in end. */
enum rc snapshot_rest(struct db *copy, struct err *err);

/* In a copy: a file was not there any more when it was to be copied. If the live database has let
 * go of it since, the copy does the same: the job is deleted or removed, or it was an archive.
 * Otherwise it is lost, and *lost is true. */
enum rc snapshot_gone(
    struct db *copy, struct db *live, const struct stored *f, bool *lost, struct err *err);

#endif
