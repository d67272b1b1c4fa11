/*
 * Passwords: what one may be, and their hashes (Argon2id by libsodium, 19 MiB and two passes).
 */
#ifndef CORE_PASSWORD_H
#define CORE_PASSWORD_H

#include <stdbool.h>

#include "core/config.h"
#include "core/rc.h"

#define PASSWORD_MIN 10
#define PASSWORD_MAX 256 /* bytes */
#define PASSWORD_HASH_SIZE 128

/* Whether it may be a password of that user: length, UTF-8, not among those that are tried first.
 * RC_INVALID with a sentence. */
enum rc password_check(const char *password, const char *user_name, struct err *err);

/*
 * A hash needs memory, so at most four are made at once on a host, and fewer if there are few web
 * processes, so that one is always left for pages. RC_BUSY: all places are taken.
 */
enum rc password_hash(const struct config *cfg, const char *password,
    char out[static PASSWORD_HASH_SIZE], struct err *err);
/* RC_OK, RC_INVALID: it is not this one, RC_BUSY. hash NULL (nobody has it): takes as long, and is
 * RC_INVALID. */
enum rc password_verify(
    const struct config *cfg, const char *hash, const char *password, struct err *err);

#endif
