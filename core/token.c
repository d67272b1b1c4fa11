/*
 * Tokens of programs.
 */
#include "core/token.h"

#include <string.h>

#include "core/audit.h"
#include "core/clock.h"
#include "core/str.h"

#define TOKEN_PREFIX "dm_"

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

enum rc token_find(
    struct db *db, const char *token, struct arena *a, struct identity *out, struct err *err)
{
	struct db_cursor cur;
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc;

	identity_hash(token, hash);
	rc = db_one(db, &cur, SQL_TOKEN_GET, DB_ARGS(DB_TEXT(hash), DB_INT(clock_wall_ms())), err);
	if (rc != RC_OK)
		return rc;
	identity_read(&cur, a, out);
	out->token_id = db_int(&cur, IDENTITY_OWN);
	out->scopes = (unsigned)db_int(&cur, IDENTITY_OWN + 1);
	out->seen_at = db_int(&cur, IDENTITY_OWN + 2);
	out->scope.via = arena_join(a, "token ", db_text(&cur, IDENTITY_OWN + 3, NULL), NULL);
	if (out->scopes & SCOPE_ADMIN)
		out->scopes = SCOPE_ALL;
	db_finish(&cur);
	return RC_OK;
}

static enum rc check_token_name(const char *name, struct err *err)
{
	if (str_label(name, TOKEN_NAME_MAX))
		return RC_OK;
	return err_set(err, RC_INVALID, "a token needs a name of 1 to %d bytes of text, for people",
	    TOKEN_NAME_MAX);
}

static enum rc check_token(const struct user *u, const struct token_info *t, struct err *err)
{
	enum rc rc = check_token_name(t->name, err);

	if (rc != RC_OK)
		return rc;
	if (!t->scopes || t->scopes > SCOPE_ALL)
		return err_set(err, RC_INVALID, "a token needs scopes: read, write, work, admin");
	if (u->disabled)
		return err_set(err, RC_CONFLICT, "%s is disabled: enable the user first", u->name);
	if (t->expires_at && t->expires_at <= clock_wall_ms())
		return err_set(err, RC_INVALID, "the token would have expired already");
	return RC_OK;
}

enum rc token_create(struct db *db, const struct scope *by, const struct user *u,
    struct token_info *t, char token[static SECRET_SIZE], struct err *err)
{
	struct view *detail;
	struct db_cursor cur;
	struct arena a;
	char hash[IDENTITY_HASH_SIZE];
	enum rc rc = check_token(u, t, err);

	if (rc == RC_OK)
		rc = db_begin(db, err);
	if (rc != RC_OK)
		return rc;
	identity_secret(TOKEN_PREFIX, token);
	identity_hash(token, hash);
	rc = db_one(db, &cur, SQL_TOKEN_INSERT,
	    DB_ARGS(DB_TEXT(hash), DB_INT(u->org_id), DB_INT(u->id), DB_TEXT(t->name),
		DB_INT((int64_t)t->scopes), DB_INT(clock_wall_ms()), DB_OPT(t->expires_at)),
	    err);
	if (rc == RC_OK) {
		t->id = db_int(&cur, 0);
		db_finish(&cur);
	}
	arena_init(&a);
	detail = view_obj(&a);
	view_ref(detail, "user", u->name);
	view_ref(detail, "scopes", scopes_text(t->scopes, &a));
	rc = audit_commit(db, by, u->org_id, "token.create", t->name, detail, rc, err);
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
