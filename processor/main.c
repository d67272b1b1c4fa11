/*
 * dropmill-processor: claims jobs and runs their commands. Runs in the foreground, speaks on
 * stderr. Started under the name of a runner or a nursery it is one.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/config.h"
#include "core/log.h"
#include "core/sniff.h"
#include "core/version.h"
#include "processor/explain.h"
#include "processor/nursery.h"
#include "processor/runner.h"
#include "processor/supervisor.h"

#define EXPLAIN_BYTES_MAX (1 << 20)

static const char usage[] =
    "usage: dropmill-processor [-c FILE] [-n | --explain]\n"
    "\n"
    "Claims jobs and runs their commands, in the foreground.\n"
    "\n"
    "  -c FILE    configuration (else $DROPMILL_CONFIG, else " CONFIG_FILE ")\n"
    "  -n         check the configuration, print the effective settings, and end\n"
    "  --explain  read a run from stdin (JSON), print what it would be, and end: for\n"
    "             `dropmill types explain`\n"
    "  --help     this text\n"
    "  --version  the version\n"
    "\n"
    "SIGTERM, SIGINT: claim nothing more; running jobs get stop_grace, then somebody else runs "
    "them\n"
    "again; a second signal: at once. SIGHUP: read the job types again.\n";

/* -n: nothing is made or opened. */
static int print_settings(const struct config *cfg)
{
	struct host host = {0};
	struct err err;
	struct buf out;

	if (host_user(&host, cfg, &err))
		die(EX_CONFIG, "%s", err.text);
	buf_init(&out);
	config_print(cfg, &out);
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int print_run(const struct config *cfg)
{
	struct buf in, out;
	struct err err;
	ssize_t n;

	buf_init(&in);
	buf_init(&out);
	while (in.len < EXPLAIN_BYTES_MAX &&
	       (n = read(STDIN_FILENO, buf_reserve(&in, 4096), 4096)) > 0)
		in.len += (size_t)n;
	if (in.len >= EXPLAIN_BYTES_MAX)
		die(EX_DATAERR, "a run of more than %d bytes", EXPLAIN_BYTES_MAX);
	if (explain(cfg, in.data, in.len, &out, &err))
		die(err.rc == RC_INVALID ? EX_DATAERR : EX_OSERR, "%s", err.text);
	buf_addc(&out, '\n');
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&in);
	buf_release(&out);
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	bool check = false, explained = false;
	struct config cfg;
	struct arena arena;
	struct err err;
	int status;

	sniff_child(argc, argv);
	if (argc == 1 && strcmp(argv[0], RUNNER_ARGV0) == 0)
		return runner_main();
	if (argc == 1 && strcmp(argv[0], NURSERY_ARGV0) == 0)
		return nursery_main();
	log_init("dropmill-processor");
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-n") == 0) {
			check = true;
		} else if (strcmp(argv[i], "--explain") == 0) {
			explained = true;
		} else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			file = argv[++i];
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return EX_OK;
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("dropmill-processor %s\n", dropmill_version);
			return EX_OK;
		} else {
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	arena_init(&arena);
	if (config_load(&cfg, file, &arena, &err))
		die(EX_CONFIG, "%s", err.text);
	status = check ? print_settings(&cfg) : explained ? print_run(&cfg) : supervisor_run(&cfg);
	arena_release(&arena);
	return status;
}
