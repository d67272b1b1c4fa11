/*
 * dropmill org: which organisations there are, what of the machines each may have, and what it has.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/doorbell.h"
#include "core/org.h"
#include "core/quota.h"
#include "core/str.h"

const char org_usage[] =
    "org list\n"
    "       dropmill org create NAME\n"
    "       dropmill org set NAME [--cap N|none] [--quota-bytes SIZE|none]\n"
    "                        [--quota-pending N|none] [--quota-file SIZE|none]\n"
    "                        [--quota-rate N|none]";

/* ---- showing one ---- */

/* An org with its limits and what it has of them. */
struct shown {
	struct org org;
	struct quota quota;
	struct quota_use use;
};

static const char *bytes_text(int64_t n)
{
	char text[16];

	return arena_strdup(&cli.arena, str_bytes(n, text));
}

/* A limit as it was set: "10G" where that is exact. */
static const char *limit_text(int64_t n)
{
	static const char units[] = "TGMK";

	for (int i = 0; units[i] && n; i++)
		if (n % (INT64_C(1) << (40 - 10 * i)) == 0)
			return arena_printf(
			    &cli.arena, "%lld%c", (long long)(n >> (40 - 10 * i)), units[i]);
	return bytes_text(n);
}

static void print_quota(const struct quota *q, const struct quota_use *u)
{
	const char *out = "";
	struct arena *a = &cli.arena;

	if (q->bytes >= 0)
		out = arena_printf(
		    a, "%s, %s of %s stored", out, bytes_text(u->bytes), limit_text(q->bytes));
	if (q->pending >= 0)
		out = arena_printf(a, "%s, %lld of %lld jobs waiting", out, (long long)u->pending,
		    (long long)q->pending);
	if (q->file >= 0)
		out = arena_printf(a, "%s, files up to %s", out, limit_text(q->file));
	if (q->rate >= 0)
		out = arena_printf(a, "%s, %lld of %lld uploads this minute", out,
		    (long long)u->rate, (long long)q->rate);
	if (*out)
		printf("%-20s  quota: %s\n", "", out + 2);
}

static void print_org(const struct shown *s)
{
	char cap[32] = "no cap";

	if (s->org.cap >= 0)
		snprintf(cap, sizeof cap, "cap %lld", (long long)s->org.cap);
	printf("%-20s  %-10s  %lld running, %lld waiting, %s stored\n", cli_clean(s->org.name), cap,
	    (long long)s->org.running, (long long)s->org.pending, bytes_text(s->use.bytes));
	print_quota(&s->quota, &s->use);
}

static struct view *shown_view(const struct shown *s)
{
	struct view *v = org_view(&cli.arena, &s->org);

	view_int(v, "id", s->org.id);
	quota_view(&cli.arena, v, &s->quota, &s->use);
	return v;
}

static enum rc read_quota(struct shown *s, struct err *err)
{
	return quota_get(cli_db(), s->org.id, &s->quota, &s->use, err);
}

/* One org as it is now. */
static int show(const char *name)
{
	struct view *v = view_obj(&cli.arena);
	struct shown s;
	struct err err;

	if (org_find(cli_db(), name, &cli.arena, &s.org, &err) != RC_OK ||
	    read_quota(&s, &err) != RC_OK)
		return cli_report(&err);
	view_put(v, "org", shown_view(&s));
	if (cli.json)
		cli_print_json(v);
	else
		print_org(&s);
	return EX_OK;
}

/* ---- verbs ---- */

