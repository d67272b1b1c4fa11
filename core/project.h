/*
 * Projects: what the jobs of an org are grouped by, and what users may be limited to.
 */
#ifndef CORE_PROJECT_H
#define CORE_PROJECT_H

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

#define PROJECT_NAME_MAX 100

struct project {
	int64_t id, org_id, created_at;
	const char *name;
	int64_t jobs, busy; /* how many; of those pending or processing */
};

/* Those that the user sees, by id. */
enum rc project_list(struct db *db, const struct scope *sc, struct arena *a, struct project **out,
    size_t *n, struct err *err);
/* By id or name, if the user sees it. RC_NOTFOUND with a sentence. */
enum rc project_find(struct db *db, const struct scope *sc, const char *key, struct arena *a,
    struct project *out, struct err *err);
/* In the org of the scope. RC_INVALID: no name; RC_CONFLICT: taken. Audited. */
enum rc project_create(
    struct db *db, const struct scope *sc, const char *name, int64_t *id, struct err *err);
enum rc project_rename(
    struct db *db, const struct scope *sc, int64_t id, const char *name, struct err *err);
/* Only one without jobs, and never the last: RC_CONFLICT. RC_NOTFOUND: none that the
 * user sees. Audited. */
enum rc project_delete(struct db *db, const struct scope *sc, int64_t id, struct err *err);

struct view *project_view(struct arena *a, const struct project *p);

#endif
