/*
 * dropmill types: which job types there are, and whether their files are right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/source.h"
#include "cli/packages.h"
#include "cli/selftest.h"
#include "core/ini.h"
#include "core/jobtype.h"

const char types_usage[] = "types list | pause TYPE... | resume TYPE... | check [FILE...] | "
			   "selftest [TYPE...] | "
			   "explain TYPE FILE... [--param NAME=VALUE]...";

/* ---- list: what is published
 * ----------------------------------------------------------------------- */

static struct view *published_view(const struct jobtype *t)
{
	struct view *v = jobtype_view(t, &cli.arena);

	if (!t->available)
		view_str(v, "missing", jobtype_missing(cli_config(), t, &cli.arena));
	view_int(v, "version", t->version);
	view_bool(v, "available", t->available);
	view_bool(v, "paused", t->paused);
	return v;
}

static enum rc published(struct view *all, struct err *err)
{
	struct jobtypes types;
	enum rc rc = jobtype_load_db(cli_db(), &cli.arena, &types, err);

	for (size_t i = 0; rc == RC_OK && i < types.n; i++)
		view_push(all, published_view(&types.list[i]));
	return rc;
}

static void print_types(const struct view *all)
{
	for (size_t i = 0; i < view_len(all); i++) {
		const struct view *t = view_at(all, i);
		const char *missing = text_of(t, "missing");

		printf("%-20s  version %-3lld  %s%s", cli_clean(text_of(t, "name")),
		    (long long)number_of(t, "version"), cli_clean(text_of(t, "title")),
		    is_true(t, "paused") ? "  (paused)" : "");
		if (!is_true(t, "available"))
			printf("  (not available: %s is missing)",
			    *missing ? cli_clean(missing) : "its program");
		putchar('\n');
	}
	if (!view_len(all))
		fputs("no job type is published yet; the processor does that when it starts\n",
		    stderr);
}

static int list(void)
{
	struct view *v = view_obj(&cli.arena), *here = view_list(&cli.arena);
	const struct view *all = here;
	struct err err;

	if ((cli.server ? remote_types(&all, &err) : published(here, &err)) != RC_OK)
		return cli_report(&err);
	if (cli.json) {
		view_put(v, "types", (struct view *)all);
		cli_print_json(v);
	} else {
		print_types(all);
	}
	return EX_OK;
}

/* ---- check: the files
 * --------------------------------------------------------------------------------- */

void types_read(int argc, char **argv, struct jobtypes *types)
{
	struct err err;

	*types = (struct jobtypes){0};
	if (!argc) {
		if (jobtype_load_dirs(cli_config(), &cli.arena, types, &err) != RC_OK)
			exit(cli_report(&err));
		return;
	}
	types->bad = arena_alloc(&cli.arena, (size_t)argc * sizeof *types->bad);
	for (int i = 0; i < argc; i++) {
		char *text;
		size_t len;

		if (ini_slurp(argv[i], &cli.arena, &text, &len, &err) != RC_OK ||
		    jobtype_parse(types, argv[i], text, len, &cli.arena, &err) != RC_OK)
			types->bad[types->bad_count++] =
			    (struct jobtype_bad){argv[i], arena_strdup(&cli.arena, err.text)};
	}
}

static int check(int argc, char **argv)
{
	struct view *v = view_obj(&cli.arena), *good = view_list(&cli.arena),
		    *bad = view_list(&cli.arena);
	struct jobtypes types;

	types_read(argc, argv, &types);
	for (size_t i = 0; i < types.n; i++) {
		const struct jobtype *t = &types.list[i];
		const char *missing = jobtype_missing(cli_config(), t, &cli.arena);
		struct view *row = view_obj(&cli.arena);

		view_str(row, "name", t->name);
		view_str(row, "file", t->file);
		view_str(row, "missing", missing);
		view_push(good, row);
		if (!cli.json)
			printf("%-5s %s (%s)%s%s\n", missing ? "warn" : "ok", t->name,
			    cli_clean(t->file), missing ? ": program is missing: " : "",
			    cli_clean(missing));
	}
	for (size_t i = 0; i < types.bad_count; i++) {
		view_push_str(bad, types.bad[i].why);
		if (!cli.json)
			printf("fail  %s\n", cli_clean(types.bad[i].why));
	}
	view_put(v, "types", good);
	view_put(v, "errors", bad);
	if (cli.json)
		cli_print_json(v);
	return types.bad_count ? EX_DATAERR : EX_OK;
}

static int selftest(int argc, char **argv)
{
	struct jobtypes types;

	types_read(0, NULL, &types);
	for (size_t i = 0; i < types.bad_count; i++)
		cli_complain("%s", types.bad[i].why);
	return selftest_run(&types, argc, argv);
}

int cmd_types(int argc, char **argv)
{
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
		return list();
	if (argc >= 3 && (strcmp(argv[1], "pause") == 0 || strcmp(argv[1], "resume") == 0))
		return cmd_types_pause(argc - 2, argv + 2, strcmp(argv[1], "pause") == 0);
	if (argc >= 2 && strcmp(argv[1], "check") == 0)
		return check(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "selftest") == 0)
		return selftest(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "explain") == 0)
		return types_explain(argc - 1, argv + 1);
	return cli_usage(types_usage);
}
