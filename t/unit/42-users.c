/*
 * What ends when a user changes: sessions, links and tokens, against somebody who has stolen one;
 * and what never does, the last operator and the log.
 */
#include "t/unit/jobs_fixture.h"

#include "core/audit.h"
#include "core/org.h"
#include "core/project.h"
#include "core/session.h"
#include "core/token.h"

static struct user mary;
static char session[3][SECRET_SIZE], invite[SECRET_SIZE], token[SECRET_SIZE];

static struct scope as(const struct user *u)
{
	return (struct scope){.org_id = u->org_id,
	    .user_id = u->id,
	    .role = u->role,
	    .user_name = u->name,
	    .via = "session",
	    .address = "192.0.2.1",
	    .request = "r1"};
}

/* A member with three sessions, a link and a token. */
static void make_mary(void)
{
	struct scope sc;
	int64_t id;

	cfg.session_idle_ms = cfg.session_max_ms = 3600000;
	OK(user_create(db, &scope_local, 1, "mary", ROLE_MEMBER, &id, &err));
	OK(user_find(db, 1, "mary", &arena, &mary, &err));
	sc = as(&mary);
	for (int i = 0; i < 3; i++)
		OK(session_begin(db, &cfg, &sc, false, "test", 0, session[i], &err));
	OK(link_create(db, &scope_local, &mary, invite, &err));
	OK(token_create(
	    db, &sc, &mary, &(struct token_info){.name = "ci", .scopes = SCOPE_READ}, token, &err));
}

static bool session_works(int i)
{
	struct identity who;

	return session_find(db, &cfg, session[i], &arena, &who, &err) == RC_OK;
}

static bool token_works(void)
{
	struct identity who;

	return token_find(db, token, &arena, &who, &err) == RC_OK;
}

static bool link_works(void)
{
	struct identity who;

	return link_peek(db, invite, &arena, &who, &err) == RC_OK;
}

static size_t audited(const char *action)
{
	struct audit_filter f = {.org_id = 1, .action = action, .limit = 100};
	struct audit_row *rows;
	int64_t next;
	size_t n;

	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	return n;
}

static void a_new_password_ends_all_sessions_but_one(void **state)
{
	struct identity kept;
	struct scope sc;

	(void)state;
	make_mary();
	sc = as(&mary);
	OK(session_find(db, &cfg, session[1], &arena, &kept, &err));
	OK(user_set_password(db, &sc, &mary, "$argon2id$", kept.session_id, &err));
	assert_false(session_works(0));
	assert_true(session_works(1));
	assert_false(session_works(2));
	assert_false(link_works());
	assert_true(token_works());
	OK(user_set_password(db, &scope_local, &mary, "$argon2id$", 0, &err));
	assert_false(session_works(1));
	assert_int_equal(audited("user.password"), 2);
}

static void a_disabled_user_has_nothing_left(void **state)
{
	(void)state;
	make_mary();
	OK(user_disable(db, &scope_local, &mary, true, &err));
	assert_false(session_works(0) || session_works(1) || session_works(2));
	assert_false(link_works());
	assert_false(token_works());
	OK(user_find(db, 1, "mary", &arena, &mary, &err));
	assert_true(mary.disabled);
	RC(RC_CONFLICT, link_create(db, &scope_local, &mary, invite, &err));
	OK(user_disable(db, &scope_local, &mary, false, &err));
	assert_false(session_works(0) || session_works(1) || session_works(2));
	assert_false(link_works());
	assert_true(token_works());
	assert_int_equal(audited("user.disable"), 1);
	assert_int_equal(audited("user.enable"), 1);
}

static void sessions_are_ended_by_their_own_user_alone(void **state)
{
	struct scope mine, theirs = scope_local;
	struct identity first;

	(void)state;
	make_mary();
	mine = as(&mary);
	OK(session_find(db, &cfg, session[0], &arena, &first, &err));
	RC(RC_NOTFOUND, session_end(db, &theirs, first.session_id, 0, &err));
	theirs = other_org;
	RC(RC_NOTFOUND, session_end(db, &theirs, first.session_id, 0, &err));
	assert_true(session_works(0));
	OK(session_end(db, &mine, first.session_id, 0, &err));
	assert_false(session_works(0));
	OK(session_find(db, &cfg, session[1], &arena, &first, &err));
	OK(session_end(db, &mine, 0, first.session_id, &err));
	assert_true(session_works(1));
	assert_false(session_works(2));
}

