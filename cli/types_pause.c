/*
 * dropmill types pause and resume: nobody claims jobs of a type until it is resumed. What runs goes
 * on, what waits stays where it is, and reloading the processor changes nothing about it.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/doorbell.h"
#include "core/jobtype.h"

int cmd_types_pause(int n, char **names, bool pause)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);
	int code = EX_OK;

	for (int i = 0; i < n; i++) {
		struct view *row = view_obj(&cli.arena);
		struct err err;

		if (jobtype_pause(cli_db(), cli_scope(), names[i], pause, &err) != RC_OK) {
			code = cli_report(&err);
			continue;
		}
		view_str(row, "name", names[i]);
		view_bool(row, "paused", pause);
		view_push(list, row);
		if (!cli.json)
			printf("%s %s\n", names[i], pause ? "paused" : "resumed");
	}
	doorbell_ring(cli_config());
	view_put(v, "types", list);
	if (cli.json)
		cli_print_json(v);
	return code;
}
