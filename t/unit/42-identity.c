/*
 * Users, sessions, links, tokens, signing in, projects, quotas and the audit log, in the core
 * alone.
 */
#include "jobs_fixture.h"

#include "core/audit.h"
#include "core/login.h"
#include "core/org.h"
#include "core/password.h"
#include "core/project.h"
#include "core/quota.h"
#include "core/session.h"
#include "core/token.h"

#define GOOD "correct horse battery"

static const struct scope operator_scope = {.org_id = 1,
    .user_id = 2,
    .project_id = 1,
    .home_project = 1,
    .role = ROLE_OPERATOR,
    .user_name = "admin",
    .via = "session",
    .address = "192.0.2.1",
    .request = "r1"};

static void begin_state(void)
{
	cfg.run_dir = dir;
	cfg.web_processes = 4;
	cfg.session_idle_ms = 3600000;
	cfg.session_max_ms = 7200000;
}

static struct user user_of(const char *name)
{
	struct user u;

	OK(user_find(db, 0, name, &arena, &u, &err));
	return u;
}

static int64_t make_org(const char *name)
{
	int64_t id;

	OK(org_create(db, &operator_scope, name, &id, &err));
	return id;
}

static struct user make_user(int64_t org, const char *name, enum role role)
{
	int64_t id;

	OK(user_create(db, &operator_scope, org, name, role, &id, &err));
	return user_of(name);
}

static void set_password(const char *name, const char *password)
{
	char hash[PASSWORD_HASH_SIZE];
	struct user u = user_of(name);

	OK(password_hash(&cfg, password, hash, &err));
	OK(user_set_password(db, &operator_scope, &u, hash, 0, &err));
}

static void sign_in(const char *name, char cookie[static SECRET_SIZE])
{
	struct identity who;

	OK(identity_of_user(db, name, &arena, &who, &err));
	who.scope.address = "192.0.2.9";
	OK(session_begin(db, &cfg, &who.scope, false, "test", 0, cookie, &err));
}

static void the_first_operator_is_there(void **state)
{
	struct user u;
	bool seen = true;

	(void)state;
	begin_state();
	u = user_of("admin");
	assert_int_equal(u.role, ROLE_OPERATOR);
	assert_false(u.disabled || u.has_password);
	assert_true(user_of("local").disabled);
	OK(user_operator_seen(db, &seen, &err));
	assert_false(seen);
}

static void names_and_roles(void **state)
{
	static const char *const bad[] = {"", "A", "a b", "-a", ".a", "a/b", "a\nb", "\xc3\xa4",
	    "12345678901234567890123456789012345678901234567890123456789012345"};
	struct user u;
	int64_t id;

	(void)state;
	begin_state();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		RC(RC_INVALID, user_create(db, &operator_scope, 1, bad[i], ROLE_MEMBER, &id, &err));
	u = make_user(1, "ann@example.org", ROLE_MEMBER);
	RC(RC_CONFLICT,
	    user_create(db, &operator_scope, 1, "ann@example.org", ROLE_MEMBER, &id, &err));
	assert_non_null(strstr(err.text, "already"));
	RC(RC_NOTFOUND, user_find(db, 2, "ann@example.org", &arena, &u, &err));
	u = user_of("ann@example.org");
	OK(user_set_role(db, &operator_scope, &u, ROLE_ADMIN, &err));
	assert_int_equal(user_of("ann@example.org").role, ROLE_ADMIN);
	for (int r = ROLE_VIEWER; r < ROLE_MAX; r++)
		assert_int_equal(role_parse(role_name((enum role)r)), r);
	assert_int_equal(role_parse("root"), ROLE_MAX);
	assert_int_equal(role_parse(""), ROLE_MAX);
}

static void the_last_operator_stays(void **state)
{
	struct user admin, second;

	(void)state;
	begin_state();
	admin = user_of("admin");
	RC(RC_CONFLICT, user_disable(db, &operator_scope, &admin, true, &err));
	RC(RC_CONFLICT, user_set_role(db, &operator_scope, &admin, ROLE_ADMIN, &err));
	second = make_user(1, "bob", ROLE_OPERATOR);
	OK(user_disable(db, &operator_scope, &admin, true, &err));
	RC(RC_CONFLICT, user_disable(db, &operator_scope, &second, true, &err));
}

