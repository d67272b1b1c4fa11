/*
 * The audit log: who did what, when, from where, on which object. Rows are only ever added; the
 * database refuses to change or delete one.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/arena.h"
#include "core/db.h"
#include "core/rc.h"
#include "core/scope.h"
#include "core/view.h"

/* Inside the transaction of what is done: add a row. `action` is noun.verb ("job.cancel"), `object`
 * what people call it (a name or uuid, cut at 255 bytes), `detail` an object of scalars, or NULL.
 * Texts are stored as they are; they must be UTF-8. */
enum rc audit_add(struct db *db, const struct scope *sc, const char *action, const char *object,
    const struct view *detail, struct err *err);
/* The end of a transaction: if rc is RC_OK, the row, told in the log of org_id (whose data it was;
 * 0: the site's), and a durable commit; else the way back. Returns what came of it. */
enum rc audit_commit(struct db *db, const struct scope *sc, int64_t org_id, const char *action,
    const char *object, const struct view *detail, enum rc rc, struct err *err);
/* The same in a transaction of its own: for what was refused. */
enum rc audit_note(struct db *db, const struct scope *sc, const char *action, const char *object,
    const struct view *detail, struct err *err);

struct audit_row {
	int64_t id, at, org_id, user_id; /* user_id 0: nobody known */
	const char *actor, *via, *address, *request, *action, *object, *detail; /* detail: JSON */
};

/* What is asked for. Zero values: everything, newest first. */
struct audit_filter {
	int64_t org_id;     /* rows about this org; 0: of all (operators only: the caller checks) */
	const char *actor;  /* exactly; NULL or "": any */
	const char *action; /* the whole or the noun before its dot; NULL or "": any */
	int64_t before;     /* rows older than this id; 0: from the newest */
	int64_t since, until; /* wall ms; 0: no bound */
	int limit;            /* 1..1000 */
};
/* A page, newest first, in the arena. At most AUDIT_LOOK rows are looked at in one call: *next is
 * the `before` to go on with, 0 at the end of the log. */
#define AUDIT_LOOK 20000
enum rc audit_list(struct db *db, const struct audit_filter *f, struct arena *a,
    struct audit_row **out, size_t *n, int64_t *next, struct err *err);

/* As every answer shows it: id at actor via address request action object detail. */
struct view *audit_view(struct arena *a, const struct audit_row *row);

#endif
