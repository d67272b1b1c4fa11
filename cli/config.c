/*
 * dropmill config: the settings in force, one of them, or a commented file to begin with.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"

static const char usage[] = "config print | get KEY | sample [KEY=VALUE...]";

static int print(void)
{
	struct view *v = view_obj(&cli.arena);
	struct buf out;

	buf_init(&out);
	if (cli.json) {
		for (size_t i = 0; config_key(i); i++) {
			buf_clear(&out);
			config_get(cli_config(), config_key(i), &out);
			view_str(v, config_key(i), out.data);
		}
		cli_print_json(v);
	} else {
		config_print(cli_config(), &out);
		fputs(out.data, stdout);
	}
	buf_release(&out);
	return EX_OK;
}

static int get(const char *key)
{
	struct buf out;
	bool found;

	buf_init(&out);
	found = config_get(cli_config(), key, &out);
	if (found)
		puts(out.data);
	else
		cli_complain("no such key: %s", key);
	buf_release(&out);
	return found ? EX_OK : EX_USAGE;
}

static int sample(int argc, char **argv)
{
	struct config_set *set = arena_alloc(&cli.arena, ((size_t)argc + 1) * sizeof *set);
	struct buf out;
	struct err err;
	enum rc rc;

	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');

		if (!equals)
			return cli_usage(usage);
		set[i].key = arena_strndup(&cli.arena, argv[i], (size_t)(equals - argv[i]));
		set[i].value = equals + 1;
	}
	buf_init(&out);
	rc = config_sample(set, (size_t)argc, &out, &err);
	if (rc == RC_OK)
		fputs(out.data, stdout);
	buf_release(&out);
	return rc == RC_OK ? EX_OK : cli_report(&err);
}

int cmd_config(int argc, char **argv)
{
	if (argc == 1 || (argc == 2 && strcmp(argv[1], "print") == 0))
		return print();
	if (argc == 3 && strcmp(argv[1], "get") == 0)
		return get(argv[2]);
	if (argc >= 2 && strcmp(argv[1], "sample") == 0)
		return sample(argc - 2, argv + 2);
	return cli_usage(usage);
}
