/*
 * dropmill user: who may come in, as what, and how. The command line acts as an operator of the
 * site, so it may give every role. Users are of the site: their names need no --org.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "core/project.h"
#include "core/session.h"
#include "core/user.h"

const char user_usage[] =
    "user list [--org ORG]\n"
    "       dropmill user create NAME [--org ORG] [--role viewer|member|admin|operator]\n"
    "                            [--password-stdin]\n"
    "       dropmill user disable|enable NAME\n"
    "       dropmill user role NAME viewer|member|admin|operator\n"
    "       dropmill user link NAME\n"
    "       dropmill user password NAME\n"
    "       dropmill user projects NAME [--all | --only PROJECT,PROJECT...]";

void cli_user(const char *name, struct user *u)
{
	struct err err;

	if (user_find(cli_db(), cli_org(), name, &cli.arena, u, &err) != RC_OK)
		exit(cli_report(&err));
}

static enum role role_of(const char *name)
{
	enum role role = role_parse(name);

	if (role == ROLE_MAX)
		cli_fail(
		    EX_USAGE, "no such role: %s (allowed: viewer, member, admin, operator)", name);
	return role;
}

static int print_one(const struct user *u)
{
	struct view *v = view_obj(&cli.arena);

	view_put(v, "user", user_view(&cli.arena, u));
	cli_print_json(v);
	return EX_OK;
}

/* What became of the user, read again. */
static int show_changed(const struct user *before, const char *text)
{
	struct user u;

	if (!cli.json) {
		printf("%s\n", cli_clean(text));
		return EX_OK;
	}
	cli_user(before->name, &u);
	return print_one(&u);
}

/* ---- list ---- */

static const char *how_it_is(const struct user *u)
{
	if (u->disabled)
		return "disabled";
	return u->limited ? "some projects" : "enabled";
}

static void print_list(const struct user *users, size_t n)
{
	char at[CLOCK_ISO_SIZE];

	printf("%-20s  %-12s  %-8s  %-13s  %-8s  %s\n", "NAME", "ORG", "ROLE", "STATE", "PASSWORD",
	    "SIGNED IN");
	for (size_t i = 0; i < n; i++) {
		const struct user *u = &users[i];

		printf("%-20s  %-12s  %-8s  %-13s  %-8s  %s\n", u->name, cli_clean(u->org),
		    role_name(u->role), how_it_is(u), u->has_password ? "yes" : "no",
		    u->signed_in_at ? clock_iso(u->signed_in_at, at) : "never");
	}
}

static int list(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	struct user *users;
	struct err err;
	size_t n;

	(void)argv;
	if (argc != 1)
		return cli_usage(user_usage);
	if (user_list(cli_db(), cli_org(), &cli.arena, &users, &n, &err) != RC_OK)
		return cli_report(&err);
	if (!cli.json) {
		print_list(users, n);
		return EX_OK;
	}
	for (size_t i = 0; i < n; i++)
		view_push(all, user_view(&cli.arena, &users[i]));
	view_put(v, "users", all);
	cli_print_json(v);
	return EX_OK;
}

/* ---- create ---- */

static int show_made(const char *name)
{
	struct user u;

	cli_user(name, &u);
	if (cli.json)
		return print_one(&u);
	printf("made user %s, %s of %s\n", u.name, role_name(u.role), cli_clean(u.org));
	if (!u.has_password && cli_config()->auth == AUTH_PASSWORD)
		printf("sign in by a link: dropmill user link %s\n", u.name);
	return EX_OK;
}

static int make(const char *name, enum role role, bool with_password)
{
	char hash[PASSWORD_HASH_SIZE];
	struct user u;
	struct err err;
	int64_t id;

	if (user_name_check(name, &err) != RC_OK)
		return cli_report(&err);
	cli_db();
	if (with_password)
		ask_password_hash(name, hash);
	if (user_create(cli_db(), cli_scope(), cli_scope()->org_id, name, role, &id, &err) != RC_OK)
		return cli_report(&err);
	if (with_password) {
		cli_user(name, &u);
		if (user_set_password(cli_db(), cli_scope(), &u, hash, 0, &err) != RC_OK)
			return cli_report(&err);
	}
	return show_made(name);
}

