/*
 * dropmill types explain: what exactly a type would run for a file. The processor says it, by the
 * functions that run jobs; here it is asked and printed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/params.h"
#include "cli/program.h"
#include "core/argv.h"
#include "core/clock.h"
#include "core/jobtype.h"
#include "core/str.h"

/* ---- asking ---- */

/* A path that holds anywhere; what it names need not be there. */
static const char *absolute(const char *path)
{
	char here[4096];

	if (*path == '/')
		return path;
	if (!getcwd(here, sizeof here))
		cli_fail(EX_OSERR, "cannot find the current directory: %s", strerror(errno));
	return arena_printf(&cli.arena, "%s/%s", here, path);
}

static void add_input(struct view *inputs, const char *path, const char *param)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct view *v = view_obj(&cli.arena);
	char clean[256];

	if (!str_clean_name(name, strlen(name), clean))
		cli_fail(EX_DATAERR, "not a file name: %s", name);
	view_str(v, "path", absolute(path));
	view_str(v, "param", param);
	view_push(inputs, v);
}

/* The parameters as the command would be given them, without saying secrets; files of theirs are
 * inputs. */
static struct view *add_params(
    const struct jobtype *t, struct cli_params *given, struct view *inputs)
{
	struct view *texts = view_obj(&cli.arena);
	const char **values, *field;
	struct err err;

	cli_params_mark_files(given, &t->params);
	if (param_check(&t->params, given->list, given->n, &cli.arena, &values, &field, &err) !=
	    RC_OK)
		cli_fail(EX_DATAERR, "%s: %s", field, err.text);
	for (size_t i = 0; i < t->params.n; i++) {
		const struct param *p = &t->params.list[i];

		if (values[i] && p->kind != PARAM_KIND_FILE)
			view_str(texts, p->name,
			    p->kind == PARAM_KIND_SECRET ? PARAM_HIDDEN : values[i]);
	}
	for (size_t i = 0; i < given->n; i++)
		if (given->list[i].is_file)
			add_input(inputs, given->list[i].value, given->list[i].name);
	return texts;
}

/* Ends the program with the processor's exit code when it says no; it has said why. */
static struct view *ask(const struct jobtype *t, int n, char **files, struct cli_params *given)
{
	const char *argv[] = {program_beside("dropmill-processor"), "--explain", NULL, NULL, NULL};
	struct view *question = view_obj(&cli.arena), *inputs = view_list(&cli.arena), *plan;
	const char *said;
	struct buf text;
	struct err err;
	int code;

	if (cli_config()->file) {
		argv[2] = "-c";
		argv[3] = cli_config()->file;
	}
	for (int i = 0; i < n; i++)
		add_input(inputs, files[i], NULL);
	view_str(question, "type", t->name);
	view_put(question, "values", add_params(t, given, inputs));
	view_put(question, "inputs", inputs);
	buf_init(&text);
	view_json(question, &text);
	said = program_ask(argv, text.data, &code);
	buf_release(&text);
	if (code)
		exit(code);
	if (view_parse(&cli.arena, said, strlen(said), &plan, &err) != RC_OK)
		cli_fail(EX_SOFTWARE, "dropmill-processor: %s", err.text);
	return plan;
}

/* ---- printing ---- */

static void print_words(const char *label, const struct view *list)
{
	struct buf out;

	buf_init(&out);
	for (size_t i = 0; i < view_len(list); i++) {
		buf_addc(&out, ' ');
		argv_quote(view_text(view_at(list, i)), &out);
	}
	if (out.len)
		printf("%-12s%s\n", label, cli_clean(out.data));
	buf_release(&out);
}

/* As a file of a type has it: "512M". */
static const char *size_words(int64_t bytes)
{
	static const char units[] = "KMGT";
	char unit[2] = "";

	for (size_t i = 0; units[i] && bytes && bytes % 1024 == 0; i++, bytes /= 1024)
		unit[0] = units[i];
	return arena_printf(&cli.arena, "%lld%s", (long long)bytes, unit);
}

