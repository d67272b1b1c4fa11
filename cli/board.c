/*
 * Waiting for jobs.
 *
 * The project's version is asked for several times a second, and the jobs only when it moved:
 * waiting for a thousand jobs costs next to nothing. They are looked at in turns, so that a server
 * is asked for at most so many at once. A server that goes away is waited for a while.
 */
#include "cli/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "cli/term.h"
#include "core/clock.h"
#include "core/str.h"

#define PATIENCE_MS 5000
#define TROUBLE_MS 60000
#define DRAW_MS 100
#define NEWS_MS 2000
#define LOOKS 50
#define NAMES_SAID 10
#define NAME_COLUMNS 28

/* ---- drawing ---- */

/* Bars need a terminal with a row for each job. */
static bool fits_terminal(struct board *b)
{
	int rows;

	return !cli.json && term_size(&b->columns, &rows) && b->columns >= 60 &&
	       b->n + 3 <= (size_t)rows;
}

/* How far an entry is, in per cent: of its upload until there is a job. */
static int percent_of(const struct entry *e)
{
	int64_t percent = e->job    ? number_of(e->job, "progress")
			  : e->size ? e->sent * 100 / e->size
				    : 0;

	return percent < 0 ? 0 : percent > 100 ? 100 : (int)percent;
}

static const char *word_of(const struct entry *e)
{
	if (e->refused)
		return "refused";
	if (e->gone)
		return "deleted";
	if (e->job)
		return text_of(e->job, "status");
	return e->sent ? "uploading" : e->size ? "waiting" : "pending";
}

/* What there is to say of it: why it failed, what came of it, its step, the bytes that are there.
 */
static const char *text_for(const struct entry *e, char text[static 48])
{
	char sent[16], size[16];

	if (e->refused)
		return e->refused;
	if (e->job && status_of(e->job) == JOB_FAILED)
		return text_of(e->job, "error");
	if (e->job && status_of(e->job) == JOB_COMPLETED)
		return text_of(e->job, "result");
	if (e->job)
		return text_of(e->job, "current_step");
	if (!e->sent)
		return "";
	snprintf(text, 48, "%s of %s", str_bytes(e->sent, sent), str_bytes(e->size, size));
	return text;
}

static void draw_entry(const struct board *b, const struct entry *e)
{
	char text[48];

	term_put(e->name, NAME_COLUMNS, true);
	putchar(' ');
	term_bar(percent_of(e));
	putchar(' ');
	term_put(word_of(e), 10, true);
	putchar(' ');
	term_put(text_for(e, text), b->columns - NAME_COLUMNS - TERM_BAR_COLUMNS - 21, false);
	term_end_line();
}

/* In total, an upload is half of the way of what is uploaded. */
static int total_percent(const struct board *b)
{
	int64_t sum = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = &b->list[i];

		if (e->ended)
			sum += 100;
		else if (e->size)
			sum += (e->job ? 50 : 0) + percent_of(e) / 2;
		else
			sum += percent_of(e);
	}
	return (int)(sum / (int64_t)b->n);
}

static void draw_total(const struct board *b)
{
	term_put("in total", NAME_COLUMNS, true);
	putchar(' ');
	term_bar(total_percent(b));
	printf(" %zu of %zu ended", b->ended, b->n);
	if (b->bad)
		printf(", %zu not completed", b->bad);
	term_end_line();
}

static void draw(struct board *b)
{
	if (b->drawn)
		printf("\033[%zuA", b->n + 1);
	for (size_t i = 0; i < b->n; i++)
		draw_entry(b, &b->list[i]);
	draw_total(b);
	fflush(stdout);
	b->drawn = true;
	b->drawn_at = clock_boot_ms();
}

/* Elsewhere: how far all of them are, in a line. */
static void say_news(struct board *b)
{
	printf("%d%%: %zu of %zu ended\n", total_percent(b), b->ended, b->n);
	fflush(stdout);
	b->drawn_at = clock_boot_ms();
}

void board_draw(struct board *b)
{
	int64_t since = clock_boot_ms() - b->drawn_at;

	if (b->bars && (!b->drawn || since >= DRAW_MS))
		draw(b);
	else if (b->news && since >= NEWS_MS)
		say_news(b);
}

/* ---- entries ---- */

void board_open(struct board *b, size_t n, bool wait)
{
	*b = (struct board){.n = n, .drawn_at = clock_boot_ms()};
	b->list = arena_zalloc(&cli.arena, n * sizeof *b->list);
	b->bars = wait && fits_terminal(b);
	b->news = wait && !b->bars && !cli.json;
}

static void end_entry(struct board *b, struct entry *e)
{
	e->ended = true;
	b->ended++;
	b->bad += e->refused || e->gone || status_of(e->job) != JOB_COMPLETED;
}

void board_refuse(struct board *b, struct entry *e, const char *why)
{
	e->refused = arena_strdup(&cli.arena, why);
	end_entry(b, e);
	if (!b->bars)
		cli_complain("%s: %s", e->name, e->refused);
}

