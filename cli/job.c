/*
 * dropmill job: look at jobs and act on them, here or at a server. Acts are those of the pages,
 * with the same history; here they are in the name of the local user.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/str.h"

#define LIST_MAX 100000

const char job_usage[] =
    "job list [--status STATUS] [--type TYPE] [--search TEXT] [--limit N] [--oldest]\n"
    "       dropmill job show|pause|resume|cancel|retry|remove|rm JOB...\n"
    "       dropmill job set JOB [--status STATUS] [--progress N] [--step TEXT] [--result TEXT]\n"
    "                            [--error TEXT] [--reason TEXT]";

/* ---- list
 * -------------------------------------------------------------------------------------------- */

static int print_json(struct view *jobs, bool more)
{
	struct view *v = view_obj(&cli.arena);

	view_put(v, "jobs", jobs);
	view_bool(v, "more", more);
	cli_print_json(v);
	return EX_OK;
}

static int print_list(const struct view *jobs, bool more)
{
	int type_width = 4;

	for (size_t i = 0; i < view_len(jobs); i++)
		if ((int)strlen(text_of(view_at(jobs, i), "job_type")) > type_width)
			type_width = (int)strlen(text_of(view_at(jobs, i), "job_type"));
	if (view_len(jobs))
		printf("%8s  %-10s  %4s  %-*s  %7s  %s\n", "ID", "STATUS", "DONE", type_width,
		    "TYPE", "AGE", "NAME");
	for (size_t i = 0; i < view_len(jobs); i++) {
		const struct view *j = view_at(jobs, i);

		printf("%8lld  %-10s  %3lld%%  %-*s  %7s  %s\n", (long long)number_of(j, "id"),
		    cli_clean(text_of(j, "status")), (long long)number_of(j, "progress"),
		    type_width, cli_clean(text_of(j, "job_type")),
		    cli_age(time_of(j, "created_at")), cli_clean(text_of(j, "name")));
	}
	if (more)
		fprintf(stderr, "there are more; --limit N shows them\n");
	return EX_OK;
}

static int list(int argc, char **argv)
{
	static const struct option options[] = {
	    {"status", required_argument, NULL, 's'},
	    {"type", required_argument, NULL, 't'},
	    {"search", required_argument, NULL, 'q'},
	    {"limit", required_argument, NULL, 'n'},
	    {"oldest", no_argument, NULL, 'o'},
	    {0},
	};
	struct view *jobs = view_list(&cli.arena);
	struct job_filter f = {0};
	int64_t limit = 25;
	bool more = false;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			f.by_status = true;
			f.status = job_status_parse(optarg);
			if (f.status == JOB_STATUS_MAX)
				cli_fail(EX_USAGE, "no such status: %s", optarg);
			break;
		case 't':
			f.job_type = optarg;
			break;
		case 'q':
			f.q = optarg;
			break;
		case 'n':
			if (!str_int(optarg, 1, LIST_MAX, &limit))
				cli_fail(EX_USAGE, "bad --limit %s (allowed: 1 to %d)", optarg,
				    LIST_MAX);
			break;
		case 'o':
			f.oldest_first = true;
			break;
		default:
			return cli_usage(job_usage);
		}
	if (optind != argc)
		return cli_usage(job_usage);
	if (cli_source()->list(&f, limit, &cli.arena, jobs, &more, &err) != RC_OK)
		return cli_report(&err);
	return cli.json ? print_json(jobs, more) : print_list(jobs, more);
}

/* ---- acts
 * --------------------------------------------------------------------------------------------- */

static int act(enum job_action action, int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *changed = view_list(&cli.arena);
	int code = EX_OK;

	for (int i = 1; i < argc; i++) {
		const struct view *job;
		struct err err;

		if (cli_source()->act(argv[i], action, &job, &err) != RC_OK) {
			if (err.rc == RC_CONFLICT)
				cli_complain("job %s: %s", argv[i], err.text);
			else
				cli_complain("%s", err.text);
			code = cli_exit_code(err.rc);
			continue;
		}
		if (cli.json)
			view_push(changed, (struct view *)job);
		else
			printf("%lld %s\n", (long long)number_of(job, "id"),
			    action == JOB_DELETE ? "deleted" : cli_clean(text_of(job, "status")));
	}
	view_put(v, action == JOB_DELETE ? "deleted" : "jobs", changed);
	if (cli.json)
		cli_print_json(v);
	return code;
}

int cmd_job(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum job_action action;
	} acts[] = {
	    {"pause", JOB_PAUSE},
	    {"resume", JOB_RESUME},
	    {"cancel", JOB_CANCEL},
	    {"retry", JOB_RETRY},
	    {"remove", JOB_REMOVE},
	    {"rm", JOB_DELETE},
	};

	if (argc >= 2 && strcmp(argv[1], "list") == 0)
		return list(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "set") == 0)
		return job_set(argc - 1, argv + 1);
	if (argc < 3)
		return cli_usage(job_usage);
	for (int i = 2; i < argc; i++)
		if (argv[i][0] == '-')
			return cli_usage(job_usage);
	if (strcmp(argv[1], "show") == 0)
		return job_show(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (strcmp(argv[1], acts[i].name) == 0)
			return act(acts[i].action, argc - 1, argv + 1);
	return cli_usage(job_usage);
}
