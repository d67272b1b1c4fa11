/*
 * Fuzzes the files of job types. What is taken survives the way to the database and back, and a
 * file name of any kind never adds an argument to a command nor turns one into an option. The input
 * is a file name, a NUL, and the text of a definition.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/jobtype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct jobtype *t, struct arena *a)
{
	struct buf before, after;
	struct jobtype back;

	buf_init(&before);
	buf_init(&after);
	view_json(jobtype_view(t, a), &before);
	if (jobtype_from_json(before.data, before.len, a, &back, NULL) != RC_OK)
		abort();
	view_json(jobtype_view(&back, a), &after);
	if (strcmp(before.data, after.data) != 0)
		abort();
	buf_release(&before);
	buf_release(&after);
}

static void check_argv(const struct jobtype *t, const char *name, struct arena *a)
{
	static const char *const inputs[] = {"/job/in/x", NULL};
	struct jobtype_run run = {.inputs = inputs, .name = name, .output = "/job/out"};
	bool options_over = false;
	const char **argv;
	size_t i;

	if (jobtype_argv(t, &run, a, &argv, NULL) != RC_OK)
		return;
	for (i = 0; t->command[i]; i++) {
		const char *e = t->command[i];

		/* With one input each element gives exactly one argument. */
		if (!argv[i])
			abort();
		if (!strchr(e, '{') && strcmp(e, argv[i]) != 0)
			abort();
		if (!options_over && argv[i][0] == '-' && e[0] != '-')
			abort();
		options_over |= strcmp(e, "--") == 0;
	}
	if (argv[i])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	struct jobtypes types = {0};
	struct arena a;
	const char *name, *text;

	if (!nul)
		return 0;
	arena_init(&a);
	name = arena_strdup(&a, (const char *)data);
	text = (const char *)nul + 1;
	size -= (size_t)(nul - data) + 1;
	if (jobtype_parse(&types, "fuzz.conf", text, size, &a, NULL) == RC_OK)
		for (size_t i = 0; i < types.n; i++) {
			check_round_trip(&types.list[i], &a);
			check_argv(&types.list[i], name, &a);
			jobtype_accepts(&types.list[i], "text/plain", name);
		}
	arena_release(&a);
	return 0;
}