static void tokens_are_revoked_within_their_org(void **state)
{
	struct scope mine;
	struct token_info *list;
	struct identity who;
	size_t n;

	(void)state;
	make_mary();
	mine = as(&mary);
	OK(token_list(db, 1, mary.id, &arena, &list, &n, &err));
	assert_int_equal(n, 1);
	RC(RC_NOTFOUND, token_revoke(db, &other_org, 0, list[0].id, &err));
	RC(RC_NOTFOUND, token_revoke(db, &mine, mary.id + 1, list[0].id, &err));
	assert_true(token_works());
	OK(token_revoke(db, &mine, mary.id, list[0].id, &err));
	assert_false(token_works());
	RC(RC_NOTFOUND, token_revoke(db, &mine, mary.id, list[0].id, &err));
	RC(RC_INVALID, token_create(db, &mine, &mary,
			   &(struct token_info){.name = "", .scopes = SCOPE_READ}, token, &err));
	RC(RC_INVALID,
	    token_create(db, &mine, &mary,
		&(struct token_info){.name = "a\nb", .scopes = SCOPE_READ}, token, &err));
	RC(RC_INVALID,
	    token_create(db, &mine, &mary, &(struct token_info){.name = "none"}, token, &err));
	RC(RC_INVALID,
	    token_create(db, &mine, &mary,
		&(struct token_info){.name = "past", .scopes = SCOPE_READ, .expires_at = 1}, token,
		&err));
	/* What is kept of it is no token. */
	OK(token_create(db, &mine, &mary, &(struct token_info){.name = "ci", .scopes = SCOPE_ADMIN},
	    token, &err));
	OK(token_find(db, token, &arena, &who, &err));
	assert_int_equal(who.scopes, SCOPE_ALL);
	assert_string_equal(who.scope.via, "token ci");
	token[5] ^= 1;
	assert_false(token_works());
	token[5] ^= 1;
	token[strlen(token) - 1] = '\0';
	assert_false(token_works());
}

static void the_last_operator_stays(void **state)
{
	struct user local, admin;

	(void)state;
	OK(user_find(db, 0, "local", &arena, &local, &err));
	OK(user_find(db, 0, "admin", &arena, &admin, &err));
	assert_true(local.disabled);
	RC(RC_CONFLICT, user_disable(db, &scope_local, &admin, true, &err));
	RC(RC_CONFLICT, user_set_role(db, &scope_local, &admin, ROLE_ADMIN, &err));
	make_mary();
	OK(user_set_role(db, &scope_local, &mary, ROLE_OPERATOR, &err));
	OK(user_disable(db, &scope_local, &admin, true, &err));
	OK(user_find(db, 0, "mary", &arena, &mary, &err));
	RC(RC_CONFLICT, user_disable(db, &scope_local, &mary, true, &err));
	assert_int_equal(audited("user.disable"), 1);
}

/* Projects of another org cannot be given. */
static void a_user_is_limited_to_projects_of_their_org(void **state)
{
	struct scope theirs = other_org, mine;
	int64_t org, foreign, own, *ids;
	struct project p;
	size_t n;

	(void)state;
	make_mary();
	OK(org_create(db, &scope_local, "others", &org, &err));
	theirs.org_id = org;
	OK(project_create(db, &theirs, "secret", &foreign, &err));
	mine = as(&mary);
	OK(project_create(db, &mine, "open", &own, &err));
	assert_int_not_equal(user_limit(db, &scope_local, &mary, true, &foreign, 1, &err), RC_OK);
	OK(user_limit(db, &scope_local, &mary, true, &own, 1, &err));
	OK(user_projects(db, &mary, &arena, &ids, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(ids[0], own);
	mine.limited = mary.id;
	OK(project_find(db, &mine, "open", &arena, &p, &err));
	RC(RC_NOTFOUND, project_find(db, &mine, "default", &arena, &p, &err));
	RC(RC_NOTFOUND, project_find(db, &mine, "secret", &arena, &p, &err));
	RC(RC_NOTFOUND, project_rename(db, &mine, foreign, "mine", &err));
	RC(RC_NOTFOUND, project_delete(db, &mine, foreign, &err));
	OK(user_limit(db, &scope_local, &mary, false, NULL, 0, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_password_ends_all_sessions_but_one),
	    TEST(a_disabled_user_has_nothing_left),
	    TEST(sessions_are_ended_by_their_own_user_alone),
	    TEST(tokens_are_revoked_within_their_org),
	    TEST(the_last_operator_stays),
	    TEST(a_user_is_limited_to_projects_of_their_org),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
