/*
 * dropmill types: which job types there are, whether their files are right, and what exactly a type
 * would run for a file.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/params.h"
#include "cli/packages.h"
#include "cli/selftest.h"
#include "core/argv.h"
#include "core/clock.h"
#include "core/ini.h"
#include "core/jobtype.h"
#include "core/str.h"

const char types_usage[] = "types list | pause TYPE... | resume TYPE... | check [FILE...] | "
			   "selftest [TYPE...] | "
			   "explain TYPE FILE... [--param NAME=VALUE]...";

/* ---- list: what is published
 * ----------------------------------------------------------------------- */

static struct view *published_view(const struct jobtype *t)
{
	struct view *v = jobtype_view(t, &cli.arena);

	view_int(v, "version", t->version);
	view_bool(v, "available", t->available);
	view_bool(v, "paused", t->paused);
	return v;
}

static int list(void)
{
	struct view *v = view_obj(&cli.arena), *all = view_list(&cli.arena);
	struct jobtypes types;
	struct err err;

	if (jobtype_load_db(cli_db(), &cli.arena, &types, &err) != RC_OK)
		return cli_report(&err);
	for (size_t i = 0; i < types.n; i++)
		view_push(all, published_view(&types.list[i]));
	if (cli.json) {
		view_put(v, "types", all);
		cli_print_json(v);
		return EX_OK;
	}
	for (size_t i = 0; i < types.n; i++) {
		const struct jobtype *t = &types.list[i];
		const char *missing =
		    t->available ? NULL : jobtype_missing(cli_config(), t, &cli.arena);

		printf("%-20s  version %-3lld  %s%s%s%s%s\n", t->name, (long long)t->version,
		    cli_clean(t->title), t->paused ? "  (paused)" : "",
		    t->available ? "" : "  (not available: ",
		    missing        ? cli_clean(missing)
		    : t->available ? ""
				   : "its program",
		    t->available ? "" : " is missing)");
	}
	if (!types.n)
		fputs("no job type is published yet; the processor does that when it starts\n",
		    stderr);
	return EX_OK;
}

/* ---- check: the files
 * --------------------------------------------------------------------------------- */

/* Files as given, or all of the configured directories. */
static void read_types(int argc, char **argv, struct jobtypes *types)
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

	read_types(argc, argv, &types);
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

/* ---- explain: one run
 * --------------------------------------------------------------------------------- */

static void print_words(const char *label, const char *const *list)
{
	struct buf out;

	if (!*list)
		return;
	buf_init(&out);
	for (; *list; list++) {
		buf_addc(&out, ' ');
		argv_quote(*list, &out);
	}
	printf("%-12s%s\n", label, cli_clean(out.data));
	buf_release(&out);
}

/* A limit as the file has it: "512M". */
static const char *limit(int64_t bytes)
{
	static const char units[] = "KMGT";
	char unit[2] = "";

	for (size_t i = 0; units[i] && bytes && bytes % 1024 == 0; i++, bytes /= 1024)
		unit[0] = units[i];
	return arena_printf(&cli.arena, "%lld%s", (long long)bytes, unit);
}

static void print_explained(
    const struct jobtype *t, const char *const *argv, const char *const *environment)
{
	char text[CLOCK_ISO_SIZE];

	printf("type         %s, from %s\n", t->name, cli_clean(t->file));
	if (t->manual)
		printf("command      none: people and outside programs move its jobs\n");
	print_words("command", argv);
	for (; *environment; environment++)
		printf("environment  %s\n", cli_clean(*environment));
	print_words("requires", t->requires);
	print_words("read", t->read);
	printf("network      %s\n", t->network ? "yes, the host's" : "no");
	printf("timeout      %s\n", clock_words(t->timeout_ms, text));
	printf("memory       %s\n", limit(t->memory_bytes));
	printf("output_max   %s\n", limit(t->output_max_bytes));
	printf("attempts     %lld\n", (long long)t->attempts);
	if (t->concurrency)
		printf("concurrency  %lld\n", (long long)t->concurrency);
}