static int create(int argc, char **argv)
{
	static const struct option options[] = {{"role", required_argument, NULL, 'r'},
	    {"password-stdin", no_argument, NULL, 'p'}, {0}};
	enum role role = ROLE_MEMBER;
	bool with_password = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'r':
			role = role_of(optarg);
			break;
		case 'p':
			with_password = true;
			break;
		default:
			return cli_usage(user_usage);
		}
	if (optind != argc - 1)
		return cli_usage(user_usage);
	return make(argv[optind], role, with_password);
}

/* ---- changes ---- */

static int set_disabled(int argc, char **argv, bool disabled)
{
	struct user u;
	struct err err;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(user_usage);
	cli_user(argv[1], &u);
	if (user_disable(cli_db(), cli_scope(), &u, disabled, &err) != RC_OK)
		return cli_report(&err);
	return show_changed(
	    &u, arena_join(&cli.arena, u.name,
		    disabled ? " disabled: sessions and links have ended, tokens are refused"
			     : " enabled",
		    NULL));
}

static int disable(int argc, char **argv)
{
	return set_disabled(argc, argv, true);
}

static int enable(int argc, char **argv)
{
	return set_disabled(argc, argv, false);
}

static int set_role(int argc, char **argv)
{
	enum role role;
	struct user u;
	struct err err;

	if (argc != 3 || argv[1][0] == '-')
		return cli_usage(user_usage);
	role = role_of(argv[2]);
	cli_user(argv[1], &u);
	if (user_set_role(cli_db(), cli_scope(), &u, role, &err) != RC_OK)
		return cli_report(&err);
	return show_changed(
	    &u, arena_join(&cli.arena, u.name, " is ", role_name(role), " of ", u.org, NULL));
}

static int set_password(int argc, char **argv)
{
	char hash[PASSWORD_HASH_SIZE];
	struct user u;
	struct err err;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(user_usage);
	cli_user(argv[1], &u);
	ask_password_hash(u.name, hash);
	if (user_set_password(cli_db(), cli_scope(), &u, hash, 0, &err) != RC_OK)
		return cli_report(&err);
	return show_changed(&u, arena_join(&cli.arena, "the password of ", u.name,
				    " is set; sessions have ended", NULL));
}

/* ---- links ---- */

static int print_link(const struct user *u, const char *secret)
{
	const char *base = cli_config()->base_url;
	const char *link = arena_join(&cli.arena, base, "/login/", secret, NULL);
	char at[CLOCK_ISO_SIZE];
	struct view *v;

	if (cli.json) {
		v = view_obj(&cli.arena);
		view_ref(v, "user", u->name);
		view_ref(v, "link", link);
		view_str(v, "expires_at", clock_iso(clock_wall_ms() + LINK_MS, at));
		cli_print_json(v);
		return EX_OK;
	}
	printf("%s\n", link);
	fflush(stdout);
	if (!*base)
		fprintf(stderr,
		    "put the address of the site before it, such as http://localhost:8080; "
		    "base_url in the configuration does that\n");
	fprintf(stderr, "it signs %s in, once and within %d minutes\n", u->name,
	    (int)(LINK_MS / 60000));
	return EX_OK;
}

static int print_secret(const char *secret)
{
	struct view *v = view_obj(&cli.arena);

	view_str(v, "secret", secret);
	if (cli.json)
		cli_print_json(v);
	else if (secret)
		printf("%s\n", secret);
	return EX_OK;
}

/* For scripts/run: the secret alone, as long as no operator has signed in. */
static int link_first(void)
{
	char secret[SECRET_SIZE];
	struct user *users;
	size_t n, i = 0;
	struct err err;
	bool seen;

	if (user_operator_seen(cli_db(), &seen, &err) != RC_OK)
		return cli_report(&err);
	if (seen)
		return print_secret(NULL);
	if (user_list(cli_db(), 0, &cli.arena, &users, &n, &err) != RC_OK)
		return cli_report(&err);
	while (i < n && (users[i].disabled || users[i].role != ROLE_OPERATOR))
		i++;
	if (i == n)
		cli_fail(EXIT_FAILURE,
		    "there is no operator who may sign in; make one: dropmill user create NAME "
		    "--role operator");
	if (link_create(cli_db(), cli_scope(), &users[i], secret, &err) != RC_OK)
		return cli_report(&err);
	return print_secret(secret);
}