static void passwords(void **state)
{
	static const char *const bad[] = {"", "short", "aaaaaaaaaaaa", "1234567890", "0987654321",
	    "abcdefghij", "Password123", "P4$$w0rd1234", "welcome2024!", "administrator1",
	    "dropmill-dropmill", "ann.smith1", "\xff\xfe rubbish here"};
	char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE], longest[PASSWORD_MAX + 2];

	(void)state;
	begin_state();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (password_check(bad[i], "ann.smith", &err) != RC_INVALID)
			fail_msg("accepted: %s", bad[i]);
	OK(password_check(GOOD, "ann.smith", &err));
	OK(password_check("\xc3\xbc"
			  "ber den Wolken",
	    "ann", &err));
	OK(password_check("passwordless trains", "ann", &err));
	for (size_t i = 0; i < sizeof longest - 1; i++)
		longest[i] = (char)('a' + i * 7 % 26);
	longest[sizeof longest - 1] = '\0';
	RC(RC_INVALID, password_check(longest, "ann", &err));
	longest[PASSWORD_MAX] = '\0';
	OK(password_check(longest, "ann", &err));
	OK(password_hash(&cfg, GOOD, hash, &err));
	OK(password_hash(&cfg, GOOD, again, &err));
	assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
	assert_string_not_equal(hash, again);
	OK(password_verify(&cfg, hash, GOOD, &err));
	RC(RC_INVALID, password_verify(&cfg, hash, GOOD "x", &err));
	RC(RC_INVALID, password_verify(&cfg, NULL, GOOD, &err));
}

static void sessions(void **state)
{
	char cookie[SECRET_SIZE], other[SECRET_SIZE], third[SECRET_SIZE];
	struct session_info *list;
	struct identity who, two;
	struct user ann;
	size_t n;

	(void)state;
	begin_state();
	ann = make_user(1, "ann", ROLE_MEMBER);
	sign_in("ann", cookie);
	assert_int_equal(strlen(cookie), 43);
	OK(session_find(db, &cfg, cookie, &arena, &who, &err));
	assert_string_equal(who.scope.user_name, "ann");
	assert_int_equal(who.scope.role, ROLE_MEMBER);
	assert_int_equal(who.scope.project_id, 1);
	assert_int_equal(who.scopes, SCOPE_ALL);
	RC(RC_NOTFOUND, session_find(db, &cfg, "", &arena, &two, &err));
	cookie[0] ^= 1;
	RC(RC_NOTFOUND, session_find(db, &cfg, cookie, &arena, &two, &err));
	cookie[0] ^= 1;

	sign_in("ann", other);
	OK(session_list(db, &who.scope, &cfg, &arena, &list, &n, &err));
	assert_int_equal(n, 2);
	/* Nobody ends the session of somebody else. */
	RC(RC_NOTFOUND, session_end(db, &operator_scope, who.session_id, 0, &err));
	OK(session_end(db, &who.scope, 0, who.session_id, &err));
	RC(RC_NOTFOUND, session_find(db, &cfg, other, &arena, &two, &err));
	OK(session_find(db, &cfg, cookie, &arena, &two, &err));

	/* A new one takes the place of the one before. */
	OK(session_begin(db, &cfg, &who.scope, false, "", who.session_id, third, &err));
	RC(RC_NOTFOUND, session_find(db, &cfg, cookie, &arena, &two, &err));
	OK(session_find(db, &cfg, third, &arena, &two, &err));
	set_password("ann", GOOD);
	RC(RC_NOTFOUND, session_find(db, &cfg, third, &arena, &two, &err));
	sign_in("ann", cookie);
	OK(user_disable(db, &operator_scope, &ann, true, &err));
	RC(RC_NOTFOUND, session_find(db, &cfg, cookie, &arena, &two, &err));
	ann = user_of("ann");
	OK(user_disable(db, &operator_scope, &ann, false, &err));
	RC(RC_NOTFOUND, session_find(db, &cfg, cookie, &arena, &two, &err));
	sign_in("ann", cookie);
	cfg.session_idle_ms = 0;
	RC(RC_NOTFOUND, session_find(db, &cfg, cookie, &arena, &two, &err));
}

