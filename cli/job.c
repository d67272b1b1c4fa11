/*
 * dropmill job: look at jobs and act on them. Acts are those of the pages, in the name of the local
 * user, with the same history.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/job.h"
#include "core/jobtype.h"
#include "core/store.h"
#include "core/str.h"

#define LIST_MAX 100000

const char job_usage[] =
    "job list [--status STATUS] [--type TYPE] [--search TEXT] [--limit N] [--oldest]\n"
    "       dropmill job show|pause|resume|cancel|retry|remove|rm JOB...\n"
    "       dropmill job set JOB [--status STATUS] [--progress N] [--step TEXT] [--result TEXT]\n"
    "                            [--error TEXT] [--reason TEXT]";

/* ---- list
 * -------------------------------------------------------------------------------------------- */

/* What is asked for and what came. */
struct listing {
	struct job_filter filter;
	int64_t limit;
	struct job *jobs;
	size_t n;
	bool more;
};

static enum rc read_list(struct listing *l, struct db *db, struct err *err)
{
	struct job_page page = {.more_after = true};
	enum rc rc;

	l->jobs = arena_alloc(&cli.arena, (size_t)l->limit * sizeof *l->jobs);
	while (page.more_after && (int64_t)l->n < l->limit) {
		int64_t left = l->limit - (int64_t)l->n;

		l->filter.limit = left > 100 ? 100 : (int)left;
		l->filter.after = l->n ? l->jobs[l->n - 1].id : 0;
		rc = job_list(db, cli_scope(), &l->filter, &cli.arena, &page, err);
		if (rc != RC_OK)
			return rc;
		memcpy(l->jobs + l->n, page.jobs, page.n * sizeof *l->jobs);
		l->n += page.n;
		if (!page.n)
			break;
	}
	l->more = page.more_after;
	return RC_OK;
}

/* "3 min" of a time gone by. */
static const char *age(int64_t at)
{
	int64_t s = (clock_wall_ms() - at) / 1000;

	if (s < 0)
		s = 0;
	if (s < 120)
		return arena_printf(&cli.arena, "%lld s", (long long)s);
	if (s < 7200)
		return arena_printf(&cli.arena, "%lld min", (long long)(s / 60));
	if (s < 172800)
		return arena_printf(&cli.arena, "%lld h", (long long)(s / 3600));
	return arena_printf(&cli.arena, "%lld d", (long long)(s / 86400));
}

static int print_list(const struct listing *l)
{
	struct view *v, *list;
	int type_width = 4;

	if (cli.json) {
		v = view_obj(&cli.arena);
		list = view_list(&cli.arena);
		for (size_t i = 0; i < l->n; i++)
			view_push(list, job_view(&cli.arena, &l->jobs[i], NULL, 0));
		view_put(v, "jobs", list);
		view_bool(v, "more", l->more);
		cli_print_json(v);
		return EX_OK;
	}
	for (size_t i = 0; i < l->n; i++)
		if ((int)strlen(l->jobs[i].job_type) > type_width)
			type_width = (int)strlen(l->jobs[i].job_type);
	if (l->n)
		printf("%8s  %-10s  %4s  %-*s  %7s  %s\n", "ID", "STATUS", "DONE", type_width,
		    "TYPE", "AGE", "NAME");
	for (size_t i = 0; i < l->n; i++) {
		const struct job *j = &l->jobs[i];

		printf("%8lld  %-10s  %3d%%  %-*s  %7s  %s\n", (long long)j->id,
		    job_status_name(j->status), j->progress, type_width, j->job_type,
		    age(j->created_at), cli_clean(j->name));
	}
	if (l->more)
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
	struct listing l = {.limit = 25};
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			l.filter.by_status = true;
			l.filter.status = job_status_parse(optarg);
			if (l.filter.status == JOB_STATUS_MAX)
				cli_fail(EX_USAGE, "no such status: %s", optarg);
			break;
		case 't':
			l.filter.job_type = optarg;
			break;
		case 'q':
			l.filter.q = optarg;
			break;
		case 'n':
			if (!str_int(optarg, 1, LIST_MAX, &l.limit))
				cli_fail(EX_USAGE, "bad --limit %s (allowed: 1 to %d)", optarg,
				    LIST_MAX);
			break;
		case 'o':
			l.filter.oldest_first = true;
			break;
		default:
			return cli_usage(job_usage);
		}
	if (optind != argc)
		return cli_usage(job_usage);
	if (read_list(&l, cli_db(), &err) != RC_OK)
		return cli_report(&err);
	return print_list(&l);
}

