/*
 * Signing in by password, with a wait that grows with failures: by account and address together,
 * by address, and by account alone for addresses from which its owner has never signed in, so that
 * nobody is kept out of an account by others who guess at it.
 */
#ifndef CORE_LOGIN_H
#define CORE_LOGIN_H

#include "core/identity.h"

/* Who it is if the password is right: the scope of `out` has org, user, role and project. `sc`
 * gives address and request. RC_DENIED: name or password is wrong, or the account is disabled:
 * nobody is told which, and each takes as long. RC_BUSY: too many at once. RC_LIMIT: failed too
 * often, *wait_ms to go. What was refused is in the audit log. */
enum rc login_check(struct db *db, const struct config *cfg, const struct scope *sc,
    const char *name, const char *password, struct arena *a, struct identity *out, int64_t *wait_ms,
    struct err *err);

#endif
