/*
 * dropmill audit: who did what, newest first, for people and for archives. An archive of any length
 * is written in the memory of one page.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/str.h"

#define PAGE 1000
#define LIST_MAX 100000

const char audit_usage[] =
    "audit [export] [--org ORG] [--actor NAME] [--action NOUN[.VERB]]\n"
    "                      [--since TIME] [--until TIME] [--limit N] [--before ID]\n"
    "       TIME: 2026-11-22T09:30Z, 2026-11-22, or -7d from now; export: JSON, a line for each";

struct asked {
	struct audit_filter filter;
	int64_t limit; /* of rows; 0: none */
};

/* ---- what is asked for ---- */

static int64_t read_time(const char *option, const char *s)
{
	int64_t now = clock_wall_ms(), at = 0, ms;

	if (*s == '-' && str_duration(s + 1, &ms) && ms < now)
		return now - ms;
	if (clock_read(s, now, &at) ||
	    clock_read(arena_join(&cli.arena, s, "T00:00Z", NULL), now, &at))
		return at;
	cli_fail(
	    EX_USAGE, "bad --%s %s (allowed: 2026-11-22T09:30Z, 2026-11-22, or -7d)", option, s);
}

static int64_t read_number(const char *option, const char *s, int64_t max)
{
	int64_t n = 0;

	if (!str_int(s, 1, max, &n))
		cli_fail(EX_USAGE, "bad --%s %s (allowed: 1 to %lld)", option, s, (long long)max);
	return n;
}

static const struct option options[] = {
    {"actor", required_argument, NULL, 'a'},
    {"action", required_argument, NULL, 'n'},
    {"since", required_argument, NULL, 's'},
    {"until", required_argument, NULL, 'u'},
    {"limit", required_argument, NULL, 'l'},
    {"before", required_argument, NULL, 'b'},
    {0},
};

static bool take_option(int c, struct asked *ask, int64_t limit_max)
{
	switch (c) {
	case 'a':
		ask->filter.actor = optarg;
		return true;
	case 'n':
		ask->filter.action = optarg;
		return true;
	case 's':
		ask->filter.since = read_time("since", optarg);
		return true;
	case 'u':
		ask->filter.until = read_time("until", optarg);
		return true;
	case 'l':
		ask->limit = read_number("limit", optarg, limit_max);
		return true;
	case 'b':
		ask->filter.before = read_number("before", optarg, INT64_MAX);
		return true;
	default:
		return false;
	}
}

/* False: say how it is used. */
static bool read_asked(int argc, char **argv, struct asked *ask, int64_t limit_max)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_option(c, ask, limit_max))
			return false;
	ask->filter.org_id = cli_org();
	return optind == argc;
}

/* The next page of at most `left` rows (0: as many as it has); *next is 0 at the end. */
static enum rc read_page(struct asked *ask, int64_t left, struct arena *a, struct audit_row **rows,
    size_t *n, int64_t *next, struct err *err)
{
	enum rc rc;

	ask->filter.limit = left > 0 && left < PAGE ? (int)left : PAGE;
	rc = audit_list(cli_db(), &ask->filter, a, rows, n, next, err);
	ask->filter.before = *next;
	return rc;
}

/* ---- for people ---- */

static const char *where(const struct audit_row *row)
{
	if (!*row->address)
		return row->via;
	return arena_join(&cli.arena, row->via, *row->via ? " " : "", row->address, NULL);
}

static void print_row(const struct audit_row *row)
{
	const char *detail = strcmp(row->detail, "{}") == 0 ? "" : row->detail;
	char at[CLOCK_ISO_SIZE];

	printf("%8lld  %s  %-16s  %-24s  %-16s  %s%s%s\n", (long long)row->id,
	    clock_iso(row->at, at), *row->actor ? cli_clean(row->actor) : "-",
	    cli_clean(where(row)), row->action, cli_clean(row->object), *detail ? "  " : "",
	    cli_clean(detail));
}

static int answer(struct view *all, int64_t next, const struct asked *ask)
{
	struct view *v = view_obj(&cli.arena);

	if (!cli.json) {
		if (next)
			fprintf(
			    stderr, "older ones: --before %lld\n", (long long)ask->filter.before);
		return EX_OK;
	}
	view_put(v, "audit", all);
	if (next)
		view_int(v, "next", next);
	else
		view_null(v, "next");
	cli_print_json(v);
	return EX_OK;
}

static int list(int argc, char **argv)
{
	struct asked ask = {.limit = 50};
	struct view *all = view_list(&cli.arena);
	int64_t next = 1, count = 0;
	struct audit_row *rows;
	struct err err;
	size_t n;

	if (!read_asked(argc, argv, &ask, LIST_MAX))
		return cli_usage(audit_usage);
	while (next && count < ask.limit) {
		if (read_page(&ask, ask.limit - count, &cli.arena, &rows, &n, &next, &err) != RC_OK)
			return cli_report(&err);
		for (size_t i = 0; i < n; i++)
			if (cli.json)
				view_push(all, audit_view(&cli.arena, &rows[i]));
			else
				print_row(&rows[i]);
		count += (int64_t)n;
	}
	return answer(all, next, &ask);
}

/* ---- for archives ---- */

static void write_rows(const struct audit_row *rows, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++)
		cli_print_json(audit_view(a, &rows[i]));
}

static int export_all(int argc, char **argv)
{
	struct asked ask = {0};
	int64_t next = 1, count = 0;
	struct audit_row *rows;
	struct arena page;
	struct err err;
	enum rc rc = RC_OK;
	size_t n;

	if (!read_asked(argc, argv, &ask, INT64_MAX))
		return cli_usage(audit_usage);
	arena_init(&page);
	while (next && (!ask.limit || count < ask.limit) && !ferror(stdout)) {
		rc = read_page(&ask, ask.limit - count, &page, &rows, &n, &next, &err);
		if (rc != RC_OK)
			break;
		write_rows(rows, n, &page);
		count += (int64_t)n;
		arena_clear(&page);
	}
	arena_release(&page);
	return rc == RC_OK ? EX_OK : cli_report(&err);
}

int cmd_audit(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "export") == 0)
		return export_all(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "list") == 0)
		return list(argc - 1, argv + 1);
	return list(argc, argv);
}