/* ---- show
 * -------------------------------------------------------------------------------------------- */

/* All that is known of one job. */
struct details {
	struct job job;
	struct file *files;
	struct job_event *events;
	size_t file_count, event_count;
	const char *waits_for; /* NULL: nothing, or its turn */
};

static enum rc read_details(const char *key, struct details *d, struct err *err)
{
	struct db *db = cli_db();
	struct jobtypes types;
	enum rc rc = job_find(db, cli_scope(), key, &cli.arena, &d->job, err);

	if (rc == RC_OK)
		rc = job_files(
		    db, cli_scope(), d->job.id, &cli.arena, &d->files, &d->file_count, err);
	if (rc == RC_OK)
		rc = job_history(
		    db, cli_scope(), d->job.id, &cli.arena, &d->events, &d->event_count, err);
	d->waits_for = NULL;
	if (rc != RC_OK || d->job.status != JOB_PENDING || d->job.manual)
		return rc;
	rc = jobtype_load_db(db, &cli.arena, &types, err);
	if (rc == RC_OK)
		d->waits_for = jobtype_hold(&types, d->job.job_type);
	return rc;
}

static struct view *details_view(const struct details *d)
{
	struct view *v = job_view(&cli.arena, &d->job, d->files, d->file_count);
	struct view *history = view_list(&cli.arena), *event;
	char at[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < d->event_count; i++) {
		event = view_obj(&cli.arena);
		view_str(event, "status", job_status_name(d->events[i].status));
		view_str(event, "at", clock_iso(d->events[i].at, at));
		view_str(event, "actor", d->events[i].actor);
		view_str(event, "reason", d->events[i].reason);
		view_push(history, event);
	}
	view_ref(v, "waits_for", d->waits_for);
	view_put(v, "history", history);
	return v;
}

static void print_text(const char *label, const char *s)
{
	if (s && *s)
		printf("%-9s %s\n", label, cli_clean(s));
}

static void print_time(const char *label, int64_t at)
{
	char text[CLOCK_ISO_SIZE];

	if (at)
		printf("%-9s %s\n", label, clock_iso(at, text));
}

static const char *const file_kinds[] = {
    [FILE_INPUT] = "input", [FILE_OUTPUT] = "output", [FILE_ARCHIVE] = "archive"};

