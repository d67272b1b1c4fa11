/*
 * dropmill seed: fill the database with plausible jobs, for measurements and for looking at pages
 * (scripts/seed). Not listed among the verbs: nobody wants it on a system in use.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/doorbell.h"
#include "core/seed.h"
#include "core/str.h"

#define SEED_MAX 100000000

static void show(void *arg, int64_t made, int64_t count)
{
	(void)arg;
	fprintf(stderr, "\r%lld of %lld", (long long)made, (long long)count);
	if (made >= count)
		fputc('\n', stderr);
}

int cmd_seed(int argc, char **argv)
{
	struct seed_options o = {0};
	struct view *v;
	struct err err;

	if (argc == 4 && strcmp(argv[2], "--pending") == 0)
		o.pending_type = argv[3];
	else if (argc != 2)
		return cli_usage("seed N [--pending TYPE]");
	if (!str_int(argv[1], 1, SEED_MAX, &o.count))
		return cli_usage("seed N [--pending TYPE]");
	if (isatty(STDERR_FILENO))
		o.progress = show;
	if (seed_run(cli_db(), cli_scope(), &o, &err) != RC_OK)
		return cli_report(&err);
	doorbell_ring(cli_config());
	if (cli.json) {
		v = view_obj(&cli.arena);
		view_int(v, "made", o.count);
		cli_print_json(v);
	} else {
		printf("made %lld jobs\n", (long long)o.count);
	}
	return EX_OK;
}
