/*
 * dropmill token: what programs sign in with. A token acts in the name of its user, within its
 * scopes, and is shown once.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/source.h"
#include "core/clock.h"
#include "core/org.h"
#include "core/token.h"
#include "core/str.h"
#include "core/url.h"

const char token_usage[] =
    "token list [--user NAME] [--org ORG]\n"
    "       dropmill token create --user NAME --name LABEL [--scope read,write,work,admin]\n"
    "                             [--expires 90d|2027-01-31T00:00Z|never]\n"
    "       dropmill token revoke [--user NAME] ID...\n"
    "       At a server these are the caller's own, or, for admins, those of --user; create\n"
    "       there goes without --user, and --expires is 30d, 90d, 1y or never";

/* ---- list ---- */

static void put_time(struct view *v, const char *key, int64_t at)
{
	char text[CLOCK_ISO_SIZE];

	view_str(v, key, at ? clock_iso(at, text) : NULL);
}

static struct view *token_view(const struct token_info *t)
{
	struct view *v = view_obj(&cli.arena);

	view_int(v, "id", t->id);
	view_ref(v, "name", t->name);
	view_ref(v, "user", t->user);
	view_ref(v, "scopes", scopes_text(t->scopes, &cli.arena));
	put_time(v, "created_at", t->created_at);
	put_time(v, "expires_at", t->expires_at);
	put_time(v, "used_at", t->used_at);
	return v;
}

/* "2026-11-22T09:30Z", or "never". */
static const char *time_or_never(const struct view *t, const char *key)
{
	const char *text = text_of(t, key);

	return strlen(text) > 16 ? arena_printf(&cli.arena, "%.16sZ", text) : "never";
}

static void print_tokens(const struct view *all)
{
	printf("%6s  %-20s  %-16s  %-17s  %-17s  %s\n", "ID", "USER", "SCOPES", "USED", "EXPIRES",
	    "NAME");
	for (size_t i = 0; i < view_len(all); i++) {
		const struct view *t = view_at(all, i);

		printf("%6lld  %-20s  %-16s  %-17s  %-17s  %s\n", (long long)number_of(t, "id"),
		    cli_clean(text_of(t, "user")), cli_clean(text_of(t, "scopes")),
		    cli_clean(time_or_never(t, "used_at")),
		    cli_clean(time_or_never(t, "expires_at")), cli_clean(text_of(t, "name")));
	}
}

/* Tokens of one org, or of one user (0: all) of it. */
static enum rc list_org(int64_t org_id, int64_t user_id, struct view *all, struct err *err)
{
	struct token_info *tokens;
	size_t n;
	enum rc rc = token_list(cli_db(), org_id, user_id, &cli.arena, &tokens, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		view_push(all, token_view(&tokens[i]));
	return rc;
}

static enum rc list_site(struct view *all, struct err *err)
{
	struct org *orgs;
	size_t n;
	enum rc rc = org_list(cli_db(), &cli.arena, &orgs, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = list_org(orgs[i].id, 0, all, err);
	return rc;
}

/* Where a server has the tokens of a user, NULL: the caller. */
static const char *place(const char *name)
{
	return name ? arena_join(&cli.arena, "/admin/users/", url_escape(&cli.arena, name), NULL)
		    : "/account";
}

static enum rc list_remote(const char *name, struct view *all, struct err *err)
{
	const struct view *v, *tokens;
	enum rc rc = remote_get(place(name), &cli.arena, &v, err);

	if (rc != RC_OK)
		return rc;
	tokens = view_get(v, "tokens");
	if (!tokens)
		return err_set(
		    err, RC_DENIED, "the server does not tell of the tokens of this user");
	for (size_t i = 0; i < view_len(tokens); i++) {
		struct view *t = (struct view *)view_at(tokens, i);

		view_ref(t, "user", text_of(view_get(v, "user"), "name"));
		view_push(all, t);
	}
	return RC_OK;
}

static enum rc list_here(const char *name, struct view *all, struct err *err)
{
	struct user u;

