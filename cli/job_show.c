/*
 * dropmill job show: all that is known of a job, printed from the same view that --json prints.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/clock.h"
#include "core/str.h"

static void print_text(const char *label, const char *s)
{
	if (*s)
		printf("%-9s %s\n", label, cli_clean(s));
}

static void print_bytes(const char *label, const struct view *job, const char *key)
{
	char size[16];

	if (known_of(job, key))
		printf("%-9s %s\n", label, str_bytes(number_of(job, key), size));
}

/* ---- parts ---- */

static void print_head(const struct view *j)
{
	printf(
	    "job       %lld  %s\n", (long long)number_of(j, "id"), cli_clean(text_of(j, "uuid")));
	print_text("name", text_of(j, "name"));
	printf("type      %s", cli_clean(text_of(j, "job_type")));
	if (known_of(j, "type_version"))
		printf(", version %lld", (long long)number_of(j, "type_version"));
	printf("\nstatus    %s, %lld%%, attempt %lld\n", cli_clean(text_of(j, "status")),
	    (long long)number_of(j, "progress"), (long long)number_of(j, "attempt"));
}

static void print_state(const struct view *j)
{
	print_text("waits", text_of(j, "waits_for"));
	print_text("step", text_of(j, "current_step"));
	print_text("error", text_of(j, "error"));
	print_text("result", text_of(j, "result"));
	if (known_of(j, "total_items"))
		printf("items     %lld of %lld\n", (long long)number_of(j, "processed_items"),
		    (long long)number_of(j, "total_items"));
	if (number_of(j, "retry_count"))
		printf("retries   %lld\n", (long long)number_of(j, "retry_count"));
	if (number_of(j, "priority"))
		printf("priority  %lld\n", (long long)number_of(j, "priority"));
	if (status_of(j) == JOB_PENDING)
		print_text("due", text_of(j, "run_at"));
	print_text("created", text_of(j, "created_at"));
	print_text("started", text_of(j, "started_at"));
	print_text("ended", text_of(j, "completed_at"));
	print_text("expires", text_of(j, "expires_at"));
}

static void print_cost(const struct view *j)
{
	char text[CLOCK_ISO_SIZE];

	if (known_of(j, "cpu_ms"))
		printf("cpu       %s\n", clock_words(number_of(j, "cpu_ms"), text));
	print_bytes("memory", j, "peak_bytes");
	print_bytes("read", j, "io_read_bytes");
	print_bytes("written", j, "io_write_bytes");
}

/* Files in one direction; a server shows the first of many. */
static void print_files(const char *label, const struct view *list, int64_t all)
{
	char size[16];
	size_t n = view_len(list);

	for (size_t i = 0; i < n; i++) {
		const struct view *f = view_at(list, i);

		printf("%-9s %s  %s  %s\n", label, str_bytes(number_of(f, "size"), size),
		    cli_clean(text_of(f, "file_type")), cli_clean(text_of(f, "filename")));
	}
	if (all > (int64_t)n)
		printf("%-9s and %lld more\n", label, (long long)(all - (int64_t)n));
}

static void print_history(const struct view *history)
{
	for (size_t i = 0; i < view_len(history); i++) {
		const struct view *e = view_at(history, i);
		const char *reason = text_of(e, "reason");

		printf("%-9s %s  %-10s  %s%s%s\n", i ? "" : "history", cli_clean(text_of(e, "at")),
		    cli_clean(text_of(e, "status")), cli_clean(text_of(e, "actor")),
		    *reason ? ": " : "", cli_clean(reason));
	}
}

static void print_job(const struct view *j)
{
	print_head(j);
	print_state(j);
	print_cost(j);
	print_files("input", view_get(j, "inputs"), number_of(j, "input_count"));
	print_files("output", view_get(j, "outputs"), number_of(j, "output_count"));
	print_history(view_get(j, "history"));
}

int job_show(int argc, char **argv)
{
	int code = EX_OK;

	for (int i = 1; i < argc; i++) {
		const struct view *job;
		struct view *v;
		struct err err;

		if (cli_source()->show(argv[i], &cli.arena, &job, &err) != RC_OK) {
			code = cli_report(&err);
			continue;
		}
		if (cli.json) {
			v = view_obj(&cli.arena);
			view_put(v, "job", (struct view *)job);
			cli_print_json(v);
			continue;
		}
		if (i > 1)
			putchar('\n');
		print_job(job);
	}
	return code;
}
