/*
 * Watching jobs until they have ended.
 *
 * The project's version is read five times a second, and the jobs only when it moved: waiting for
 * a thousand jobs costs next to nothing.
 */
#include "cli/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/clock.h"

#define POLL_MS 200
#define PATIENCE_MS 5000
#define BAR_COLUMNS 20
#define NAME_COLUMNS 28

struct watched {
	int64_t id;
	const char *uuid, *name;
	struct job job;
	bool ended, gone;
};

struct watch {
	struct watched *jobs;
	size_t n, left;
	bool bars, drawn;
	int columns;
	struct arena arena; /* texts of the jobs that run, of the last look */
};

/* ---- a terminal
 * -------------------------------------------------------------------------------------- */

/* Bars need a terminal with a row for each job. */
static bool fits_terminal(struct watch *w)
{
	struct winsize size;

	if (cli.json || !isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return false;
	w->columns = size.ws_col;
	return size.ws_col >= 60 && w->n + 2 <= size.ws_row;
}

/* At most `columns` characters of s, padded with blanks if wanted. */
static void put_columns(const char *s, int columns, bool pad)
{
	const char *end = s;
	int used = 0;

	while (*end && (used < columns || (*end & 0xc0) == 0x80))
		used += (*end++ & 0xc0) != 0x80;
	fwrite(s, 1, (size_t)(end - s), stdout);
	while (pad && used++ < columns)
		putchar(' ');
}

static void draw_bar(const struct watch *w, const struct watched *x)
{
	const struct job *j = &x->job;
	const char *text = x->gone                      ? "deleted"
			   : j->status == JOB_FAILED    ? j->error
			   : j->status == JOB_COMPLETED ? j->result
							: j->current_step;
	int filled = j->progress * BAR_COLUMNS / 100;

	put_columns(cli_clean(x->name), NAME_COLUMNS, true);
	fputs(" [", stdout);
	for (int i = 0; i < BAR_COLUMNS; i++)
		putchar(i < filled ? '#' : '.');
	printf("] %3d%% %-10s ", j->progress, job_status_name(j->status));
	put_columns(cli_clean(text), w->columns - NAME_COLUMNS - BAR_COLUMNS - 21, false);
	fputs("\033[K\n", stdout);
}

static void draw(struct watch *w)
{
	if (w->drawn)
		printf("\033[%zuA", w->n);
	for (size_t i = 0; i < w->n; i++)
		draw_bar(w, &w->jobs[i]);
	fflush(stdout);
	w->drawn = true;
}

/* ---- looking
 * ------------------------------------------------------------------------------------------- */

static void say_ended(const struct watched *x)
{
	const struct job *j = &x->job;
	const char *why = j->status == JOB_FAILED ? j->error : j->result;

	if (x->gone)
		printf("%lld deleted %s\n", (long long)x->id, cli_clean(x->name));
	else
		printf("%lld %s %s%s%s\n", (long long)j->id, job_status_name(j->status),
		    cli_clean(x->name), why ? ": " : "", cli_clean(why));
	fflush(stdout);
}

/* Read every job that has not ended. */
static void look(struct watch *w)
{
	/* What has ended is read once more, into the arena that stays. */
	arena_clear(&w->arena);
	for (size_t i = 0; i < w->n; i++) {
		struct watched *x = &w->jobs[i];
		struct err err;
		enum rc rc;

		if (x->ended)
			continue;
		rc = job_find(cli_db(), cli_scope(), x->uuid, &w->arena, &x->job, &err);
		if (rc == RC_OK && job_status_final(x->job.status))
			rc = job_find(cli_db(), cli_scope(), x->uuid, &cli.arena, &x->job, &err);
		if (rc != RC_OK && rc != RC_NOTFOUND)
			exit(cli_report(&err));
		x->gone = rc == RC_NOTFOUND;
		x->ended = x->gone || job_status_final(x->job.status);
		if (!x->ended)
			continue;
		w->left--;
		if (!w->bars && !cli.json)
			say_ended(x);
	}
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void watch(struct watch *w)
{
	int64_t seen = -1, version, begun = clock_boot_ms();
	bool warned = false;
	struct err err;

	for (;;) {
		if (project_version(cli_db(), cli_scope(), &version, &err) != RC_OK)
			exit(cli_report(&err));
		if (version != seen) {
			seen = version;
			look(w);
			if (w->bars)
				draw(w);
		}
		if (!w->left)
			return;
		if (!warned && clock_boot_ms() - begun > PATIENCE_MS) {
			warned = true;
			if (cli_processors_alive() == 0)
				cli_complain("no processor is running; the jobs wait for one");
		}
		pause_ms(POLL_MS);
	}
}

/* ---- the end
 * ------------------------------------------------------------------------------------------- */

static void print_json(const struct watch *w)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);

	for (size_t i = 0; i < w->n; i++) {
		const struct watched *x = &w->jobs[i];
		struct file *files;
		struct err err;
		size_t n;

		if (x->gone)
			continue;
		if (job_files(cli_db(), cli_scope(), x->id, &cli.arena, &files, &n, &err) != RC_OK)
			exit(cli_report(&err));
		view_push(list, job_view(&cli.arena, &x->job, files, n));
	}
	view_put(v, "jobs", list);
	cli_print_json(v);
}

int wait_for_jobs(const struct job_new *jobs, size_t n)
{
	struct watch w = {.n = n, .left = n};
	size_t completed = 0;

	w.jobs = arena_zalloc(&cli.arena, n * sizeof *w.jobs);
	for (size_t i = 0; i < n; i++) {
		w.jobs[i].id = jobs[i].id;
		w.jobs[i].uuid = jobs[i].uuid;
		w.jobs[i].name = jobs[i].name;
	}
	arena_init(&w.arena);
	w.bars = fits_terminal(&w);
	watch(&w);
	for (size_t i = 0; i < n; i++)
		completed += !w.jobs[i].gone && w.jobs[i].job.status == JOB_COMPLETED;
	if (cli.json)
		print_json(&w);
	if (completed < n)
		cli_complain("%zu of %zu did not complete", n - completed, n);
	arena_release(&w.arena);
	return completed == n ? EX_OK : EXIT_FAILURE;
}
