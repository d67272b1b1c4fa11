/*
 * dropmill watch: the newest jobs of the project in the terminal, once a second, until q or Ctrl-C;
 * without a terminal, once.
 *
 * It draws on the terminal's second screen, so that what was there before is there again after it,
 * also when a signal ends it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "cli/term.h"

#define JOBS 20
#define PERIOD_MS 1000
#define HEAD_LINES 3

static volatile sig_atomic_t ended, resized;

/* ---- drawing ---- */

static void put_counts(const struct view *counts, int columns)
{
	struct buf text;

	buf_init(&text);
	buf_printf(&text, "%lld jobs", (long long)number_of(counts, "all"));
	for (int s = 0; s < JOB_STATUS_MAX; s++) {
		const char *state = job_status_name((enum job_status)s);

		if (number_of(counts, state))
			buf_printf(&text, "   %lld %s", (long long)number_of(counts, state), state);
	}
	term_put(text.data, columns, false);
	buf_release(&text);
}

/* Why it failed, what came of it, or what is being done. */
static const char *text_for(const struct view *job)
{
	switch (status_of(job)) {
	case JOB_FAILED:
		return text_of(job, "error");
	case JOB_COMPLETED:
		return text_of(job, "result");
	case JOB_PENDING:
		return text_of(job, "waits_for");
	default:
		return text_of(job, "current_step");
	}
}

static void put_job(const struct view *job, int columns)
{
	int64_t percent = number_of(job, "progress");
	int rest = columns - 8 - 1 - 11 - (TERM_BAR_COLUMNS + 8) - 16 - 2, name = rest / 2;

	printf("%8lld ", (long long)number_of(job, "id"));
	term_put(text_of(job, "status"), 11, true);
	term_bar(percent < 0 ? 0 : percent > 100 ? 100 : (int)percent);
	putchar(' ');
	term_put(text_of(job, "job_type"), 16, true);
	putchar(' ');
	term_put(text_of(job, "name"), name > 8 ? name : 8, true);
	putchar(' ');
	term_put(text_for(job), rest - name, false);
}

static void draw(const struct view *table, const char *trouble, int columns, int rows)
{
	const struct view *jobs = view_get(table, "jobs");

	fputs("\033[H", stdout);
	put_counts(view_get(table, "counts"), columns);
	term_end_line();
	term_put(trouble, columns, false);
	term_end_line();
	for (size_t i = 0; i < view_len(jobs) && (int)i < rows - HEAD_LINES; i++) {
		put_job(view_at(jobs, i), columns);
		term_end_line();
	}
	fputs("\033[J\033[2mq ends\033[m", stdout);
	fflush(stdout);
}

/* ---- without a terminal ---- */

static int once(void)
{
	const struct view *table, *jobs;
	struct err err;

	if (cli_source()->table(JOBS, &cli.arena, &table, &err) != RC_OK)
		return cli_report(&err);
	if (cli.json) {
		cli_print_json(table);
		return EX_OK;
	}
	put_counts(view_get(table, "counts"), 1000);
	putchar('\n');
	jobs = view_get(table, "jobs");
	for (size_t i = 0; i < view_len(jobs); i++) {
		const struct view *j = view_at(jobs, i);

		printf("%8lld  %-10s  %3lld%%  %s  %s%s%s\n", (long long)number_of(j, "id"),
		    cli_clean(text_of(j, "status")), (long long)number_of(j, "progress"),
		    cli_clean(text_of(j, "job_type")), cli_clean(text_of(j, "name")),
		    *text_for(j) ? ": " : "", cli_clean(text_for(j)));
	}
	return EX_OK;
}

/* ---- with one ---- */

static void on_end(int signal)
{
	(void)signal;
	ended = 1;
}

static void on_resize(int signal)
{
	(void)signal;
	resized = 1;
}

static void catch_signals(void)
{
	struct sigaction end = {.sa_handler = on_end}, resize = {.sa_handler = on_resize};

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGWINCH, &resize, NULL);
}

/* Keys come one by one and are not shown; false: stdin is no terminal. */
static bool take_keys(struct termios *before)
{
	struct termios keys;

	if (tcgetattr(STDIN_FILENO, before) != 0)
		return false;
	keys = *before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
}

/* Until the next look is due, the size changes, or a key or a signal ends it. */
static void wait_for_key(bool keys)
{
	struct pollfd in = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	char key = 0;

	if (poll(&in, 1, PERIOD_MS) <= 0)
		return;
	if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')
		ended = 1;
}

/* What was seen last is shown again when the size changes, or while there is nothing new to see. */
static enum rc live(bool keys, struct err *err)
{
	const struct view *table = NULL;
	struct arena kept;

	arena_init(&kept);
	while (!ended) {
		const struct view *fresh;
		struct arena a;
		int columns = 80, rows = 24;
		enum rc rc;

		arena_init(&a);
		rc = cli_source()->table(JOBS, &a, &fresh, err);
		if (rc == RC_OK) {
			arena_release(&kept);
			kept = a;
			table = fresh;
		} else {
			arena_release(&a);
			if (!table || (rc != RC_DB && rc != RC_BUSY))
				return rc;
		}
		do {
			resized = 0;
			term_size(&columns, &rows);
			draw(table, rc == RC_OK ? "" : err->text, columns, rows);
			wait_for_key(keys);
		} while (resized && !ended);
	}
	return RC_OK;
}

int cmd_watch(int argc, char **argv)
{
	struct termios before;
	int columns, rows;
	struct err err;
	enum rc rc;
	bool keys;

	(void)argv;
	if (argc != 1)
		return cli_usage("watch");
	if (cli.json || !term_size(&columns, &rows))
		return once();
	catch_signals();
	keys = take_keys(&before);
	fputs("\033[?1049h\033[?25l", stdout);
	rc = live(keys, &err);
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return rc == RC_OK ? EX_OK : cli_report(&err);
}
