/*
 * dropmill submit: put files into the queue from the command line, by the same steps as an upload
 * (core/accept.h). Either all files become jobs or none does.
 *
 * The files are opened before anything else, as whoever called: root may submit what only root can
 * read, though the state belongs to somebody else. They are copied, since the store's files never
 * change and the caller's may.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/params.h"
#include "cli/wait.h"
#include "core/accept.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/sniff.h"
#include "core/str.h"

const char submit_usage[] =
    "submit [--type TYPE] [--param NAME=VALUE]... [--priority N] [--at WHEN] [--wait] FILE...\n"
    "       WHEN: 2026-11-22T09:30Z, or +30m from now\n"
    "       VALUE of a parameter that is a file: its path; --param NAME alone takes the value of\n"
    "       DROPMILL_PARAM_NAME in the environment";

#define COPY_BYTES (1 << 20)

struct submission {
	char *const *paths;
	int *fds;
	size_t n;
	const char *type;
	int64_t priority, run_at;
	struct cli_params given;
	int *given_fds; /* parallel to given; -1: no file */
	struct sniff *sniff;
	struct store store;
	struct jobtypes types;
	struct accept accept;
};

static void open_files(struct submission *s)
{
	struct stat st;

	s->fds = arena_alloc(&cli.arena, s->n * sizeof *s->fds);
	for (size_t i = 0; i < s->n; i++) {
		s->fds[i] = open(s->paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (s->fds[i] < 0 || fstat(s->fds[i], &st) != 0)
			cli_fail(
			    EX_NOINPUT, "cannot open \"%s\": %s", s->paths[i], strerror(errno));
		if (!S_ISREG(st.st_mode))
			cli_fail(EX_NOINPUT, "not a regular file: \"%s\"", s->paths[i]);
	}
}

/* Which parameters are files is known once the database is open, and that is as somebody else: open
 * whatever is the path of one. */
static void open_given(struct submission *s)
{
	struct stat st;

	s->given_fds = arena_alloc(&cli.arena, (s->given.n + 1) * sizeof *s->given_fds);
	for (size_t i = 0; i < s->given.n; i++) {
		int fd = open(s->given.list[i].value, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
			close(fd);
			fd = -1;
		}
		s->given_fds[i] = fd;
	}
}

/* Room for what comes and for what disk_low keeps free. */
static enum rc check_room(struct submission *s, struct err *err)
{
	int64_t room, need = 0;
	struct stat st;
	enum rc rc = store_free(&s->store, &room, err);

	for (size_t i = 0; i < s->n; i++)
		if (fstat(s->fds[i], &st) == 0)
			need += st.st_size;
	if (rc == RC_OK && room - need < cli_config()->disk_low_bytes)
		rc = err_set(err, RC_LIMIT, "not enough room on the disk of \"%.150s\" (disk_low)",
		    cli_config()->store);
	return rc;
}

static enum rc copy_file(int from, int to, const char *path, struct err *err)
{
	char *block = NULL;
	ssize_t got, put;

	/* The kernel copies, or shares the blocks where the filesystem can; else by hand. */
	while ((got = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
		;
	if (got == 0)
		return RC_OK;
	block = arena_alloc(&cli.arena, COPY_BYTES);
	while ((got = read(from, block, COPY_BYTES)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read \"%.150s\"", path);
		for (ssize_t done = 0; done < got; done += put) {
			put = write(to, block + done, (size_t)(got - done));
			if (put < 0 && errno != EINTR)
				return err_sys(err, "cannot copy \"%.150s\"", path);
			if (put < 0)
				put = 0;
		}
	}
	return RC_OK;
}

/* Copy the files among the parameters, as the type declares them. */
static enum rc take_given(struct submission *s, struct err *err)
{
	const struct jobtype *type = s->type ? jobtype_find(&s->types, s->type) : NULL;
	const char **types = arena_zalloc(&cli.arena, (s->given.n + 1) * sizeof *types);
	enum rc rc = RC_OK;

	if (type)
		cli_params_mark_files(&s->given, &type->params);
	for (size_t i = 0; i < s->given.n && rc == RC_OK; i++) {
		const struct param_given *g = &s->given.list[i];
		char seen[SNIFF_TYPE_SIZE];
		int fd;

		if (!g->is_file)
			continue;
		if (s->given_fds[i] < 0)
			cli_fail(EX_NOINPUT, "cannot open \"%s\"", g->value);
		rc = store_temp(&s->store, &fd, err);
		if (rc == RC_OK)
			rc = copy_file(s->given_fds[i], fd, g->value, err);
		if (rc != RC_OK)
			break;
		s->given_fds[i] = fd;
		types[i] = arena_strdup(&cli.arena, sniff_type(s->sniff, fd, seen));
	}
	accept_params(&s->accept, &(struct accept_params){.given = s->given.list,
				      .n = s->given.n,
				      .fds = s->given_fds,
				      .content_types = types});
	return rc;
}

static enum rc take_file(struct submission *s, size_t i, struct err *err)
{
	const char *path = s->paths[i], *slash = strrchr(path, '/'),
		   *name = slash ? slash + 1 : path;
	char type[SNIFF_TYPE_SIZE];
	int fd;
	enum rc rc = store_temp(&s->store, &fd, err);

	if (rc != RC_OK)
		return rc;
	rc = copy_file(s->fds[i], fd, path, err);
	if (rc == RC_OK)
		rc = accept_add(&s->accept, fd,
		    &(struct accept_file){
			.name = name,
			.name_len = strlen(name),
			.content_type = sniff_type(s->sniff, fd, type),
			.job_type = s->type,
		    },
		    err);
	close(fd);
	return rc;
}

static enum rc take_all(struct submission *s, struct err *err)
{
	struct db *db;
	enum rc rc = check_room(s, err);

	if (rc == RC_OK)
		rc = take_given(s, err);
	for (size_t i = 0; rc == RC_OK && i < s->n; i++)
		rc = take_file(s, i, err);
	for (size_t i = 0; rc == RC_OK && i < s->accept.n; i++) {
		s->accept.jobs[i].priority = s->priority;
		s->accept.jobs[i].run_at = s->run_at;
	}
	if (rc == RC_OK)
		rc = accept_sync(&s->accept, err);
	if (rc == RC_OK) {
		db = cli_db();
		rc = db_begin(db, err);
		if (rc == RC_OK)
			rc = accept_create(&s->accept, db, cli_scope(), err);
		if (rc == RC_OK)
			return db_commit_durable(db, err);
		db_rollback(db);
	}
	accept_abandon(&s->accept);
	return rc;
}

static int report(const struct submission *s)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);
	struct err err;

	for (size_t i = 0; i < s->accept.n; i++) {
		const struct job_new *made = &s->accept.jobs[i];
		struct job *job = arena_alloc(&cli.arena, sizeof *job);

		if (!cli.json) {
			printf("%lld %s %s\n", (long long)made->id, made->job_type,
			    cli_clean(made->name));
			continue;
		}
		if (job_find(cli_db(), cli_scope(), made->uuid, &cli.arena, job, &err) != RC_OK)
			return cli_report(&err);
		view_push(list, job_view(&cli.arena, job, NULL, 0));
	}
	view_put(v, "jobs", list);
	if (cli.json)
		cli_print_json(v);
	return EX_OK;
}

static enum rc put_into_queue(struct submission *s, struct err *err)
{
	enum rc rc = jobtype_load_db(cli_db(), &cli.arena, &s->types, err);

	if (rc == RC_OK)
		rc = store_open(cli_config(), &s->store, err);
	if (rc != RC_OK)
		return rc;
	s->sniff = sniff_open();
	accept_init(&s->accept, cli_config(), &s->store, &s->types, &cli.arena);
	rc = take_all(s, err);
	sniff_close(s->sniff);
	store_close(&s->store);
	if (rc == RC_OK)
		doorbell_ring(cli_config());
	return rc;
}

static int submit(struct submission *s, bool wait)
{
	struct err err;

	open_files(s);
	open_given(s);
	if (put_into_queue(s, &err) != RC_OK)
		return cli_report(&err);
	return wait ? wait_for_jobs(s->accept.jobs, s->accept.n) : report(s);
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
	    {0},
	};
	struct submission s = {0};
	bool wait = false, good = true;
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
			wait = true;
			break;
		default:
			good = false;
		}
	}
	if (!good || optind == argc)
		return cli_usage(submit_usage);
	s.paths = argv + optind;
	s.n = (size_t)(argc - optind);
	return submit(&s, wait);
}
