/*
 * dropmill stats: how many jobs there are by state and type, what processes them, and what is
 * stored. A server tells of processors and organisations to those who may see them,
 * and of what is withheld it is said why.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/str.h"

static void print_counts(const struct view *counts)
{
	printf("jobs      %lld\n", (long long)number_of(counts, "all"));
	for (int s = 0; s < JOB_STATUS_MAX; s++) {
		const char *state = job_status_name((enum job_status)s);

		if (number_of(counts, state))
			printf(
			    "          %10lld  %s\n", (long long)number_of(counts, state), state);
	}
}

static void print_types(const struct view *types)
{
	for (size_t i = 0; i < view_len(types); i++) {
		const struct view *t = view_at(types, i), *counts = view_get(t, "counts");
		const char *mark = "";

		printf("%-9s %-20s ", i ? "" : "types", cli_clean(text_of(t, "name")));
		for (size_t k = 0; view_name(counts, k); k++, mark = ", ")
			printf("%s%lld %s", mark,
			    (long long)number_of(counts, view_name(counts, k)),
			    cli_clean(view_name(counts, k)));
		putchar('\n');
	}
}

static void print_workers(const struct view *workers)
{
	for (size_t i = 0; i < view_len(workers); i++) {
		const struct view *w = view_at(workers, i);

		printf("%-9s %-20s %lld of %lld running%s\n", i ? "" : "workers",
		    cli_clean(text_of(w, "name")), (long long)number_of(w, "running"),
		    (long long)number_of(w, "slots"),
		    is_true(w, "is_heard") ? "" : ", not heard of");
	}
	if (workers && !view_len(workers))
		puts("workers   none");
}

static void print_orgs(const struct view *orgs)
{
	char used[16], most[16];

	for (size_t i = 0; i < view_len(orgs); i++) {
		const struct view *o = view_at(orgs, i), *quota = view_get(o, "quota");
		bool limited = known_of(quota, "bytes");

		printf("%-9s %-20s %s%s%s stored, %lld pending, %lld running\n", i ? "" : "orgs",
		    cli_clean(text_of(o, "name")),
		    str_bytes(number_of(view_get(o, "used"), "bytes"), used), limited ? " of " : "",
		    limited ? str_bytes(number_of(quota, "bytes"), most) : "",
		    (long long)number_of(o, "pending"), (long long)number_of(o, "running"));
	}
}

static void print_withheld(const struct view *withheld)
{
	const struct view *parts = view_get(withheld, "parts");

	for (size_t i = 0; i < view_len(parts); i++)
		printf("%-9s not told: %s\n", view_text(view_at(parts, i)),
		    cli_clean(text_of(withheld, "why")));
}

int cmd_stats(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena);
	struct err err;

	(void)argv;
	if (argc != 1)
		return cli_usage("stats");
	if (cli_source()->stats(v, &err) != RC_OK)
		return cli_report(&err);
	if (cli.json) {
		cli_print_json(v);
		return EX_OK;
	}
	print_counts(view_get(v, "counts"));
	print_types(view_get(v, "types"));
	print_workers(view_get(v, "workers"));
	print_orgs(view_get(v, "orgs"));
	print_withheld(view_get(v, "withheld"));
	return EX_OK;
}
