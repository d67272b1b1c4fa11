/*
 * dropmill job set: move a job that is moved by hand, as the page and PATCH /api/jobs/{job}/ do.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/str.h"

/* A text as the API takes it: at most so long, UTF-8, one line. */
static const char *text(const char *option, const char *value, size_t most)
{
	size_t len = strlen(value);

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			cli_fail(
			    EX_USAGE, "--%s must be one line without control characters", option);
	if (len > most || !str_utf8(value, len))
		cli_fail(EX_USAGE, "--%s must be UTF-8 of at most %zu bytes", option, most);
	return value;
}

static bool read_option(int c, struct job_move *m)
{
	int64_t percent;

	switch (c) {
	case 's':
		m->by_status = true;
		m->status = job_status_parse(optarg);
		if (m->status == JOB_STATUS_MAX)
			cli_fail(EX_USAGE, "no such status: %s", optarg);
		return true;
	case 'p':
		if (!str_int(optarg, 0, 100, &percent))
			cli_fail(EX_USAGE, "bad --progress %s (allowed: 0 to 100)", optarg);
		m->progress = (int)percent;
		return true;
	case 't':
		m->step = text("step", optarg, 255);
		return true;
	case 'r':
		m->result = text("result", optarg, 2000);
		return true;
	case 'e':
		m->error = text("error", optarg, 2000);
		return true;
	case 'w':
		m->reason = text("reason", optarg, 500);
		return true;
	default:
		return false;
	}
}

int job_set(int argc, char **argv)
{
	static const struct option options[] = {
	    {"status", required_argument, NULL, 's'},
	    {"progress", required_argument, NULL, 'p'},
	    {"step", required_argument, NULL, 't'},
	    {"result", required_argument, NULL, 'r'},
	    {"error", required_argument, NULL, 'e'},
	    {"reason", required_argument, NULL, 'w'},
	    {0},
	};
	struct job_move m = {.progress = -1};
	struct view *answer = view_obj(&cli.arena);
	const struct view *job;
	bool said = false;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!read_option(c, &m))
			return cli_usage(job_usage);
		said |= c != 'w';
	}
	if (optind != argc - 1 || !said)
		return cli_usage(job_usage);
	if (cli_source()->move(argv[optind], &m, &job, &err) != RC_OK)
		return cli_report(&err);
	if (cli.json) {
		view_put(answer, "job", (struct view *)job);
		cli_print_json(answer);
	} else {
		printf("%lld %s, %lld%%\n", (long long)number_of(job, "id"),
		    cli_clean(text_of(job, "status")), (long long)number_of(job, "progress"));
	}
	return EX_OK;
}