static int make_link(int argc, char **argv)
{
	static const struct option options[] = {{"first", no_argument, NULL, 'f'}, {0}};
	char secret[SECRET_SIZE];
	bool first = false;
	struct user u;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'f')
			return cli_usage(user_usage);
		first = true;
	}
	if (argc - optind != !first)
		return cli_usage(user_usage);
	if (cli_config()->auth != AUTH_PASSWORD)
		cli_fail(EX_CONFIG, "nobody signs in by a link here: auth is not password");
	if (first)
		return link_first();
	cli_user(argv[optind], &u);
	if (link_create(cli_db(), cli_scope(), &u, secret, &err) != RC_OK)
		return cli_report(&err);
	return print_link(&u, secret);
}

/* ---- projects ---- */

/* Ids of projects of the user's org. */
struct chosen {
	int64_t *ids;
	size_t n, room;
};

static void choose(struct chosen *chosen, const struct scope *sc, const char *key)
{
	struct project p;
	struct err err;

	if (project_find(cli_db(), sc, key, &cli.arena, &p, &err) != RC_OK)
		exit(cli_report(&err));
	for (size_t i = 0; i < chosen->n; i++)
		if (chosen->ids[i] == p.id)
			return;
	chosen->ids =
	    arena_room(&cli.arena, chosen->ids, chosen->n, &chosen->room, sizeof *chosen->ids);
	chosen->ids[chosen->n++] = p.id;
}

/* "alpha,2": names or ids, parted by commas. */
static void choose_all(struct chosen *chosen, const struct user *u, const char *text)
{
	struct scope sc = *cli_scope();
	char *rest = arena_strdup(&cli.arena, text), *key;

	sc.org_id = u->org_id;
	while ((key = strsep(&rest, ",")) != NULL)
		if (*key)
			choose(chosen, &sc, key);
}

static bool is_among(const int64_t *ids, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* What the user sees now. */
static int show_projects(const struct user *u)
{
	struct view *v = view_obj(&cli.arena), *names = view_list(&cli.arena);
	struct scope sc = *cli_scope();
	struct project *projects;
	size_t n, count;
	struct err err;
	int64_t *ids;

	sc.org_id = u->org_id;
	if (project_list(cli_db(), &sc, &cli.arena, &projects, &n, &err) != RC_OK ||
	    user_projects(cli_db(), u, &cli.arena, &ids, &count, &err) != RC_OK)
		return cli_report(&err);
	for (size_t i = 0; i < n; i++) {
		if (u->limited && !is_among(ids, count, projects[i].id))
			continue;
		view_push_str(names, projects[i].name);
		if (!cli.json)
			printf("%s\n", cli_clean(projects[i].name));
	}
	view_ref(v, "user", u->name);
	view_bool(v, "limited", u->limited);
	view_put(v, "projects", names);
	if (cli.json)
		cli_print_json(v);
	else if (!u->limited)
		fprintf(stderr, "all there are, and those to come\n");
	return EX_OK;
}

static int set_projects(int argc, char **argv)
{
	static const struct option options[] = {
	    {"all", no_argument, NULL, 'a'}, {"only", required_argument, NULL, 'o'}, {0}};
	struct chosen chosen = {0};
	const char *only = NULL;
	bool all = false;
	struct user u;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'a')
			all = true;
		else if (c == 'o')
			only = optarg;
		else
			return cli_usage(user_usage);
	if (optind != argc - 1 || (all && only))
		return cli_usage(user_usage);
	cli_user(argv[optind], &u);
	if (only)
		choose_all(&chosen, &u, only);
	if ((all || only) &&
	    user_limit(cli_db(), cli_scope(), &u, !all, chosen.ids, chosen.n, &err) != RC_OK)
		return cli_report(&err);
	cli_user(argv[optind], &u);
	return show_projects(&u);
}

int cmd_user(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
	    {"list", list},
	    {"create", create},
	    {"disable", disable},
	    {"enable", enable},
	    {"role", set_role},
	    {"link", make_link},
	    {"password", set_password},
	    {"projects", set_projects},
	    {0},
	};

	return cli_run_verb(verbs, argc, argv, user_usage);
}