static void links(void **state)
{
	char secret[SECRET_SIZE], cookie[SECRET_SIZE], second[SECRET_SIZE];
	struct scope from = {.address = "192.0.2.7", .request = "r2"};
	struct identity who;
	struct user admin;
	bool seen;

	(void)state;
	begin_state();
	admin = user_of("admin");
	OK(link_create(db, &operator_scope, &admin, secret, &err));
	OK(link_peek(db, secret, &arena, &who, &err));
	OK(link_peek(db, secret, &arena, &who, &err));
	OK(link_use(db, &cfg, secret, &from, "test", 0, cookie, &err));
	RC(RC_NOTFOUND, link_use(db, &cfg, secret, &from, "test", 0, second, &err));
	RC(RC_NOTFOUND, link_peek(db, secret, &arena, &who, &err));
	OK(session_find(db, &cfg, cookie, &arena, &who, &err));
	assert_true(who.by_link);
	assert_string_equal(who.scope.user_name, "admin");
	OK(user_operator_seen(db, &seen, &err));
	assert_true(seen);
	/* A new password makes old links void. */
	OK(link_create(db, &operator_scope, &admin, secret, &err));
	set_password("admin", GOOD);
	RC(RC_NOTFOUND, link_use(db, &cfg, secret, &from, "test", 0, second, &err));
}

static void tokens(void **state)
{
	char token[SECRET_SIZE], wide[SECRET_SIZE];
	struct token_info *list;
	struct identity who;
	struct user ann;
	int64_t org;
	size_t n;

	(void)state;
	begin_state();
	org = make_org("north");
	ann = make_user(org, "ann", ROLE_MEMBER);
	assert_int_equal(scopes_parse("read,write"), SCOPE_READ | SCOPE_WRITE);
	assert_int_equal(scopes_parse("read, work"), SCOPE_READ | SCOPE_WORK);
	assert_int_equal(scopes_parse("read,root"), 0);
	assert_int_equal(scopes_parse(""), 0);
	RC(RC_INVALID, token_create(db, &operator_scope, &ann,
			   &(struct token_info){.name = "", .scopes = SCOPE_READ}, token, &err));
	RC(RC_INVALID, token_create(db, &operator_scope, &ann,
			   &(struct token_info){.name = "x\n", .scopes = SCOPE_READ}, token, &err));
	RC(RC_INVALID, token_create(db, &operator_scope, &ann, &(struct token_info){.name = "x"},
			   token, &err));
	RC(RC_INVALID, token_create(db, &operator_scope, &ann,
			   &(struct token_info){.name = "x", .scopes = SCOPE_READ, .expires_at = 1},
			   token, &err));
	OK(token_create(db, &operator_scope, &ann,
	    &(struct token_info){.name = "ci", .scopes = SCOPE_READ}, token, &err));
	assert_memory_equal(token, "dm_", 3);
	OK(token_find(db, token, &arena, &who, &err));
	assert_int_equal(who.scopes, SCOPE_READ);
	assert_int_equal(who.scope.org_id, org);
	assert_string_equal(who.scope.via, "token ci");
	OK(token_create(db, &operator_scope, &ann,
	    &(struct token_info){.name = "all", .scopes = SCOPE_ADMIN}, wide, &err));
	OK(token_find(db, wide, &arena, &who, &err));
	assert_int_equal(who.scopes, SCOPE_ALL);
	OK(token_list(db, org, ann.id, &arena, &list, &n, &err));
	assert_int_equal(n, 2);
	OK(token_list(db, 1, 0, &arena, &list, &n, &err));
	assert_int_equal(n, 0);
	/* Of another org there is no such token. */
	RC(RC_NOTFOUND, token_revoke(db, &operator_scope, 0, who.token_id, &err));
	RC(RC_NOTFOUND, token_revoke(db, &who.scope, ann.id + 1, who.token_id, &err));
	OK(token_revoke(db, &who.scope, ann.id, who.token_id, &err));
	RC(RC_NOTFOUND, token_find(db, wide, &arena, &who, &err));
	OK(user_disable(db, &operator_scope, &ann, true, &err));
	RC(RC_NOTFOUND, token_find(db, token, &arena, &who, &err));
}

