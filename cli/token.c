/*
 * dropmill token: what programs sign in with. A token acts in the name of its user, within its
 * scopes, and is shown once.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/org.h"
#include "core/session.h"
#include "core/str.h"

const char token_usage[] =
    "token list [--user NAME] [--org ORG]\n"
    "       dropmill token create --user NAME --name LABEL [--scope read,write,work,admin]\n"
    "                             [--expires 90d|2027-01-31T00:00Z|never]\n"
    "       dropmill token revoke ID...";

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

static const char *time_or_never(int64_t at, char text[static CLOCK_ISO_SIZE])
{
	if (!at)
		return "never";
	clock_iso(at, text);
	text[16] = 'Z';
	text[17] = '\0';
	return text;
}

static void print_token(const struct token_info *t)
{
	char used[CLOCK_ISO_SIZE], expires[CLOCK_ISO_SIZE];

	printf("%6lld  %-20s  %-16s  %-17s  %-17s  %s\n", (long long)t->id, t->user,
	    scopes_text(t->scopes, &cli.arena), time_or_never(t->used_at, used),
	    time_or_never(t->expires_at, expires), cli_clean(t->name));
}

/* Tokens of one org, or of one user (0: all) of it. */
static enum rc list_org(int64_t org_id, int64_t user_id, struct view *all, struct err *err)
{
	struct token_info *tokens;
	size_t n;
	enum rc rc = token_list(cli_db(), org_id, user_id, &cli.arena, &tokens, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		view_push(all, token_view(&tokens[i]));
		if (!cli.json)
			print_token(&tokens[i]);
	}
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

static int list(int argc, char **argv)
{
	static const struct option options[] = {{"user", required_argument, NULL, 'u'}, {0}};
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	const char *name = NULL;
	struct user u;
	struct err err;
	enum rc rc;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'u')
			return cli_usage(token_usage);
		name = optarg;
	}
	if (optind != argc)
		return cli_usage(token_usage);
	if (name)
		cli_user(name, &u);
	if (!cli.json)
		printf("%6s  %-20s  %-16s  %-17s  %-17s  %s\n", "ID", "USER", "SCOPES", "USED",
		    "EXPIRES", "NAME");
	if (name)
		rc = list_org(u.org_id, u.id, all, &err);
	else
		rc = cli_org() ? list_org(cli_org(), 0, all, &err) : list_site(all, &err);
	if (rc != RC_OK)
		return cli_report(&err);
	view_put(v, "tokens", all);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

/* ---- create ---- */

struct wish {
	const char *user, *name;
	unsigned scopes;
	int64_t expires_at;
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

static int make(const struct wish *w)
{
	struct view *v = view_obj(&cli.arena);
	char token[SECRET_SIZE];
	struct user u;
	struct err err;

	cli_user(w->user, &u);
	if (token_create(
		cli_db(), cli_scope(), &u, w->name, w->scopes, w->expires_at, token, &err) != RC_OK)
		return cli_report(&err);
	if (!cli.json) {
		printf("%s\n", token);
		return EX_OK;
	}
	view_ref(v, "token", token);
	view_ref(v, "name", w->name);
	view_ref(v, "user", u.name);
	view_ref(v, "scopes", scopes_text(w->scopes, &cli.arena));
	put_time(v, "expires_at", w->expires_at);
	cli_print_json(v);
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
			w.expires_at = expiry(optarg);
			break;
		default:
			return cli_usage(token_usage);
		}
	if (optind != argc || !w.user || !w.name)
		return cli_usage(token_usage);
	return make(&w);
}

/* ---- revoke ---- */

/* Ids are of the site: without --org the token's own org is found by asking each. */
static enum rc revoke_one(int64_t id, struct err *err)
{
	struct scope sc = *cli_scope();
	struct org *orgs;
	size_t n;
	enum rc rc;

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

static int revoke(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *gone = view_list(&cli.arena);
	int code = EX_OK;

	if (argc < 2)
		return cli_usage(token_usage);
	for (int i = 1; i < argc; i++) {
		struct view *row = view_obj(&cli.arena);
		struct err err;
		int64_t id;

		if (!str_int(argv[i], 1, INT64_MAX, &id))
			cli_fail(EX_USAGE, "not the ID of a token: %s (see: dropmill token list)",
			    argv[i]);
		if (revoke_one(id, &err) != RC_OK) {
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