static void say_ended(const struct entry *e)
{
	const char *why = "";

	if (e->gone) {
		printf("%lld deleted %s\n", (long long)e->id, cli_clean(e->name));
		return;
	}
	why = text_of(e->job, status_of(e->job) == JOB_FAILED ? "error" : "result");
	printf("%lld %s %s%s%s\n", (long long)e->id, cli_clean(text_of(e->job, "status")),
	    cli_clean(e->name), *why ? ": " : "", cli_clean(why));
	fflush(stdout);
}

/* ---- looking ---- */

static enum rc look_at(struct board *b, struct entry *e, struct err *err)
{
	const struct view *job;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = cli_source()->find(e->uuid, &a, &job, err);
	if (rc != RC_OK && rc != RC_NOTFOUND) {
		arena_release(&a);
		return rc;
	}
	if (rc == RC_OK) {
		arena_release(&e->arena);
		e->arena = a;
		e->job = job;
	} else {
		arena_release(&a);
	}
	e->gone = rc == RC_NOTFOUND;
	if (!e->gone && !job_status_final(status_of(e->job)))
		return RC_OK;
	end_entry(b, e);
	if (!b->bars && !cli.json)
		say_ended(e);
	return RC_OK;
}

/* Some of those that are due; all of them while bars are drawn. */
static enum rc look(struct board *b, struct err *err)
{
	for (int looks = 0; b->due && (b->bars || looks < LOOKS); b->due--) {
		struct entry *e = &b->list[b->cursor];
		enum rc rc = RC_OK;

		if (!e->ended) {
			looks++;
			rc = look_at(b, e, err);
		}
		if (rc != RC_OK)
			return rc;
		b->cursor = (b->cursor + 1) % b->n;
	}
	return RC_OK;
}

static enum rc round_of_looks(struct board *b, int64_t *seen, struct err *err)
{
	int64_t version;
	enum rc rc = cli_source()->version(&version, err);

	if (rc != RC_OK)
		return rc;
	if (version != *seen) {
		*seen = version;
		b->due = b->n;
	}
	return look(b, err);
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Whether a failure may pass: a server that is being restarted. */
static bool bear(int64_t *since, const struct err *err)
{
	int64_t now = clock_boot_ms();

	if (!cli.server || (err->rc != RC_DB && err->rc != RC_BUSY))
		return false;
	if (!*since) {
		*since = now;
		cli_complain("%s; still trying", err->text);
	}
	return now - *since < TROUBLE_MS;
}

static void warn_unprocessed(int64_t begun, bool *warned)
{
	if (*warned || cli.server || clock_boot_ms() - begun <= PATIENCE_MS)
		return;
	*warned = true;
	if (cli_processors_alive() == 0)
		cli_complain("no processor is running; the jobs wait for one");
}

/* Until the last has ended. The exit code of what keeps us from seeing that, or 0. */
static int watch(struct board *b)
{
	int64_t seen = -1, begun = clock_boot_ms(), trouble = 0;
	bool warned = false;
	struct err err;

	while (b->ended < b->n) {
		if (round_of_looks(b, &seen, &err) == RC_OK)
			trouble = 0;
		else if (!bear(&trouble, &err))
			return cli_report(&err);
		if (b->bars)
			draw(b);
		board_draw(b);
		warn_unprocessed(begun, &warned);
		if (b->ended < b->n)
			pause_ms(trouble ? 2000 : cli_source()->poll_ms);
	}
	return EX_OK;
}

/* ---- the end ---- */

static enum rc print_json(const struct board *b, struct err *err)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);
	struct view *refused = view_list(&cli.arena);

	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = &b->list[i];
		const struct view *job;
		struct view *no;
		enum rc rc;

		if (e->refused) {
			no = view_obj(&cli.arena);
			view_str(no, "name", e->name);
			view_str(no, "error", e->refused);
			view_push(refused, no);
		}
		if (e->gone || e->refused)
			continue;
		rc = cli_source()->show(e->uuid, &cli.arena, &job, err);
		if (rc != RC_OK)
			return rc;
		view_push(list, (struct view *)job);
	}
	view_put(v, "jobs", list);
	if (view_len(refused))
		view_put(v, "refused", refused);
	cli_print_json(v);
	return RC_OK;
}

static bool is_bad(const struct entry *e)
{
	return e->refused || e->gone || status_of(e->job) != JOB_COMPLETED;
}

/* "2 of 20 did not complete: a.csv, b.csv" */
static void say_bad(const struct board *b)
{
	const char *names = "";
	size_t said = 0;

	for (size_t i = 0; i < b->n && said < NAMES_SAID; i++)
		if (is_bad(&b->list[i]))
			names = arena_join(
			    &cli.arena, names, said++ ? ", " : ": ", b->list[i].name, NULL);
	cli_complain("%zu of %zu did not complete%.800s%s", b->bad, b->n, names,
	    said < b->bad ? ", ..." : "");
}

int board_wait(struct board *b)
{
	struct err err;
	int code;

	/* One job says all there is when it ends. */
	b->news = b->news && b->n > 1;
	if (b->bars)
		draw(b);
	code = watch(b);
	if (code == EX_OK && b->news)
		say_news(b);
	if (code == EX_OK && cli.json && print_json(b, &err) != RC_OK)
		code = cli_report(&err);
	if (code != EX_OK)
		return code;
	if (b->bad)
		say_bad(b);
	return b->bad ? EXIT_FAILURE : EX_OK;
}