static enum rc try_login(const char *name, const char *password, const char *address)
{
	struct scope from = {.address = address, .request = "r3"};
	struct identity who;
	int64_t wait;
	enum rc rc = login_check(db, &cfg, &from, name, password, &arena, &who, &wait, &err);

	if (rc == RC_LIMIT)
		assert_true(wait > 0 && wait <= 900000);
	return rc;
}

static void signing_in(void **state)
{
	char cookie[SECRET_SIZE];
	struct user ann;
	enum rc rc;

	(void)state;
	begin_state();
	ann = make_user(1, "ann", ROLE_MEMBER);
	RC(RC_DENIED, try_login("ann", GOOD, "192.0.2.1"));
	assert_string_equal(err.text, "user name or password is wrong");
	set_password("ann", GOOD);
	OK(try_login("ann", GOOD, "192.0.2.1"));
	RC(RC_DENIED, try_login("nobody", GOOD, "192.0.2.1"));
	assert_string_equal(err.text, "user name or password is wrong");
	OK(user_disable(db, &operator_scope, &ann, true, &err));
	RC(RC_DENIED, try_login("ann", GOOD, "192.0.2.1"));
	ann = user_of("ann");
	OK(user_disable(db, &operator_scope, &ann, false, &err));
	OK(try_login("ann", GOOD, "192.0.2.1"));

	/* Guesses from one place make that place wait, not the others. */
	for (int i = 0; i < 5; i++)
		RC(RC_DENIED, try_login("ann", "wrong password", "192.0.2.66"));
	RC(RC_LIMIT, try_login("ann", GOOD, "192.0.2.66"));
	OK(try_login("ann", GOOD, "192.0.2.1"));
	/* One customer's IPv6 addresses are one. */
	for (int i = 0; i < 5; i++)
		RC(RC_DENIED,
		    try_login("ann", "wrong password", i % 2 ? "2001:db8::1" : "2001:db8::2"));
	RC(RC_LIMIT, try_login("ann", GOOD, "2001:db8::3"));
	OK(try_login("ann", GOOD, "2001:db8:0:1::3"));

	/* From many places: strangers wait, whoever has signed in from there before does not. */
	sign_in("ann", cookie); /* from 192.0.2.9 */
	for (int i = 0; i < 30; i++) {
		rc = try_login("ann", "wrong password", arena_printf(&arena, "198.51.100.%d", i));
		assert_true(rc == RC_DENIED || rc == RC_LIMIT);
	}
	RC(RC_LIMIT, try_login("ann", GOOD, "203.0.113.1"));
	OK(try_login("ann", GOOD, "192.0.2.9"));
}

static void projects(void **state)
{
	struct scope north = operator_scope, limited;
	struct identity who;
	struct project p, *list;
	struct user ann;
	int64_t org, one, two;
	size_t n;

	(void)state;
	begin_state();
	org = make_org("north");
	north.org_id = org;
	OK(project_list(db, &north, &arena, &list, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].name, "default");
	one = list[0].id;
	RC(RC_INVALID, project_create(db, &north, "17", &two, &err));
	RC(RC_INVALID, project_create(db, &north, "a/b", &two, &err));
	RC(RC_CONFLICT, project_create(db, &north, "default", &two, &err));
	OK(project_create(db, &north, "second", &two, &err));
	RC(RC_NOTFOUND, project_find(db, &operator_scope, "second", &arena, &p, &err));
	ann = make_user(org, "ann", ROLE_MEMBER);
	OK(user_limit(db, &operator_scope, &ann, true, &two, 1, &err));
	OK(identity_of_user(db, "ann", &arena, &who, &err));
	limited = who.scope;
	assert_int_equal(limited.limited, ann.id);
	assert_int_equal(limited.project_id, two);
	RC(RC_NOTFOUND, project_find(db, &limited, "default", &arena, &p, &err));
	OK(project_list(db, &limited, &arena, &list, &n, &err));
	assert_int_equal(n, 1);
	/* A project of another org cannot be given. */
	RC(RC_NOTFOUND, user_limit(db, &operator_scope, &ann, true, &(int64_t){1}, 1, &err));
	OK(user_limit(db, &operator_scope, &ann, true, NULL, 0, &err));
	OK(identity_of_user(db, "ann", &arena, &who, &err));
	assert_int_equal(who.scope.project_id, 0);
	OK(project_delete(db, &north, two, &err));
	RC(RC_CONFLICT, project_delete(db, &north, one, &err));
	RC(RC_NOTFOUND, project_delete(db, &operator_scope, one, &err));
}