/* Names of the files as the command would find them; *first is the display name of the first. */
static const char **input_paths(int n, char **files, const char **first)
{
	const char **inputs = arena_zalloc(&cli.arena, ((size_t)n + 1) * sizeof *inputs);

	for (int i = 0; i < n; i++) {
		const char *slash = strrchr(files[i], '/'), *name = slash ? slash + 1 : files[i];
		char clean[256];

		if (!str_clean_name(name, strlen(name), clean))
			cli_fail(EX_DATAERR, "not a file name: %s", name);
		if (!i)
			*first = arena_strdup(&cli.arena, clean);
		inputs[i] = arena_printf(&cli.arena, "%s/%s", JOBTYPE_IN, clean);
	}
	return inputs;
}

/* What the command would be given for the parameters, without saying secrets. */
static const char **run_values(const struct jobtype *t, struct cli_params *given)
{
	const char **values, *field;
	struct err err;

	cli_params_mark_files(given, &t->params);
	if (param_check(&t->params, given->list, given->n, &cli.arena, &values, &field, &err) !=
	    RC_OK)
		cli_fail(EX_DATAERR, "%s: %s", field, err.text);
	for (size_t i = 0; i < t->params.n; i++) {
		if (values[i] && t->params.list[i].kind == PARAM_KIND_SECRET)
			values[i] = PARAM_HIDDEN;
		if (values[i] && t->params.list[i].kind == PARAM_KIND_FILE)
			values[i] = arena_printf(&cli.arena, "%s/%s", JOBTYPE_IN, values[i]);
	}
	return values;
}

static struct view *words_view(const char *const *list)
{
	struct view *words = view_list(&cli.arena);

	for (; *list; list++)
		view_push_str(words, *list);
	return words;
}

static int explain(const char *name, int n, char **files, struct cli_params *given)
{
	struct jobtype_run run = {.output = JOBTYPE_OUT};
	const char **argv, **environment, *program;
	const struct jobtype *t;
	struct jobtypes types;
	struct view *v;
	struct err err;

	read_types(0, NULL, &types);
	for (size_t i = 0; i < types.bad_count; i++)
		cli_complain("%s", types.bad[i].why);
	t = jobtype_find(&types, name);
	if (!t)
		cli_fail(EX_DATAERR, "no such job type: %s", name);
	if (n > 1 && !t->many)
		cli_fail(EX_DATAERR, "job type %s takes one file at a time", name);
	run.inputs = input_paths(n, files, &run.name);
	run.values = run_values(t, given);
	if (jobtype_argv(t, &run, &cli.arena, &argv, &err) != RC_OK)
		return cli_report(&err);
	environment = jobtype_environment(t, run.values, &cli.arena);
	program = t->manual ? NULL : jobtype_program(cli_config(), argv[0], &cli.arena);
	if (!program && !t->manual)
		cli_complain("program is missing: %s", argv[0]);
	else if (program)
		argv[0] = program;
	if (!cli.json) {
		print_explained(t, argv, environment);
		return EX_OK;
	}
	v = jobtype_view(t, &cli.arena);
	view_put(v, "argv", words_view(argv));
	view_put(v, "environment", words_view(environment));
	cli_print_json(v);
	return EX_OK;
}

static int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {{"param", required_argument, NULL, 'p'}, {0}};
	struct cli_params given = {0};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'p')
			return cli_usage(types_usage);
		cli_params_add(&given, optarg);
	}
	if (argc - optind < 2)
		return cli_usage(types_usage);
	return explain(argv[optind], argc - optind - 1, argv + optind + 1, &given);
}

static int selftest(int argc, char **argv)
{
	struct jobtypes types;

	read_types(0, NULL, &types);
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
		return cmd_explain(argc - 1, argv + 1);
	return cli_usage(types_usage);
}
