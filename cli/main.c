/*
 * dropmill: administration and scripting, one verb a run. The table of verbs and the options that
 * hold for all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "core/log.h"
#include "core/sniff.h"
#include "core/version.h"

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage, *help; /* help NULL: not listed */
};

static const struct verb verbs[] = {
    {"audit", cmd_audit, audit_usage, "who did what; export for an archive"},
    {"check", cmd_check, "check", "whether database and store agree (reads everything)"},
    {"config", cmd_config, "config print | get KEY | sample [KEY=VALUE...]",
	"show the settings in force, or a commented file"},
    {"doctor", cmd_doctor, "doctor", "whether everything is there, right and running"},
    {"job", cmd_job, job_usage, "list, show, pause, resume, cancel, retry, rm, set"},
    {"migrate", cmd_migrate, "migrate", "create the database or bring it up to date"},
    {"org", cmd_org, org_usage, "list and make organisations, set their limits"},
    {"project", cmd_project, project_usage, "list, make, rename and delete projects"},
    {"render", cmd_render, "render FILE [--partials DIR] < data.json",
	"render a Mustache template with JSON data"},
    {"seed", cmd_seed, "seed N [--pending TYPE]", NULL},
    {"submit", cmd_submit, submit_usage, "put files into the queue"},
    {"token", cmd_token, token_usage, "list, make and revoke tokens of programs"},
    {"types", cmd_types, types_usage, "list, check, selftest, explain job types"},
    {"user", cmd_user, user_usage, "list and make users, give roles, passwords and links"},
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
	fputs("usage: dropmill [-c FILE] [--json] VERB ...\n\n", out);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (verbs[i].help)
			fprintf(out, "  %-8s  %s\n", verbs[i].name, verbs[i].help);
	fputs("\n  -c FILE    configuration (else $DROPMILL_CONFIG, else " CONFIG_FILE ")\n"
	      "  --json     answer in JSON, one value on one line\n"
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

/* Take the common options out of argv, before and behind the verb, up to "--"; the new argc, or -1.
 */
static int take_common(int argc, char **argv, struct common *common)
{
	int n = 1, i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *arg = argv[i];

		if (strcmp(arg, "--json") == 0) {
			cli.json = true;
		} else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			common->help = true;
		} else if (strcmp(arg, "--version") == 0 && n == 1) {
			common->version = true;
		} else if (strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0) {
			if (++i >= argc)
				return -1;
			cli.config_file = argv[i];
		} else if (strncmp(arg, "--config=", 9) == 0) {
			cli.config_file = arg + 9;
		} else if (strcmp(arg, "--org") == 0 || strcmp(arg, "--project") == 0) {
			if (++i >= argc)
				return -1;
			*(arg[2] == 'o' ? &cli.org : &cli.project) = argv[i];
		} else if (strncmp(arg, "--org=", 6) == 0) {
			cli.org = arg + 6;
		} else if (strncmp(arg, "--project=", 10) == 0) {
			cli.project = arg + 10;
		} else if (n == 1 && arg[0] == '-') {
			return -1;
		} else {
			argv[n++] = argv[i];
		}
	}
	while (i < argc)
		argv[n++] = argv[i++];
	argv[n] = NULL;
	return n;
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
	code = verb->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout))
		cli_fail(EX_IOERR, "cannot write the answer");
	return code;
}
