/*
 * Organisations, as the administrator sees them: who there is, and how much of the machines each
 * may have at once.
 */
#ifndef CORE_ORG_H
#define CORE_ORG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

/* The most a cap may be: more than any number of hosts runs. */
#define ORG_CAP_MAX 1000000

struct org {
	int64_t id;
	const char *name;         /* in the arena it was read into */
	int64_t cap;              /* most jobs that may run at once over all hosts; -1: no limit */
	int64_t running, pending; /* jobs; pending: those that could begin now */
};

/* All of them, by id; list and texts in the arena. */
enum rc org_list(struct db *db, struct arena *a, struct org **out, size_t *n, struct err *err);

/* By name; texts in the arena. RC_NOTFOUND with a sentence. */
enum rc org_find(
    struct db *db, const char *name, struct arena *a, struct org *out, struct err *err);

/* What the caller's is called (arena), and whether the caller sees more than one project of it. */
enum rc org_of(struct db *db, const struct scope *sc, struct arena *a, const char **name,
    bool *many_projects, struct err *err);

/* Let at most `cap` of its jobs run at once, 0 to ORG_CAP_MAX, or any number (-1). What runs goes
 * on. In a transaction of its own; the caller rings the doorbell. RC_NOTFOUND with a sentence. */
enum rc org_set_cap(
    struct db *db, const struct scope *by, const char *name, int64_t cap, struct err *err);

/* A new one with a project called "default". RC_INVALID: no name; RC_CONFLICT: taken. Audited. */
#define ORG_NAME_MAX 100
enum rc org_create(
    struct db *db, const struct scope *by, const char *name, int64_t *id, struct err *err);

/* As the command line shows it: name, cap (null: no limit), running, pending. */
struct view *org_view(struct arena *a, const struct org *org);

#endif
