/*
 * dropmill submit: files become jobs, here (cli/submit_local.c) or at a server
 * (cli/submit_remote.c). What was told, and what is said in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "cli/submit.h"
#include "core/clock.h"
#include "core/str.h"

const char submit_usage[] =
    "submit [--type TYPE] [--param NAME=VALUE]... [--priority N] [--at WHEN] [--wait] FILE...\n"
    "       WHEN: 2026-11-22T09:30Z, or +30m from now\n"
    "       VALUE of a parameter that is a file: its path (@ and its path at a server); --param\n"
    "       NAME alone takes the value of DROPMILL_PARAM_NAME in the environment\n"
    "       --together: to a server in one request, for types with inputs = many";

const char *submit_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void open_files(struct submission *s)
{
	struct stat st;

	s->fds = arena_alloc(&cli.arena, s->n * sizeof *s->fds);
	s->sizes = arena_alloc(&cli.arena, s->n * sizeof *s->sizes);
	for (size_t i = 0; i < s->n; i++) {
		s->fds[i] = open(s->paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (s->fds[i] < 0 || fstat(s->fds[i], &st) != 0)
			cli_fail(
			    EX_NOINPUT, "cannot open \"%s\": %s", s->paths[i], strerror(errno));
		if (!S_ISREG(st.st_mode))
			cli_fail(EX_NOINPUT, "not a regular file: \"%s\"", s->paths[i]);
		s->sizes[i] = st.st_size;
	}
}

/* What was made, without waiting for it. */
static int report(const struct board *b)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);
	struct err err;

	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = &b->list[i];
		const struct view *job = e->job;

		if (!e->uuid)
			continue;
		if (!job && cli_source()->find(e->uuid, &cli.arena, &job, &err) != RC_OK)
			return cli_report(&err);
		if (!cli.json)
			printf("%lld %s %s\n", (long long)e->id,
			    cli_clean(text_of(job, "job_type")), cli_clean(e->name));
		view_push(list, (struct view *)job);
	}
	view_put(v, "jobs", list);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

static int submit(struct submission *s)
{
	struct board board;
	int code, said;

	open_files(s);
	code = cli.server ? submit_remote(s, &board) : submit_local(s, &board);
	if (code == EX_OK && s->wait)
		return board_wait(&board);
	if (code != EX_OK && !board.n)
		return code;
	said = report(&board);
	return code != EX_OK ? code : said;
}

static bool read_start(const char *s, int64_t *run_at)
{
	int64_t now = clock_wall_ms();

	return clock_read(s, now, run_at) && *run_at - now <= JOB_AHEAD_MAX_MS;
}

int cmd_submit(int argc, char **argv)
{
	static const struct option options[] = {
	    {"type", required_argument, NULL, 't'},
	    {"param", required_argument, NULL, 'P'},
	    {"priority", required_argument, NULL, 'p'},
	    {"at", required_argument, NULL, 'a'},
	    {"wait", no_argument, NULL, 'w'},
	    {"together", no_argument, NULL, 'T'},
	    {0},
	};
	struct submission s = {0};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't':
			s.type = optarg;
			break;
		case 'P':
			cli_params_add(&s.given, optarg);
			break;
		case 'p':
			good = str_int(optarg, -JOB_PRIORITY_MAX, JOB_PRIORITY_MAX, &s.priority);
			break;
		case 'a':
			good = read_start(optarg, &s.run_at);
			break;
		case 'w':
			s.wait = true;
			break;
		case 'T':
			s.together = true;
			break;
		default:
			good = false;
		}
	}
	if (!good || optind == argc)
		return cli_usage(submit_usage);
	s.paths = argv + optind;
	s.n = (size_t)(argc - optind);
	return submit(&s);
}
