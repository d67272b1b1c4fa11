/*
 * Sessions, links and tokens. What is given out is 32 random bytes in base64url; the database is
 * searched by its SHA-256, so neither a copy of the database nor the time of a search tells one.
 */
#include "core/session.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/log.h"
#include "core/str.h"

#define SECRET_BYTES 32
#define HASH_SIZE (2 * crypto_hash_sha256_BYTES + 1)
#define TOKEN_PREFIX "dm_"
#define SEEN_EVERY_MS INT64_C(60000)
#define AGENT_MAX 200
#define HOUR_MS INT64_C(3600000)

static void hash_of(const char *secret, char out[static HASH_SIZE])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)secret, strlen(secret));
	hex_encode(digest, sizeof digest, out);
}

static void secret_new(const char *prefix, char out[static SECRET_SIZE])
{
	unsigned char random[SECRET_BYTES];
	size_t len = strlen(prefix);

	if (sodium_init() < 0)
		bug("libsodium does not start");
	randombytes_buf(random, sizeof random);
	memcpy(out, prefix, len);
	sodium_bin2base64(out + len, SECRET_SIZE - len, random, sizeof random,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof random);
}

/* ---- scopes of tokens ---- */

static const struct {
	const char *name;
	unsigned bit;
} scope_names[] = {
    {"read", SCOPE_READ}, {"write", SCOPE_WRITE}, {"work", SCOPE_WORK}, {"admin", SCOPE_ADMIN}};

const char *scopes_text(unsigned scopes, struct arena *a)
{
	const char *out = "";

	for (size_t i = 0; i < sizeof scope_names / sizeof *scope_names; i++)
		if (scopes & scope_names[i].bit)
			out = arena_join(a, out, *out ? "," : "", scope_names[i].name, NULL);
	return out;
}

unsigned scopes_parse(const char *s)
{
	unsigned scopes = 0;

	while (*s) {
		size_t len = strcspn(s, ", "), i = 0;

		while (i < 4 && (strlen(scope_names[i].name) != len ||
				    strncmp(scope_names[i].name, s, len) != 0))
			i++;
		if (i == 4)
			return 0;
		scopes |= scope_names[i].bit;
		s += len;
		s += strspn(s, ", ");
	}
	return scopes;
}

/* ---- who it is ---- */

/* The first columns of IDENTITY_COLUMNS. */
#define IDENTITY_OWN 7

static void read_identity(const struct db_cursor *cur, struct arena *a, struct identity *out)
{
	*out = (struct identity){
	    .scope =
		{
		    .user_id = db_int(cur, 0),
		    .org_id = db_int(cur, 1),
		    .user_name = arena_strdup(a, db_text(cur, 2, NULL)),
		    .role = role_parse(db_text(cur, 3, NULL)),
		    .limited = db_int(cur, 4) ? db_int(cur, 0) : 0,
		    .home_project = db_int(cur, 6),
		    .project_id = db_int(cur, 6),
		},
	    .scopes = SCOPE_ALL,
	    .has_password = db_int(cur, 5) != 0,
	};
}

enum rc session_find(struct db *db, const struct config *cfg, const char *cookie, struct arena *a,
    struct identity *out, struct err *err)
{
	int64_t now = clock_wall_ms();
	struct db_cursor cur;
	char hash[HASH_SIZE];
	enum rc rc;

	hash_of(cookie, hash);
	rc = db_one(db, &cur, SQL_SESSION_GET,
	    DB_ARGS(DB_TEXT(hash), DB_INT(now), DB_INT(now - cfg->session_idle_ms)), err);
	if (rc != RC_OK)
		return rc;
	read_identity(&cur, a, out);
	out->session_id = db_int(&cur, IDENTITY_OWN);
	out->by_link = db_int(&cur, IDENTITY_OWN + 1) != 0;
	out->seen_at = db_int(&cur, IDENTITY_OWN + 2);
	out->scope.via = "session";
	db_finish(&cur);
	return RC_OK;
}