static void quotas(void **state)
{
	struct quota q = {.bytes = 1000, .pending = 2, .file = 600, .rate = 3}, got;
	struct quota_need need = {.bytes = 500, .largest = 500, .jobs = 1};
	enum quota_kind kind;
	struct quota_use use;
	int64_t wait;

	(void)state;
	begin_state();
	OK(quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	OK(quota_set(db, &operator_scope, 1, &q, &err));
	OK(quota_get(db, 1, &got, &use, &err));
	assert_memory_equal(&got, &q, sizeof q);
	OK(quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	need.largest = 601;
	RC(RC_LIMIT, quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	assert_int_equal(kind, QUOTA_FILE);
	need = (struct quota_need){.bytes = 1001, .jobs = 1};
	RC(RC_LIMIT, quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	assert_int_equal(kind, QUOTA_BYTES);
	need = (struct quota_need){.jobs = 3};
	RC(RC_LIMIT, quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	assert_int_equal(kind, QUOTA_PENDING);
	assert_true(wait > 0);
	q.pending = -1;
	OK(quota_set(db, &operator_scope, 1, &q, &err));
	OK(db_begin(db, &err));
	OK(quota_take(db, &operator_scope, &need, &kind, &wait, &err));
	OK(db_commit(db, &err));
	need.jobs = 1;
	if (quota_check(db, &operator_scope, &need, &kind, &wait, &err) == RC_OK) {
		/* The minute has just turned. */
		OK(db_begin(db, &err));
		need.jobs = 3;
		OK(quota_take(db, &operator_scope, &need, &kind, &wait, &err));
		OK(db_commit(db, &err));
	}
	RC(RC_LIMIT, quota_check(db, &operator_scope, &need, &kind, &wait, &err));
	assert_int_equal(kind, QUOTA_RATE);
	assert_true(wait >= 1 && wait <= 60);
	RC(RC_NOTFOUND, quota_set(db, &operator_scope, 99, &q, &err));
}

static void the_audit_log_is_only_added_to(void **state)
{
	struct audit_filter f = {.limit = 100};
	struct audit_row *rows;
	int64_t next, org;
	size_t n;

	(void)state;
	begin_state();
	org = make_org("north");
	make_user(org, "ann", ROLE_MEMBER);
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 2);
	assert_int_equal(next, 0);
	assert_string_equal(rows[0].action, "user.create");
	assert_string_equal(rows[0].object, "ann");
	assert_string_equal(rows[0].actor, "admin");
	assert_string_equal(rows[0].via, "session");
	assert_string_equal(rows[0].address, "192.0.2.1");
	assert_string_equal(rows[0].request, "r1");
	assert_string_equal(rows[0].detail, "{\"role\":\"member\"}");
	assert_int_equal(rows[0].org_id, org);
	f.action = "user";
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 1);
	f.action = "use";
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 0);
	f = (struct audit_filter){.limit = 1, .org_id = org};
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 1);
	f.before = next;
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].action, "org.create");
	f = (struct audit_filter){.limit = 10, .org_id = 1};
	OK(audit_list(db, &f, &arena, &rows, &n, &next, &err));
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_operator_is_there),
	    TEST(names_and_roles),
	    TEST(the_last_operator_stays),
	    TEST(passwords),
	    TEST(sessions),
	    TEST(links),
	    TEST(tokens),
	    TEST(signing_in),
	    TEST(projects),
	    TEST(quotas),
	    TEST(the_audit_log_is_only_added_to),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
