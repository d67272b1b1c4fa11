/*
 * dropmill types pause and resume: nobody claims jobs of a type until it is resumed. What runs goes
 * on, what waits stays where it is, and reloading the processor changes nothing about it.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/remote.h"
#include "core/doorbell.h"
#include "core/jobtype.h"
#include "core/url.h"

static enum rc pause_one(const char *name, bool pause, struct err *err)
{
	struct arena *a = &cli.arena;
	const struct view *v;

	if (cli.server)
		return remote_post(arena_join(a, "/admin/types/", url_escape(a, name),
				       pause ? "/pause" : "/resume", NULL),
		    "", a, &v, err);
	return jobtype_pause(cli_db(), cli_scope(), name, pause, err);
}

int cmd_types_pause(int n, char **names, bool pause)
{
	struct view *v = view_obj(&cli.arena), *list = view_list(&cli.arena);
	int code = EX_OK;

	for (int i = 0; i < n; i++) {
		struct view *row = view_obj(&cli.arena);
		struct err err;

		if (pause_one(names[i], pause, &err) != RC_OK) {
			code = cli_report(&err);
			continue;
		}
		view_str(row, "name", names[i]);
		view_bool(row, "paused", pause);
		view_push(list, row);
		if (!cli.json)
			printf("%s %s\n", names[i], pause ? "paused" : "resumed");
	}
	if (!cli.server)
		doorbell_ring(cli_config());
	view_put(v, "types", list);
	if (cli.json)
		cli_print_json(v);
	return code;
}
