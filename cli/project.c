/*
 * dropmill project: what the jobs of an organisation are grouped by.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/org.h"
#include "core/project.h"

const char project_usage[] = "project list [--org ORG]\n"
			     "       dropmill project create NAME [--org ORG]\n"
			     "       dropmill project rename NAME NEW [--org ORG]\n"
			     "       dropmill project rm NAME [--org ORG]";

static int list(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	struct project *projects;
	struct err err;
	size_t n;

	(void)argv;
	if (argc != 1)
		return cli_usage(project_usage);
	if (project_list(cli_db(), cli_scope(), &cli.arena, &projects, &n, &err) != RC_OK)
		return cli_report(&err);
	for (size_t i = 0; i < n; i++) {
		view_push(all, project_view(&cli.arena, &projects[i]));
		if (!cli.json)
			printf("%6lld  %-20s  %lld jobs, %lld of them waiting or running\n",
			    (long long)projects[i].id, cli_clean(projects[i].name),
			    (long long)projects[i].jobs, (long long)projects[i].busy);
	}
	view_put(v, "projects", all);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

/* One project by name or id, as it is now. */
static int show(const char *key, const char *what)
{
	struct view *v = view_obj(&cli.arena);
	struct project p;
	struct err err;

	if (project_find(cli_db(), cli_scope(), key, &cli.arena, &p, &err) != RC_OK)
		return cli_report(&err);
	view_put(v, "project", project_view(&cli.arena, &p));
	if (cli.json)
		cli_print_json(v);
	else
		printf("%s project %s (%lld)\n", what, cli_clean(p.name), (long long)p.id);
	return EX_OK;
}

static int create(int argc, char **argv)
{
	struct err err;
	int64_t id;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(project_usage);
	if (project_create(cli_db(), cli_scope(), argv[1], &id, &err) != RC_OK)
		return cli_report(&err);
	return show(argv[1], "made");
}

static int rename_one(int argc, char **argv)
{
	struct project p;
	struct err err;

	if (argc != 3 || argv[1][0] == '-')
		return cli_usage(project_usage);
	if (project_find(cli_db(), cli_scope(), argv[1], &cli.arena, &p, &err) != RC_OK ||
	    project_rename(cli_db(), cli_scope(), p.id, argv[2], &err) != RC_OK)
		return cli_report(&err);
	return show(argv[2], "renamed");
}

static int rm(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena);
	struct project p;
	struct err err;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(project_usage);
	if (project_find(cli_db(), cli_scope(), argv[1], &cli.arena, &p, &err) != RC_OK ||
	    project_delete(cli_db(), cli_scope(), p.id, &err) != RC_OK)
		return cli_report(&err);
	view_put(v, "deleted", project_view(&cli.arena, &p));
	if (cli.json)
		cli_print_json(v);
	else
		printf("deleted project %s\n", cli_clean(p.name));
	return EX_OK;
}

int cmd_project(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
	    {"list", list}, {"create", create}, {"rename", rename_one}, {"rm", rm}, {0}};

	return cli_run_verb(verbs, argc, argv, project_usage);
}
