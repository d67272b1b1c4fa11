/*
 * Sessions of browsers, and the links that begin one.
 */
#include "core/session.h"

#include <stdio.h>
#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/str.h"

#define AGENT_MAX 200
#define HOUR_MS INT64_C(3600000)

enum rc session_find(struct db *db, const struct config *cfg, const char *cookie, struct arena *a,
    struct identity *out, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct db_cursor cur;
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc;

	identity_hash(cookie, hash);
	rc = db_one(db, &cur, SQL_SESSION_GET,
	    DB_ARGS(DB_TEXT(hash), DB_INT(now), DB_INT(now - cfg->session_idle_ms)), err);
	if (rc != RC_OK)
		return rc;
	identity_read(&cur, a, out);
	out->session_id = db_int(&cur, IDENTITY_OWN);
	out->by_link = db_int(&cur, IDENTITY_OWN + 1) != 0;
	out->seen_at = db_int(&cur, IDENTITY_OWN + 2);
	out->scope.via = "session";
	db_finish(&cur);
	return RC_OK;
}

/* ---- sessions ---- */

/* What a browser calls itself, as far as it is text. */
static size_t agent_length(const char *agent)
{
	size_t n = strlen(agent);

	if (n > AGENT_MAX)
		n = AGENT_MAX;
	while (n && !str_utf8(agent, n))
		n--;
	return n;
}

/* Inside a transaction. */
static enum rc insert_session(struct db *db, const struct config *cfg, const struct scope *sc,
    bool by_link, const char *agent, int64_t before, char cookie[static SECRET_SIZE],
    struct err *err)
{
	int64_t now = clock_wall_ms();
	const char *address = sc->address ? sc->address : "";
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc = RC_OK;

	identity_secret("", cookie);
	identity_hash(cookie, hash);
	if (before)
		rc = db_exec(db, SQL_SESSION_DROP, DB_ARGS(DB_INT(before)), err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_SESSION_INSERT,
		    DB_ARGS(DB_TEXT(hash), DB_INT(sc->org_id), DB_INT(sc->user_id), DB_INT(by_link),
			DB_TEXT(address), DB_TEXTN(agent, agent_length(agent)), DB_INT(now),
			DB_INT(now + cfg->session_max_ms)),
		    err);
	if (rc == RC_OK)
		rc =
		    db_exec(db, SQL_USER_SIGNED_IN, DB_ARGS(DB_INT(sc->user_id), DB_INT(now)), err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_LOGIN_PLACE_ADD,
		    DB_ARGS(DB_INT(sc->user_id), DB_TEXT(address), DB_INT(now)), err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_LOGIN_PLACE_PRUNE, DB_ARGS(DB_INT(sc->user_id)), err);
	return rc == RC_OK ? audit_add(db, sc, "session.begin", sc->user_name, NULL, err) : rc;
}

enum rc session_begin(struct db *db, const struct config *cfg, const struct scope *sc, bool by_link,
    const char *agent, int64_t before, char cookie[static SECRET_SIZE], struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = insert_session(db, cfg, sc, by_link, agent, before, cookie, err);
	return db_end_durable(db, rc, err);
}

enum rc session_end(
    struct db *db, const struct scope *sc, int64_t id, int64_t keep, struct err *err)
{
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	if (id)
		rc = db_exec(db, SQL_SESSION_DELETE,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->user_id), DB_INT(id)), err);
	else
		rc = db_exec(db, SQL_SESSION_DELETE_OTHERS,
		    DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->user_id), DB_INT(keep)), err);
	if (rc == RC_OK && id && db_changes(db) == 0)
		rc = err_set(err, RC_NOTFOUND, "no such session: %lld", (long long)id);
	return audit_commit(db, sc, sc->org_id, id ? "session.end" : "session.end-others",
	    sc->user_name, NULL, rc, err);
}

enum rc session_list(struct db *db, const struct scope *sc, const struct config *cfg,
    struct arena *a, struct session_info **out, size_t *n, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = db_query(db, &cur, SQL_SESSION_LIST,
	    DB_ARGS(DB_INT(sc->org_id), DB_INT(sc->user_id), DB_INT(now),
		DB_INT(now - cfg->session_idle_ms)),
	    err);

	*n = 0;
	*out = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*out = arena_room(a, *out, *n, &room, sizeof **out);
		(*out)[(*n)++] = (struct session_info){
		    .id = db_int(&cur, 0),
		    .created_at = db_int(&cur, 1),
		    .seen_at = db_int(&cur, 2),
		    .expires_at = db_int(&cur, 3),
		    .address = arena_strdup(a, db_text(&cur, 4, NULL)),
		    .agent = arena_strdup(a, db_text(&cur, 5, NULL)),
		};
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

/* ---- links ---- */

enum rc link_create(struct db *db, const struct scope *by, const struct user *u,
    char secret[static SECRET_SIZE], struct err *err)
{
	int64_t now = clock_wall_ms();
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc;

	if (u->disabled)
		return err_set(err, RC_CONFLICT, "%s is disabled: enable the user first", u->name);
	identity_secret("", secret);
	identity_hash(secret, hash);
	rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_LINK_INSERT,
	    DB_ARGS(DB_TEXT(hash), DB_INT(u->org_id), DB_INT(u->id), DB_INT(now),
		DB_INT(now + LINK_MS)),
	    err);
	return audit_commit(db, by, u->org_id, "user.link", u->name, NULL, rc, err);
}

enum rc link_peek(
    struct db *db, const char *secret, struct arena *a, struct identity *out, struct err *err)
{
	struct db_cursor cur;
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc;

	identity_hash(secret, hash);
	rc = db_one(db, &cur, SQL_LINK_GET, DB_ARGS(DB_TEXT(hash), DB_INT(clock_wall_ms())), err);
	if (rc == RC_NOTFOUND)
		return err_set(err, rc,
		    "this link has been used or is too old; ask for another (dropmill user link "
		    "NAME)");
	if (rc != RC_OK)
		return rc;
	identity_read(&cur, a, out);
	out->by_link = true;
	db_finish(&cur);
	return RC_OK;
}

enum rc link_use(struct db *db, const struct config *cfg, const char *secret,
    const struct scope *from, const char *agent, int64_t before, char cookie[static SECRET_SIZE],
    struct err *err)
{
	struct identity who;
	struct arena a;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	arena_init(&a);
	rc = link_peek(db, secret, &a, &who, err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_LINK_DROP_USER,
		    DB_ARGS(DB_INT(who.scope.org_id), DB_INT(who.scope.user_id)), err);
	if (rc == RC_OK) {
		who.scope.via = "link";
		who.scope.address = from->address;
		who.scope.request = from->request;
		rc = insert_session(db, cfg, &who.scope, true, agent, before, cookie, err);
	}
	rc = db_end_durable(db, rc, err);
	arena_release(&a);
	return rc;
}

enum rc session_sweep(struct db *db, struct err *err)
{
	int64_t now = clock_wall_ms();
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	rc = db_exec(db, SQL_SESSION_SWEEP, DB_ARGS(DB_INT(now)), err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_LINK_SWEEP, DB_ARGS(DB_INT(now)), err);
	if (rc == RC_OK)
		rc = db_exec(db, SQL_LOGIN_SWEEP, DB_ARGS(DB_INT(now - 24 * HOUR_MS)), err);
	return db_end(db, rc, err);
}