	if (!name)
		return cli_org() ? list_org(cli_org(), 0, all, err) : list_site(all, err);
	cli_user(name, &u);
	return list_org(u.org_id, u.id, all, err);
}

/* Nobody makes a token in another's name at a server. */
static void refuse_user(const char *name)
{
	if (cli.server && name)
		cli_fail(EX_USAGE, "--user is for this machine: at a server tokens are one's own");
}

static int list(int argc, char **argv)
{
	static const struct option options[] = {{"user", required_argument, NULL, 'u'}, {0}};
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	const char *name = NULL;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'u')
			return cli_usage(token_usage);
		name = optarg;
	}
	if (optind != argc)
		return cli_usage(token_usage);
	if ((cli.server ? list_remote(name, all, &err) : list_here(name, all, &err)) != RC_OK)
		return cli_report(&err);
	view_put(v, "tokens", all);
	if (cli.json)
		cli_print_json(v);
	else
		print_tokens(all);
	return EX_OK;
}

/* ---- create ---- */

struct wish {
	const char *user, *name, *expires; /* expires NULL: never */
	unsigned scopes;
};

/* "90d", a time, or "never". */
static int64_t expiry(const char *s)
{
	int64_t now = clock_wall_ms(), at = 0, ms;

	if (strcmp(s, "never") == 0)
		return 0;
	if (str_duration(s, &ms) && ms > 0 && ms <= INT64_MAX - now)
		return now + ms;
	if (!clock_read(s, now, &at))
		cli_fail(EX_USAGE,
		    "bad --expires %s (allowed: a duration such as 90d, a time such as "
		    "2027-01-31T00:00Z, or never)",
		    s);
	return at;
}

static enum rc make_here(const struct wish *w, const struct view **out, struct err *err)
{
	struct token_info t = {.name = w->name,
	    .scopes = w->scopes,
	    .expires_at = w->expires ? expiry(w->expires) : 0};
	struct view *v = view_obj(&cli.arena);
	char token[SECRET_SIZE];
	struct user u;
	enum rc rc;

	cli_user(w->user, &u);
	rc = token_create(cli_db(), cli_scope(), &u, &t, token, err);
	if (rc != RC_OK)
		return rc;
	view_str(v, "token", token);
	view_int(v, "id", t.id);
	view_ref(v, "name", w->name);
	view_str(v, "user", u.name);
	view_str(v, "scopes", scopes_text(w->scopes, &cli.arena));
	put_time(v, "expires_at", t.expires_at);
	*out = v;
	return RC_OK;
}

/* By the form of the account page, in which scopes are boxes and few life times can be chosen. */
static enum rc make_remote(const struct wish *w, const struct view **out, struct err *err)
{
	static const struct {
		unsigned bit;
		const char *name;
	} boxes[] = {{SCOPE_READ, "read"}, {SCOPE_WRITE, "write"}, {SCOPE_WORK, "work"},
	    {SCOPE_ADMIN, "admin"}};
	struct arena *a = &cli.arena;
	const char *form = arena_join(a, "name=", url_escape(a, w->name),
	    "&expires=", url_escape(a, w->expires ? w->expires : "never"), NULL);
	const struct view *v;
	enum rc rc;

	for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
		if (w->scopes & boxes[i].bit)
			form = arena_join(a, form, "&", boxes[i].name, "=yes", NULL);
	rc = remote_post("/account/tokens", form, a, &v, err);
	if (rc == RC_OK)
		*out = view_get(v, "token");
	return rc;
}

static int make(const struct wish *w)
{
	const struct view *v;
	struct err err;

	if ((cli.server ? make_remote(w, &v, &err) : make_here(w, &v, &err)) != RC_OK)
		return cli_report(&err);
	if (cli.json)
		cli_print_json(v);
	else
		printf("%s\n", cli_clean(text_of(v, "token")));
	return EX_OK;
}

