/*
 * Reading parameters from the command line.
 */
#include "cli/params.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"

/* Value of DROPMILL_PARAM_NAME. */
static const char *from_environment(const char *name)
{
	char *variable = arena_printf(&cli.arena, "DROPMILL_PARAM_%s", name);
	const char *value;

	for (char *s = variable; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
	value = getenv(variable);
	if (!value)
		cli_fail(EX_USAGE, "--param %s has no value, and %s is not set", name, variable);
	return value;
}

void cli_params_add(struct cli_params *given, const char *arg)
{
	size_t len = strcspn(arg, "=");
	struct param_given *list;
	const char *value;

	if (!len)
		cli_fail(EX_USAGE, "--param takes NAME=VALUE, not \"%s\"", arg);
	value = arg[len] ? arg + len + 1 : from_environment(arg);
	list = arena_alloc(&cli.arena, (given->n + 1) * sizeof *list);
	if (given->n)
		memcpy(list, given->list, given->n * sizeof *list);
	list[given->n++] = (struct param_given){.name = arena_strndup(&cli.arena, arg, len),
	    .name_len = len,
	    .value = value,
	    .value_len = strlen(value)};
	given->list = list;
}

void cli_params_mark_files(struct cli_params *given, const struct params *declared)
{
	for (size_t i = 0; i < given->n; i++) {
		struct param_given *g = &given->list[i];
		const struct param *p = param_find(declared, g->name, g->name_len);

		g->is_file = p && p->kind == PARAM_KIND_FILE && g->value_len;
	}
}