static void print_mounts(const struct view *list)
{
	for (size_t i = 0; i < view_len(list); i++) {
		const struct view *m = view_at(list, i);
		const char *at = view_text(view_get(m, "at")),
			   *from = view_text(view_get(m, "from"));
		int64_t bytes = view_number(view_get(m, "bytes"));
		bool same = strcmp(at, from) == 0;

		printf("mount        %-20s %s%s%s%s%s\n", cli_clean(at),
		    view_text(view_get(m, "access")), same ? "" : ", ", same ? "" : cli_clean(from),
		    bytes ? ", at most " : "", bytes ? size_words(bytes) : "");
	}
}

static void print_limits(const struct jobtype *t, const struct view *plan)
{
	const struct view *list = view_get(plan, "limits");
	char text[CLOCK_ISO_SIZE];

	printf("timeout      %s\n", clock_words(t->timeout_ms, text));
	printf("memory       %s\n", size_words(t->memory_bytes));
	printf("output_max   %s\n", size_words(t->output_max_bytes));
	printf("attempts     %lld\n", (long long)t->attempts);
	if (t->concurrency)
		printf("concurrency  %lld\n", (long long)t->concurrency);
	for (size_t i = 0; list && i < view_len(list); i++) {
		const struct view *limit = view_at(list, i);

		printf("limit        at most %lld %s\n",
		    (long long)view_number(view_get(limit, "value")),
		    view_text(view_get(limit, "of")));
	}
}

static void print_plan(const struct jobtype *t, const struct view *plan)
{
	const struct view *environment = view_get(plan, "environment"),
			  *sandbox = view_get(plan, "sandbox");

	print_words("command", view_get(plan, "argv"));
	for (size_t i = 0; i < view_len(environment); i++)
		printf("environment  %s\n", cli_clean(view_text(view_at(environment, i))));
	printf("network      %s\n", t->network || !sandbox ? "yes, the host's" : "no");
	if (sandbox) {
		print_mounts(view_get(plan, "mounts"));
		print_words("refused", view_get(plan, "refused"));
		print_words("sandbox", sandbox);
	} else {
		printf("sandbox      none: sandbox = off\n");
	}
}

int types_explain(int argc, char **argv)
{
	static const struct option options[] = {{"param", required_argument, NULL, 'p'}, {0}};
	struct cli_params given = {0};
	const struct jobtype *t;
	struct view *plan = NULL;
	struct jobtypes types;
	struct view *v;
	int c, n;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'p')
			return cli_usage(types_usage);
		cli_params_add(&given, optarg);
	}
	n = argc - optind - 1;
	if (n < 1)
		return cli_usage(types_usage);
	types_read(0, NULL, &types);
	for (size_t i = 0; i < types.bad_count; i++)
		cli_complain("%s", types.bad[i].why);
	t = jobtype_find(&types, argv[optind]);
	if (!t)
		cli_fail(EX_DATAERR, "no such job type: %s", argv[optind]);
	if (n > 1 && !t->many)
		cli_fail(EX_DATAERR, "job type %s takes one file at a time", t->name);
	if (*t->command) {
		const char *missing = jobtype_missing(cli_config(), t, &cli.arena);

		if (missing)
			cli_complain("program is missing: %s", missing);
		plan = ask(t, n, argv + optind + 1, &given);
	}
	if (cli.json) {
		v = jobtype_view(t, &cli.arena);
		for (size_t i = 0; plan && i < view_len(plan); i++)
			view_put(v, view_name(plan, i),
			    (struct view *)(uintptr_t)view_get(plan, view_name(plan, i)));
		cli_print_json(v);
		return EX_OK;
	}
	printf("type         %s, from %s\n", t->name, cli_clean(t->file));
	if (plan)
		print_plan(t, plan);
	else
		printf("command      none: people and outside programs move its jobs\n");
	print_limits(t, plan);
	return EX_OK;
}