static int create(int argc, char **argv)
{
	static const struct option options[] = {
	    {"user", required_argument, NULL, 'u'},
	    {"name", required_argument, NULL, 'n'},
	    {"scope", required_argument, NULL, 's'},
	    {"expires", required_argument, NULL, 'e'},
	    {0},
	};
	struct wish w = {.scopes = SCOPE_READ | SCOPE_WRITE};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'u':
			w.user = optarg;
			break;
		case 'n':
			w.name = optarg;
			break;
		case 's':
			w.scopes = scopes_parse(optarg);
			if (!w.scopes)
				cli_fail(EX_USAGE,
				    "bad --scope %s (allowed: read, write, work, admin, parted by "
				    "commas)",
				    optarg);
			break;
		case 'e':
			w.expires = optarg;
			break;
		default:
			return cli_usage(token_usage);
		}
	if (optind != argc || (!w.user && !cli.server) || !w.name)
		return cli_usage(token_usage);
	refuse_user(w.user);
	return make(&w);
}

/* ---- revoke ---- */

/* Ids are of the site: without --org or --user the token's own org is found by asking each. */
static enum rc revoke_here(const struct user *u, int64_t id, struct err *err)
{
	struct scope sc = *cli_scope();
	struct org *orgs;
	size_t n;
	enum rc rc;

	if (u) {
		sc.org_id = u->org_id;
		return token_revoke(cli_db(), &sc, u->id, id, err);
	}
	if (cli_org())
		return token_revoke(cli_db(), &sc, 0, id, err);
	rc = org_list(cli_db(), &cli.arena, &orgs, &n, err);
	if (rc != RC_OK)
		return rc;
	rc = RC_NOTFOUND;
	for (size_t i = 0; i < n && rc == RC_NOTFOUND; i++) {
		sc.org_id = orgs[i].id;
		rc = token_revoke(cli_db(), &sc, 0, id, err);
	}
	return rc;
}

static enum rc revoke_remote(const char *name, int64_t id, struct err *err)
{
	const struct view *v;

	return remote_post(
	    arena_printf(&cli.arena, "%s/tokens/%lld/revoke", place(name), (long long)id), "",
	    &cli.arena, &v, err);
}

/* The user that --user names, else NULL; at a server only it knows. */
static const struct user *known_user(const char *name, struct user *u)
{
	if (!name || cli.server)
		return NULL;
	cli_user(name, u);
	return u;
}

/* --user of the options, if it is given. */
static bool revoke_option(int argc, char **argv, const char **name)
{
	static const struct option options[] = {{"user", required_argument, NULL, 'u'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'u')
			return false;
		*name = optarg;
	}
	return optind < argc;
}

static int revoke(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *gone = view_list(&cli.arena);
	const char *name = NULL;
	const struct user *known;
	struct user u;
	int code = EX_OK;

	if (!revoke_option(argc, argv, &name))
		return cli_usage(token_usage);
	known = known_user(name, &u);
	for (int i = optind; i < argc; i++) {
		struct view *row = view_obj(&cli.arena);
		struct err err;
		int64_t id;

		if (!str_int(argv[i], 1, INT64_MAX, &id))
			cli_fail(EX_USAGE, "not the ID of a token: %s (see: dropmill token list)",
			    argv[i]);
		if ((cli.server ? revoke_remote(name, id, &err) : revoke_here(known, id, &err)) !=
		    RC_OK) {
			code = cli_report(&err);
			continue;
		}
		view_int(row, "id", id);
		view_push(gone, row);
		if (!cli.json)
			printf("%lld revoked\n", (long long)id);
	}
	view_put(v, "revoked", gone);
	if (cli.json)
		cli_print_json(v);
	return code;
}

int cmd_token(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
	    {"list", list}, {"create", create}, {"revoke", revoke}, {0}};

	return cli_run_verb(verbs, argc, argv, token_usage);
}
