/*
 * Secrets of jobs at rest: sealed by libsodium's secretbox under a key that lies in a file of the
 * state, so that neither the database nor a copy of it gives them away.
 *
 * They are sealed where a job is made and opened only by the processor, when it plans an attempt;
 * they go with the job's files (secret_erase). The key is read for each of these and not kept, so
 * that no process holds it, or a secret, longer than it needs to.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/config.h"
#include "core/db.h"
#include "core/param.h"

/* Seal the values of secret parameters into one text (arena); NULL if none is set. The key is made
 * if there is none yet. RC_SYS. */
enum rc secret_seal(const struct config *cfg, const struct params *p, const char *const *values,
    struct arena *a, const char **sealed, struct err *err);

/* Fill in the values of secret parameters from what was sealed. RC_INVALID: it was sealed under
 * another key, or is damaged; RC_SYS: the key cannot be read. */
enum rc secret_open(const struct config *cfg, const struct params *p, const char *sealed,
    struct arena *a, const char **values, struct err *err);

/* Overwrite the values of secret parameters where they lie. */
void secret_wipe(const struct params *p, const char **values);

/* A digest of texts that may be secrets, hex of 32 bytes: nobody who lacks the key can try words on
 * it. The key is made if there is none yet. */
enum rc secret_digest(
    const struct config *cfg, const void *data, size_t len, char out[static 65], struct err *err);

/* ---- in the database; inside a transaction to write ---- */

enum rc secret_store(
    struct db *db, int64_t org_id, int64_t job_id, const char *sealed, struct err *err);
/* What is stored of a job, in the arena; NULL: nothing. */
enum rc secret_load(struct db *db, int64_t org_id, int64_t job_id, struct arena *a,
    const char **sealed, struct err *err);
enum rc secret_erase(struct db *db, int64_t org_id, int64_t job_id, struct err *err);

#endif
