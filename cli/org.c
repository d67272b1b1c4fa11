/*
 * dropmill org: which organisations there are, and how many of the jobs of each may run at once.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/doorbell.h"
#include "core/org.h"
#include "core/str.h"

const char org_usage[] = "org list | set NAME --cap N|none";

static void print_org(const struct org *org)
{
	char cap[32] = "no cap";

	if (org->cap >= 0)
		snprintf(cap, sizeof cap, "cap %lld", (long long)org->cap);
	printf("%-20s  %-10s  %lld running, %lld waiting\n", cli_clean(org->name), cap,
	    (long long)org->running, (long long)org->pending);
}

static int list(void)
{
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	struct org *orgs;
	struct err err;
	size_t n;

	if (org_list(cli_db(), &cli.arena, &orgs, &n, &err) != RC_OK)
		return cli_report(&err);
	for (size_t i = 0; i < n; i++) {
		view_push(all, org_view(&cli.arena, &orgs[i]));
		if (!cli.json)
			print_org(&orgs[i]);
	}
	view_put(v, "orgs", all);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

static int set(int argc, char **argv)
{
	static const struct option options[] = {{"cap", required_argument, NULL, 'c'}, {0}};
	struct view *v = view_obj(&cli.arena);
	const char *given = NULL;
	int64_t cap = -1;
	struct org org;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'c')
			return cli_usage(org_usage);
		given = optarg;
	}
	if (!given || optind != argc - 1)
		return cli_usage(org_usage);
	if (strcmp(given, "none") != 0 && !str_int(given, 0, ORG_CAP_MAX, &cap))
		cli_fail(EX_USAGE, "bad --cap %s (allowed: 0 to %d, or none)", given, ORG_CAP_MAX);
	if (org_set_cap(cli_db(), cli_scope(), argv[optind], cap, &err) != RC_OK ||
	    org_find(cli_db(), argv[optind], &cli.arena, &org, &err) != RC_OK)
		return cli_report(&err);
	doorbell_ring(cli_config());
	view_put(v, "org", org_view(&cli.arena, &org));
	if (cli.json)
		cli_print_json(v);
	else
		print_org(&org);
	return EX_OK;
}

int cmd_org(int argc, char **argv)
{
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
		return list();
	if (argc >= 2 && strcmp(argv[1], "set") == 0)
		return set(argc - 1, argv + 1);
	return cli_usage(org_usage);
}
