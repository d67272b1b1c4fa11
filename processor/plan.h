/*
 * The plan of one run: the exact argv, environment and mounts of a command.
 */
#ifndef PROCESSOR_PLAN_H
#define PROCESSOR_PLAN_H

#include "core/claim.h"
#include "core/jobtype.h"
#include "processor/attempt.h"
#include "processor/host.h"
#include "processor/message.h"
#include "processor/sandbox.h"

/* Texts in the arena given to plan_make. */
struct plan {
	const char *const *argv, *const *env; /* NULL-terminated */
	const char *const *secrets;           /* NULL-terminated: values that nothing may show */
	struct sandbox_bind *binds;
	size_t bind_count;
	const char *home; /* where a command without sandbox starts */
};

/* Work it out. `workdir` is the attempt's directory below work; its `in` is made here for runs
 * without sandbox. RC_INVALID: the input's name cannot be given to the command; RC_NOTFOUND: the
 * program or a path of `read` is not there. */
enum rc plan_make(struct plan *p, struct host *h, const struct order *order, const char *workdir,
    struct arena *a, struct err *err);

/* Overwrite the secrets in it: the runner has been told. */
void plan_wipe(struct plan *p);

/* The figures that go with it. */
void plan_spec(const struct plan *p, const struct host *h, const struct claim *c,
    const struct jobtype *type, const char *cgroup, struct message_spec *spec);

#endif