enum rc token_find(
    struct db *db, const char *token, struct arena *a, struct identity *out, struct err *err)
{
	struct db_cursor cur;
	char hash[HASH_SIZE];
	enum rc rc;

	hash_of(token, hash);
	rc = db_one(db, &cur, SQL_TOKEN_GET, DB_ARGS(DB_TEXT(hash), DB_INT(clock_wall_ms())), err);
	if (rc != RC_OK)
		return rc;
	read_identity(&cur, a, out);
	out->token_id = db_int(&cur, IDENTITY_OWN);
	out->scopes = (unsigned)db_int(&cur, IDENTITY_OWN + 1);
	out->seen_at = db_int(&cur, IDENTITY_OWN + 2);
	out->scope.via = arena_join(a, "token ", db_text(&cur, IDENTITY_OWN + 3, NULL), NULL);
	if (out->scopes & SCOPE_ADMIN)
		out->scopes = SCOPE_ALL;
	db_finish(&cur);
	return RC_OK;
}

enum rc identity_of_user(
    struct db *db, const char *name, struct arena *a, struct identity *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_USER_IDENTITY, DB_ARGS(DB_TEXT(name)), err);

	if (rc != RC_OK)
		return rc;
	read_identity(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

void identity_seen(struct db *db, const struct identity *id)
{
	int64_t now = clock_wall_ms();
	struct err err;
	enum rc rc;

	if ((!id->session_id && !id->token_id) || now - id->seen_at < SEEN_EVERY_MS)
		return;
	rc = db_begin(db, &err);
	if (rc == RC_OK)
		rc = id->session_id ? db_exec(db, SQL_SESSION_SEEN,
					  DB_ARGS(DB_INT(id->session_id), DB_INT(now)), &err)
				    : db_exec(db, SQL_TOKEN_USED,
					  DB_ARGS(DB_INT(id->token_id), DB_INT(now)), &err);
	if (rc == RC_OK)
		rc = db_commit(db, &err);
	else
		db_rollback(db);
	if (rc != RC_OK)
		log_warn("cannot note that a session is used: %s", err.text);
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
	char hash[HASH_SIZE];
	enum rc rc = RC_OK;

	secret_new("", cookie);
	hash_of(cookie, hash);
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
	if (rc == RC_OK)
		return db_commit_durable(db, err);
	db_rollback(db);
	return rc;
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
	char hash[HASH_SIZE];
	enum rc rc;

	if (u->disabled)
		return err_set(err, RC_CONFLICT, "%s is disabled: enable the user first", u->name);
	secret_new("", secret);
	hash_of(secret, hash);
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
	char hash[HASH_SIZE];
	enum rc rc;

	hash_of(secret, hash);
	rc = db_one(db, &cur, SQL_LINK_GET, DB_ARGS(DB_TEXT(hash), DB_INT(clock_wall_ms())), err);
	if (rc == RC_NOTFOUND)
		return err_set(err, rc,
		    "this link has been used or is too old; ask for another (dropmill user link "
		    "NAME)");
	if (rc != RC_OK)
		return rc;
	read_identity(&cur, a, out);
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
	if (rc == RC_OK)
		rc = db_commit_durable(db, err);
	else
		db_rollback(db);
	arena_release(&a);
	return rc;
}

/* ---- tokens ---- */

static enum rc check_token_name(const char *name, struct err *err)
{
	if (str_label(name, TOKEN_NAME_MAX))
		return RC_OK;
	return err_set(err, RC_INVALID, "a token needs a name of 1 to %d bytes of text, for people",
	    TOKEN_NAME_MAX);
}

enum rc token_create(struct db *db, const struct scope *by, const struct user *u, const char *name,
    unsigned scopes, int64_t expires_at, char token[static SECRET_SIZE], struct err *err)
{
	struct view *detail;
	struct arena a;
	char hash[HASH_SIZE];
	enum rc rc = check_token_name(name, err);

	if (rc == RC_OK && (!scopes || scopes > SCOPE_ALL))
		rc = err_set(err, RC_INVALID, "a token needs scopes: read, write, work, admin");
	if (rc == RC_OK && u->disabled)
		rc = err_set(err, RC_CONFLICT, "%s is disabled: enable the user first", u->name);
	if (rc == RC_OK && expires_at && expires_at <= clock_wall_ms())
		rc = err_set(err, RC_INVALID, "the token would have expired already");
	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	secret_new(TOKEN_PREFIX, token);
	hash_of(token, hash);
	rc = db_exec(db, SQL_TOKEN_INSERT,
	    DB_ARGS(DB_TEXT(hash), DB_INT(u->org_id), DB_INT(u->id), DB_TEXT(name),
		DB_INT((int64_t)scopes), DB_INT(clock_wall_ms()), DB_OPT(expires_at)),
	    err);
	arena_init(&a);
	detail = view_obj(&a);
	view_ref(detail, "user", u->name);
	view_ref(detail, "scopes", scopes_text(scopes, &a));
	rc = audit_commit(db, by, u->org_id, "token.create", name, detail, rc, err);
	arena_release(&a);
	return rc;
}

enum rc token_list(struct db *db, int64_t org_id, int64_t user_id, struct arena *a,
    struct token_info **out, size_t *n, struct err *err)
{
	struct db_cursor cur;
	size_t room = 0;
	enum rc rc = user_id ? db_query(db, &cur, SQL_TOKEN_LIST,
				   DB_ARGS(DB_INT(org_id), DB_INT(user_id)), err)
			     : db_query(db, &cur, SQL_TOKEN_LIST_ORG, DB_ARGS(DB_INT(org_id)), err);

	*n = 0;
	*out = NULL;
	if (rc != RC_OK)
		return rc;
	while ((rc = db_next(&cur, err)) == RC_OK) {
		*out = arena_room(a, *out, *n, &room, sizeof **out);
		(*out)[(*n)++] = (struct token_info){
		    .id = db_int(&cur, 0),
		    .created_at = db_int(&cur, 1),
		    .expires_at = db_int(&cur, 2),
		    .used_at = db_int(&cur, 3),
		    .name = arena_strdup(a, db_text(&cur, 4, NULL)),
		    .scopes = (unsigned)db_int(&cur, 5),
		    .user = arena_strdup(a, db_text(&cur, 6, NULL)),
		};
	}
	db_finish(&cur);
	return rc == RC_DONE ? RC_OK : rc;
}

enum rc token_revoke(
    struct db *db, const struct scope *by, int64_t user_id, int64_t id, struct err *err)
{
	struct view *detail = NULL;
	const char *name = "";
	struct db_cursor cur;
	struct arena a;
	enum rc rc = db_begin(db, err);

	if (rc != RC_OK)
		return rc;
	arena_init(&a);
	rc = db_one(db, &cur, SQL_TOKEN_NAMED,
	    DB_ARGS(DB_INT(by->org_id), DB_INT(id), DB_INT(user_id)), err);
	if (rc == RC_NOTFOUND)
		err_set(err, rc, "no such token: %lld", (long long)id);
	if (rc == RC_OK) {
		name = arena_strdup(&a, db_text(&cur, 0, NULL));
		detail = view_obj(&a);
		view_str(detail, "user", db_text(&cur, 1, NULL));
		db_finish(&cur);
		rc = db_exec(db, SQL_TOKEN_DELETE, DB_ARGS(DB_INT(by->org_id), DB_INT(id)), err);
	}
	rc = audit_commit(db, by, by->org_id, "token.revoke", name, detail, rc, err);
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
	if (rc == RC_OK)
		return db_commit(db, err);
	db_rollback(db);
	return rc;
}