static void print_details(const struct details *d)
{
	const struct job *j = &d->job;
	char text[CLOCK_ISO_SIZE], size[16];

	printf("job       %lld  %s\n", (long long)j->id, j->uuid);
	print_text("name", j->name);
	printf("type      %s, version %lld\n", j->job_type, (long long)j->type_version);
	printf("status    %s, %d%%, attempt %lld\n", job_status_name(j->status), j->progress,
	    (long long)j->attempt);
	print_text("waits", d->waits_for);
	print_text("step", j->current_step);
	print_text("error", j->error);
	print_text("result", j->result);
	if (j->total_items >= 0)
		printf("items     %lld of %lld\n",
		    (long long)(j->processed_items < 0 ? 0 : j->processed_items),
		    (long long)j->total_items);
	if (j->retry_count)
		printf("retries   %lld\n", (long long)j->retry_count);
	if (j->priority)
		printf("priority  %lld\n", (long long)j->priority);
	if (j->status == JOB_PENDING)
		print_time("due", j->run_at);
	print_time("created", j->created_at);
	print_time("started", j->started_at);
	print_time("ended", j->completed_at);
	print_time("expires", job_expires_at(j));
	if (j->cpu_ms >= 0)
		printf("cpu       %s\n", clock_words(j->cpu_ms, text));
	if (j->peak_bytes >= 0)
		printf("memory    %s\n", str_bytes(j->peak_bytes, size));
	if (j->read_bytes >= 0)
		printf("read      %s\n", str_bytes(j->read_bytes, size));
	if (j->write_bytes >= 0)
		printf("written   %s\n", str_bytes(j->write_bytes, size));
	for (size_t i = 0; i < d->file_count; i++)
		printf("%-9s %s  %s  %s\n", file_kinds[d->files[i].kind],
		    str_bytes(d->files[i].size_bytes, size), d->files[i].content_type,
		    cli_clean(d->files[i].name));
	for (size_t i = 0; i < d->event_count; i++)
		printf("%-9s %s  %-10s  %s%s%s\n", i ? "" : "history",
		    clock_iso(d->events[i].at, text), job_status_name(d->events[i].status),
		    cli_clean(d->events[i].actor), d->events[i].reason ? ": " : "",
		    cli_clean(d->events[i].reason));
}

static int show(int argc, char **argv)
{
	int code = EX_OK;

	for (int i = 1; i < argc; i++) {
		struct details d;
		struct view *v;
		struct err err;

		if (read_details(argv[i], &d, &err) != RC_OK) {
			code = cli_report(&err);
			continue;
		}
		if (cli.json) {
			v = view_obj(&cli.arena);
			view_put(v, "job", details_view(&d));
			cli_print_json(v);
			continue;
		}
		if (i > 1)
			putchar('\n');
		print_details(&d);
	}
	return code;
}

/* ---- acts
 * --------------------------------------------------------------------------------------------- */

/* Delete the job, or its files alone. */
static enum rc remove_job(const struct job *job, enum job_action action, struct err *err)
{
	struct store st;
	struct job_gone gone;
	enum rc rc = store_open(cli_config(), &st, err);

	if (rc != RC_OK)
		return rc;
	rc = action == JOB_DELETE
		 ? job_delete(cli_db(), cli_scope(), job->id, &cli.arena, &gone, err)
		 : job_remove(cli_db(), cli_scope(), job->id, "by hand", &cli.arena, &gone, err);
	if (rc == RC_OK)
		job_unlink(&st, &gone);
	store_close(&st);
	return rc;
}

static enum rc act_on(const char *key, enum job_action action, struct job *job, struct err *err)
{
	struct db *db = cli_db();
	enum rc rc = job_find(db, cli_scope(), key, &cli.arena, job, err);

	if (rc != RC_OK)
		return rc;
	if (action == JOB_DELETE)
		return remove_job(job, action, err);
	rc = action == JOB_REMOVE ? remove_job(job, action, err)
				  : job_act(db, cli_scope(), job->id, action, NULL, err);
	if (rc == RC_OK)
		rc = job_find(db, cli_scope(), key, &cli.arena, job, err);
	return rc;
}

static int act(enum job_action action, int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *changed = view_list(&cli.arena);
	int code = EX_OK;

	for (int i = 1; i < argc; i++) {
		struct job *job = arena_alloc(&cli.arena, sizeof *job);
		struct err err;

		if (act_on(argv[i], action, job, &err) != RC_OK) {
			if (err.rc == RC_CONFLICT)
				cli_complain("job %s: %s", argv[i], err.text);
			else
				cli_complain("%s", err.text);
			code = cli_exit_code(err.rc);
			continue;
		}
		if (cli.json)
			view_push(changed, job_view(&cli.arena, job, NULL, 0));
		else
			printf("%lld %s\n", (long long)job->id,
			    action == JOB_DELETE ? "deleted" : job_status_name(job->status));
	}
	doorbell_ring(cli_config());
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
		return show(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (strcmp(argv[1], acts[i].name) == 0)
			return act(acts[i].action, argc - 1, argv + 1);
	return cli_usage(job_usage);
}