static int list(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	struct org *orgs;
	struct err err;
	size_t n;

	(void)argv;
	if (argc != 1)
		return cli_usage(org_usage);
	if (org_list(cli_db(), &cli.arena, &orgs, &n, &err) != RC_OK)
		return cli_report(&err);
	for (size_t i = 0; i < n; i++) {
		struct shown s = {.org = orgs[i]};

		if (read_quota(&s, &err) != RC_OK)
			return cli_report(&err);
		view_push(all, shown_view(&s));
		if (!cli.json)
			print_org(&s);
	}
	view_put(v, "orgs", all);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

static int create(int argc, char **argv)
{
	struct err err;
	int64_t id;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(org_usage);
	if (org_create(cli_db(), cli_scope(), argv[1], &id, &err) != RC_OK)
		return cli_report(&err);
	if (!cli.json)
		printf("made organisation %s, with a project \"default\"\n", cli_clean(argv[1]));
	return cli.json ? show(argv[1]) : EX_OK;
}

enum { CAP, BYTES, PENDING, FILE_BYTES, RATE, LIMITS };

/* What `set` was told: which limits, and their values, -1 for none. */
struct wish {
	bool given[LIMITS];
	int64_t value[LIMITS];
};

static const struct option set_options[] = {
    [CAP] = {"cap", required_argument, NULL, CAP},
    [BYTES] = {"quota-bytes", required_argument, NULL, BYTES},
    [PENDING] = {"quota-pending", required_argument, NULL, PENDING},
    [FILE_BYTES] = {"quota-file", required_argument, NULL, FILE_BYTES},
    [RATE] = {"quota-rate", required_argument, NULL, RATE},
    [LIMITS] = {0},
};

static void wish_add(struct wish *w, int which, const char *text)
{
	const char *name = set_options[which].name;

	w->given[which] = true;
	w->value[which] = -1;
	if (strcmp(text, "none") == 0)
		return;
	if (which == BYTES || which == FILE_BYTES) {
		if (!str_size(text, &w->value[which]))
			cli_fail(EX_USAGE, "bad --%s %s (allowed: a size such as 10G, or none)",
			    name, text);
	} else if (!str_int(text, 0, ORG_CAP_MAX, &w->value[which])) {
		cli_fail(
		    EX_USAGE, "bad --%s %s (allowed: 0 to %d, or none)", name, text, ORG_CAP_MAX);
	}
}

/* The limits of a quota, those that were given replaced. */
static enum rc set_quota(const struct org *org, const struct wish *w, struct err *err)
{
	struct quota_use use;
	struct quota q;
	enum rc rc = quota_get(cli_db(), org->id, &q, &use, err);

	if (rc != RC_OK)
		return rc;
	if (w->given[BYTES])
		q.bytes = w->value[BYTES];
	if (w->given[PENDING])
		q.pending = w->value[PENDING];
	if (w->given[FILE_BYTES])
		q.file = w->value[FILE_BYTES];
	if (w->given[RATE])
		q.rate = w->value[RATE];
	return quota_set(cli_db(), cli_scope(), org->id, &q, err);
}

/* All of it, or nothing. */
static enum rc set_all(const char *name, const struct wish *w, struct err *err)
{
	struct org org;
	enum rc rc = db_begin_joint(cli_db(), err);

	if (rc != RC_OK)
		return rc;
	rc = org_find(cli_db(), name, &cli.arena, &org, err);
	if (rc == RC_OK && w->given[CAP])
		rc = org_set_cap(cli_db(), cli_scope(), name, w->value[CAP], err);
	if (rc == RC_OK &&
	    (w->given[BYTES] || w->given[PENDING] || w->given[FILE_BYTES] || w->given[RATE]))
		rc = set_quota(&org, w, err);
	return db_end(cli_db(), rc, err);
}

static int set(int argc, char **argv)
{
	struct wish w = {0};
	bool any = false;
	struct err err;
	int c, code;

	while ((c = getopt_long(argc, argv, "", set_options, NULL)) != -1) {
		if (c < 0 || c >= LIMITS)
			return cli_usage(org_usage);
		wish_add(&w, c, optarg);
		any = true;
	}
	if (!any || optind != argc - 1)
		return cli_usage(org_usage);
	if (set_all(argv[optind], &w, &err) != RC_OK)
		return cli_report(&err);
	code = show(argv[optind]);
	doorbell_ring(cli_config());
	return code;
}

int cmd_org(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
	    {"list", list}, {"create", create}, {"set", set}, {0}};

	return cli_run_verb(verbs, argc, argv, org_usage);
}
