/*
 * The verbs of the program dropmill, and what they share. A verb is called with its own name as
 * argv[0], without the options that hold for all of them (-c, --json), and returns the exit code of
 * the program: 0, 1 for a "no" (a failed job, a failed check), or one of sysexits.h.
 *
 * It is a program that does one thing and ends, so the helpers here end it when they cannot give
 * what was asked for.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/config.h"
#include "core/db.h"
#include "core/scope.h"
#include "core/view.h"

/* What holds for the whole run. */
struct cli {
	const char *config_file; /* of -c; NULL: none given */
	bool json;
	const char *org, *project; /* of --org and --project; NULL: the first */
	const char *server;        /* of --server or DROPMILL_SERVER; NULL: this machine */
	const char *token_file;    /* of --token-file; NULL: DROPMILL_TOKEN */
	struct arena arena;        /* lives until the end of the program */
};
extern struct cli cli;

int cmd_audit(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_job(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_org(int argc, char **argv);
int cmd_project(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_seed(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_submit(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_types(int argc, char **argv);
/* Pause or resume the types named: part of `types`. */
int cmd_types_pause(int n, char **names, bool pause);
int cmd_user(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/* What cmd_check finds of the configured state: printed, and put into answer ("bad", "wrong"). 0,
 * 1, or the code of what kept us from looking. */
int check_state(struct view *answer);

/* A verb of a verb; lists of them end with a NULL name. */
struct cli_verb {
	const char *name;
	int (*run)(int argc, char **argv);
};

/* Run the one that argv[1] names, with its own name as argv[0]; "list" when there is none. */
int cli_run_verb(const struct cli_verb *verbs, int argc, char **argv, const char *usage);

/* Job types of these files, or of all in the configured directories; types->bad lists what is wrong
 * with the others. */
struct jobtypes;
void types_read(int argc, char **argv, struct jobtypes *types);

/* Verbs of verbs that have a file of their own. */
int types_explain(int argc, char **argv);
int job_set(int argc, char **argv);
int job_show(int argc, char **argv);

/* How verbs with verbs of their own are used. */
extern const char audit_usage[], job_usage[], org_usage[], project_usage[], submit_usage[],
    token_usage[], types_usage[], user_usage[];

/* "3 min" of a time gone by, in the arena. */
const char *cli_age(int64_t wall_ms);

/* The configuration, loaded at the first call; ends the program with 78 if it is not valid. */
const struct config *cli_config(void);

/* Started by root: become the owner of the state (of the database, or else of its directory), so
 * that nothing root made stands in the way of the servers. Files that only root may read are opened
 * before. Called by cli_db. */
void cli_become_owner(void);

/* Started by root, and to stay root's: act for a while as whoever owns that path (or the directory
 * it will lie in), so that what is made there is theirs. NULL: as root again. Nothing where we are
 * not root. */
void cli_act_as_owner(const char *path);

/* The database, opened at the first call as the owner of the state; ends the program with 69 if it
 * cannot be opened. Never closed: the end of the program does that. */
struct db *cli_db(void);

/* In whose name the command line acts: the local user, who may do all, of the org and project of
 * --org and --project; the audit log names the user of the system. Ends the program with 65 if
 * there is no such org or project. */
const struct scope *cli_scope(void);

/* The id of the org that --org names; 0: none was named. Ends the program with 65 likewise. */
int64_t cli_org(void);

/* The user of that name (of that org, if one was named), in cli.arena. Ends the program with 65 if
 * there is none. */
struct user;
void cli_user(const char *name, struct user *u);

/* How many processors were heard of within a lease; ends the program with 69 if nobody can tell. */
int cli_processors_alive(void);

/* "dropmill: message" on stderr, control characters replaced. */
void cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the end. */
_Noreturn void cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The exit code for a result: 65 for wrong input, 1 for a state that does not allow it, 75 try
 * again, 69 database, 71 system. */
int cli_exit_code(enum rc rc);

/* Print err and return its exit code. */
int cli_report(const struct err *err);

/* Print a value as one line of JSON on stdout. */
void cli_print_json(const struct view *v);

/* Text for a terminal: control characters replaced, in the arena. */
const char *cli_clean(const char *s);

/* How a verb is used, on stderr; returns 64. */
int cli_usage(const char *text);

#endif
