/*
 * dropmill: administration and scripting, one verb a run. The table of verbs and the options that
 * hold for all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "core/log.h"
#include "core/sniff.h"
#include "core/version.h"

/* Where a verb works: on the state of this machine alone, there or at a server, or on neither. */
enum where { HERE, ANYWHERE, NOWHERE };

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage, *help; /* help NULL: not listed */
	enum where where;
};

static const struct verb verbs[] = {
    {"audit", cmd_audit, audit_usage, "who did what; export for an archive", HERE},
    {"backup", cmd_backup, "backup DIR", "copy all there is into a new directory, while it runs",
	HERE},
    {"check", cmd_check, "check", "whether database and store agree (reads everything)", HERE},
    {"config", cmd_config, "config print | get KEY | sample [KEY=VALUE...]",
	"show the settings in force, or a commented file", NOWHERE},
    {"doctor", cmd_doctor, "doctor", "whether everything is there, right and running", HERE},
    {"job", cmd_job, job_usage, "list, show, pause, resume, cancel, retry, rm, set", ANYWHERE},
    {"migrate", cmd_migrate, "migrate", "create the database or bring it up to date", HERE},
    {"org", cmd_org, org_usage, "list and make organisations, set their limits", HERE},
    {"project", cmd_project, project_usage, "list, make, rename and delete projects", HERE},
    {"render", cmd_render, "render FILE [--partials DIR] < data.json",
	"render a Mustache template with JSON data", NOWHERE},
    {"restore", cmd_restore, "restore DIR", "put a backup into an empty state", HERE},
    {"seed", cmd_seed, "seed N [--pending TYPE]", NULL, HERE},
    {"submit", cmd_submit, submit_usage, "put files into the queue", ANYWHERE},
    {"stats", cmd_stats, "stats", "jobs by state and type, processors, what is stored", ANYWHERE},
    {"token", cmd_token, token_usage, "list, make and revoke tokens of programs", ANYWHERE},
    {"types", cmd_types, types_usage, "list, check, selftest, explain job types", ANYWHERE},
    {"user", cmd_user, user_usage, "list and make users, give roles, passwords and links", HERE},
    {"watch", cmd_watch, "watch", "the newest jobs, live in the terminal", ANYWHERE},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int help(FILE *out)
{
	fputs("usage: dropmill [-c FILE | --server URL] [--json] VERB ...\n\n", out);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].help)
			fprintf(out, "  %-8s  %s\n", verbs[i].name, verbs[i].help);
	fputs("\n  -c FILE    configuration (else $DROPMILL_CONFIG, else " CONFIG_FILE ")\n"
	      "  --json     answer in JSON, one value on one line\n"
	      "  --server URL         work at that server (else $DROPMILL_SERVER), with the token "
	      "in\n"
	      "                       $DROPMILL_TOKEN: job, stats, submit, token, types, watch\n"
	      "  --token-file FILE    with the token in that file\n"
	      "  --org NAME, --project NAME  which ones it is about; the first of each otherwise\n"
	      "  --help     this, or how a verb is used\n"
	      "  --version  the version\n",
	    out);
	return out == stdout ? EX_OK : EX_USAGE;
}

/* What the options that hold for all verbs said. */
struct common {
	bool help, version;
};

/* Common options that have a value: where it goes. */
static const struct {
	const char *name, *short_name;
	const char **to;
} valued[] = {
    {"--config", "-c", &cli.config_file},
    {"--org", NULL, &cli.org},
    {"--project", NULL, &cli.project},
    {"--server", NULL, &cli.server},
    {"--token-file", NULL, &cli.token_file},
};

/* Take argv[*i] if it is one of them, with its value: 1, 0 if it is none, -1 without a value. */
static int take_valued(int argc, char **argv, int *i)
{
	for (size_t k = 0; k < sizeof valued / sizeof *valued; k++) {
		const char *name = valued[k].name, *arg = argv[*i];
		size_t len = strlen(name);

		if (strcmp(arg, name) == 0 ||
		    (valued[k].short_name && strcmp(arg, valued[k].short_name) == 0)) {
			if (++*i >= argc)
				return -1;
			*valued[k].to = argv[*i];
			return 1;
		}
		if (strncmp(arg, name, len) == 0 && arg[len] == '=') {
			*valued[k].to = arg + len + 1;
			return 1;
		}
	}
	return 0;
}

/* Take the common options out of argv, before and behind the verb, up to "--"; the new argc, or -1.
 */
static int take_common(int argc, char **argv, struct common *common)
{
	int n = 1, i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *arg = argv[i];
		int taken = take_valued(argc, argv, &i);

		if (taken < 0)
			return -1;
		if (taken)
			continue;
		if (strcmp(arg, "--json") == 0)
			cli.json = true;
		else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
			common->help = true;
		else if (strcmp(arg, "--version") == 0 && n == 1)
			common->version = true;
		else if (n == 1 && arg[0] == '-')
			return -1;
		else
			argv[n++] = argv[i];
	}
	while (i < argc)
		argv[n++] = argv[i++];
	argv[n] = NULL;
	return n;
}

/* A verb of this machine's state does not do its work elsewhere than it was told to. */
static int settle_server(const struct verb *verb)
{
	const char *given = getenv("DROPMILL_SERVER");

	if (cli.server && *cli.server && cli.config_file) {
		cli_complain("-c is for this machine and --server for another: give one of them");
		return EX_USAGE;
	}
	if (!cli.server && !cli.config_file)
		cli.server = given;
	if (cli.server && !*cli.server)
		cli.server = NULL;
	if (!cli.server || verb->where == NOWHERE)
		return EX_OK;
	if (verb->where == HERE) {
		cli_complain("%s is about this machine alone, and %s says to work at \"%s\"",
		    verb->name, cli.server == given ? "DROPMILL_SERVER" : "--server", cli.server);
		return EX_USAGE;
	}
	if (cli.org) {
		cli_complain("--org has no meaning at a server: the token says whose it is");
		return EX_USAGE;
	}
	http_check();
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct common common = {0};
	const struct verb *verb;
	int code;

	sniff_child(argc, argv);
	log_init("dropmill");
	arena_init(&cli.arena);
	argc = take_common(argc, argv, &common);
	if (common.version) {
		printf("dropmill %s\n", dropmill_version);
		return EX_OK;
	}
	if (argc < 2)
		return help(common.help ? stdout : stderr);
	if (strcmp(argv[1], "help") == 0)
		return help(stdout);
	verb = find_verb(argv[1]);
	if (!verb) {
		cli_complain("no such verb: %s", argv[1]);
		return help(stderr);
	}
	if (common.help) {
		printf("usage: dropmill %s\n", verb->usage);
		return EX_OK;
	}
	code = settle_server(verb);
	if (code != EX_OK)
		return code;
	code = verb->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout))
		cli_fail(EX_IOERR, "cannot write the answer");
	return code;
}
