/*
 * What a transaction changes in the figures that many jobs share: counters per project, state and
 * type, lanes, and the version of each project.
 *
 * They are added up in memory and written once, by the commit: a batch of a hundred jobs costs as
 * many of these statements as one job does. Whoever reads lanes inside a transaction that changed
 * them calls tally_lanes first. A rollback forgets the sums with everything else.
 */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include "core/db.h"
#include "core/job_state.h"

/* n more jobs of a project in this state and type. Types are shorter than 128 bytes. */
enum rc tally_count(struct db *db, int64_t project_id, enum job_status status, const char *job_type,
    int64_t n, struct err *err);

/* More jobs of a lane that may be claimed, and that run. */
enum rc tally_lane(struct db *db, int64_t org_id, const char *job_type, int64_t pending,
    int64_t running, struct err *err);

/* The project's pages show something new; its version is counted up once per transaction. */
enum rc tally_bump(struct db *db, int64_t org_id, int64_t project_id, struct err *err);

/* Write what has been added up of lanes so far. */
enum rc tally_lanes(struct db *db, struct err *err);

#endif
