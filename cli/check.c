/*
 * `dropmill check`: the invariants of database and store, read in full. For the day after a crash
 * or a restored backup, and for the tests; it reads everything, so not for every minute.
 */
#include <stdio.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/check.h"

static void note(void *arg, const char *text)
{
	struct view *list = arg;

	if (cli.json)
		view_push_str(list, text);
	else
		printf("wrong: %s\n", cli_clean(text));
}

int cmd_check(int argc, char **argv)
{
	struct view *list = view_list(&cli.arena), *answer = view_obj(&cli.arena);
	struct db *db;
	struct store store;
	struct err err;
	int64_t bad;

	(void)argv;
	if (argc != 1)
		return cli_usage("check");
	db = cli_db();
	if (store_open(cli_config(), &store, &err) != RC_OK)
		return cli_report(&err);
	if (check_run(db, &store, note, list, &bad, &err) != RC_OK)
		return cli_report(&err);
	store_close(&store);
	if (cli.json) {
		view_int(answer, "bad", bad);
		view_put(answer, "wrong", list);
		cli_print_json(answer);
	} else if (!bad) {
		puts("database and store agree");
	}
	return bad ? 1 : EX_OK;
}
