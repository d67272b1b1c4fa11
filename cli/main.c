/*
 * dropmill: administration and scripting, one verb a run.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/log.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{ "render", cmd_render, "FILE [--partials DIR] < data.json: render a Mustache template" },
};

static int help(FILE *out, int code)
{
	fputs("usage: dropmill VERB ...\n", out);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
	return code;
}

int main(int argc, char **argv)
{
	log_init("dropmill");
	if (argc < 2)
		return help(stderr, EX_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return help(stdout, EX_OK);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "dropmill: no such verb: %s\n", argv[1]);
	return help(stderr, EX_USAGE);
}
