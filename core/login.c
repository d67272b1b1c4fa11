/*
 * Signing in by password.
 *
 * Failures are counted under three keys: account and address together (few are forgiven), address,
 * and account. The last holds back only those addresses from which the account's owner has never
 * signed in: else anybody could keep anybody out. Beyond what is forgiven each failure doubles the
 * wait, and an hour without one forgives all.
 */
#include "core/login.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/password.h"
#include "core/str.h"
#include "core/user.h"

#define HOUR_MS INT64_C(3600000)
#define WAIT_MIN_MS INT64_C(1000)
#define WAIT_MAX_MS INT64_C(900000)

enum { KEY_PAIR, KEY_ADDRESS, KEY_ACCOUNT, KEYS };
static const int64_t forgiven[KEYS] = {[KEY_PAIR] = 5, [KEY_ADDRESS] = 30, [KEY_ACCOUNT] = 30};

struct keys {
	char text[KEYS][160];
};

/* An IPv6 customer has a /64 at least, so that is one address. */
static void address_key(const char *address, char out[static INET6_ADDRSTRLEN])
{
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) == 1) {
		memset(v6.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &v6, out, INET6_ADDRSTRLEN);
	} else {
		snprintf(out, INET6_ADDRSTRLEN, "%.45s", address);
	}
}

static void make_keys(const struct scope *sc, const char *name, struct keys *k)
{
	char address[INET6_ADDRSTRLEN];
	/* No more than a user's name may have. */
	int len = (int)str_cut(name, USER_NAME_MAX);

	address_key(sc->address ? sc->address : "", address);
	snprintf(k->text[KEY_PAIR], sizeof k->text[0], "p %s %.*s", address, len, name);
	snprintf(k->text[KEY_ADDRESS], sizeof k->text[0], "a %s", address);
	snprintf(k->text[KEY_ACCOUNT], sizeof k->text[0], "u %.*s", len, name);
}

/* How long one key makes its owner wait yet. */
static enum rc key_wait(
    struct db *db, const char *key, int64_t most, int64_t *wait_ms, struct err *err)
{
	int64_t now = clock_wall_ms(), n, at, wait = WAIT_MIN_MS;
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_LOGIN_FAILURES, DB_ARGS(DB_TEXT(key)), err);

	*wait_ms = 0;
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	n = db_int(&cur, 0);
	at = db_int(&cur, 1);
	db_finish(&cur);
	if (n < most || now - at > HOUR_MS)
		return RC_OK;
	for (; n > most && wait < WAIT_MAX_MS; n--)
		wait *= 2;
	if (wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS;
	*wait_ms = at + wait > now ? at + wait - now : 0;
	return RC_OK;
}

/* Whether the account's owner has signed in from there. */
static enum rc knows_place(
    struct db *db, int64_t user_id, const struct scope *sc, bool *known, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_LOGIN_PLACE,
	    DB_ARGS(DB_INT(user_id), DB_TEXT(sc->address ? sc->address : "")), err);

	*known = rc == RC_OK;
	if (rc == RC_OK)
		db_finish(&cur);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc check_wait(struct db *db, const struct scope *sc, const struct keys *k,
    int64_t user_id, int64_t *wait_ms, struct err *err)
{
	bool known = false;
	enum rc rc = user_id ? knows_place(db, user_id, sc, &known, err) : RC_OK;

	*wait_ms = 0;
	for (int i = 0; i < KEYS && rc == RC_OK; i++) {
		int64_t wait;

		if (i == KEY_ACCOUNT && known)
			continue;
		rc = key_wait(db, k->text[i], forgiven[i], &wait, err);
		if (rc == RC_OK && wait > *wait_ms)
			*wait_ms = wait;
	}
	if (rc == RC_OK && *wait_ms)
		return err_set(err, RC_LIMIT, "too many attempts failed; try again in %lld s",
		    (long long)(*wait_ms + 999) / 1000);
	return rc;
}

/* Count it and put it into the log. */
static enum rc note_failure(
    struct db *db, const struct scope *sc, const struct keys *k, const char *name, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct scope tried = *sc;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	for (int i = 0; i < KEYS && rc == RC_OK; i++)
		rc = db_exec(db, SQL_LOGIN_FAILED,
		    DB_ARGS(DB_TEXT(k->text[i]), DB_INT(now), DB_INT(now - HOUR_MS)), err);
	tried.org_id = 0;
	tried.user_id = 0;
	tried.user_name = "";
	tried.via = "password";
	if (rc == RC_OK)
		rc = audit_add(db, &tried, "session.refused", name, NULL, err);
	return db_end(db, rc, err);
}

static enum rc forgive(struct db *db, const struct keys *k, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc == RC_OK)
		rc = db_exec(db, SQL_LOGIN_FORGIVE, DB_ARGS(DB_TEXT(k->text[KEY_PAIR])), err);
	return db_end(db, rc, err);
}

/* What the name's password is compared with; hash NULL: nobody's, or nobody may sign in by it. */
static enum rc find_secret(struct db *db, const char *name, struct arena *a, int64_t *user_id,
    const char **hash, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_USER_SECRET, DB_ARGS(DB_TEXT(name)), err);

	*user_id = 0;
	*hash = NULL;
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	*user_id = db_int(&cur, 0);
	if (!db_int(&cur, 2))
		*hash = arena_strdup(a, db_text(&cur, 1, NULL));
	db_finish(&cur);
	return RC_OK;
}

enum rc login_check(struct db *db, const struct config *cfg, const struct scope *sc,
    const char *name, const char *password, struct arena *a, struct identity *out, int64_t *wait_ms,
    struct err *err)
{
	struct keys keys;
	const char *hash;
	int64_t user_id;
	enum rc rc;

	*wait_ms = 0;
	make_keys(sc, name, &keys);
	rc = find_secret(db, name, a, &user_id, &hash, err);
	if (rc == RC_OK)
		rc = check_wait(db, sc, &keys, user_id, wait_ms, err);
	if (rc != RC_OK)
		return rc;
	rc = strlen(password) > PASSWORD_MAX ? RC_INVALID
					     : password_verify(cfg, hash, password, err);
	if (rc == RC_OK)
		rc = identity_of_user(db, name, a, out, err);
	if (rc == RC_INVALID || rc == RC_NOTFOUND) {
		rc = note_failure(db, sc, &keys, name, err);
		return rc == RC_OK ? err_set(err, RC_DENIED, "user name or password is wrong") : rc;
	}
	if (rc != RC_OK)
		return rc;
	out->scope.via = "password";
	out->scope.address = sc->address;
	out->scope.request = sc->request;
	return forgive(db, &keys, err);
}
