/*
 * `dropmill check`: the invariants of database and store, read in full. For the day after a crash
 * or a restored backup, and for the tests; it reads everything, so not for every minute.
 */
#include <stdio.h>
#include <stdlib.h>
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

int check_state(struct view *answer)
{
	struct view *list = view_list(&cli.arena);
	struct db *db = cli_db();
	struct store store;
	struct err err;
	int64_t bad;

	if (store_open(cli_config(), &store, &err) != RC_OK)
		return cli_report(&err);
	if (check_run(db, &store, note, list, &bad, &err) != RC_OK)
		return cli_report(&err);
	store_close(&store);
	view_int(answer, "bad", bad);
	view_put(answer, "wrong", list);
	if (!cli.json && !bad)
		puts("database and store agree");
	return bad ? EXIT_FAILURE : EX_OK;
}

int cmd_check(int argc, char **argv)
{
	struct view *answer = view_obj(&cli.arena);
	int code;

	(void)argv;
	if (argc != 1)
		return cli_usage("check");
	code = check_state(answer);
	if (cli.json && view_get(answer, "wrong"))
		cli_print_json(answer);
	return code;
}
