/*
 * dropmill migrate: create the database, or bring it up to date. It may run at every start.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/migrate.h"

int cmd_migrate(int argc, char **argv)
{
	struct view *v;
	struct err err;
	int applied;

	(void)argv;
	if (argc != 1)
		return cli_usage("migrate");
	cli_config();
	cli_become_owner();
	if (migrate_run(cli_config(), &applied, &err) != RC_OK) {
		cli_complain("%s", err.text);
		return err.rc == RC_BUSY ? EX_TEMPFAIL : EX_UNAVAILABLE;
	}
	if (cli.json) {
		v = view_obj(&cli.arena);
		view_int(v, "applied", applied);
		cli_print_json(v);
	} else if (applied) {
		printf("applied %d migration%s\n", applied, applied == 1 ? "" : "s");
	}
	return EX_OK;
}
