/*
 * dropmill doctor: is everything there, right and running? A line for each finding, with what to do
 * about it. Each check looks at the thing itself (it runs a sandbox, opens the database, calls the
 * socket) and not at a sign of it.
 */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "cli/cli.h"

static struct {
	struct view *list;
	int counts[3];
} findings;

static const char *const level_names[] = {"ok", "warn", "fail"};

void doctor_note(
    enum doctor_level level, const char *subject, const char *advice, const char *fmt, ...)
{
	struct view *v = view_obj(&cli.arena);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	findings.counts[level]++;
	if (!cli.json) {
		printf("%-4s  %-12s %s\n", level_names[level], subject, cli_clean(text));
		if (advice)
			printf("      %-12s -> %s\n", "", cli_clean(advice));
		fflush(stdout);
		return;
	}
	view_str(v, "status", level_names[level]);
	view_str(v, "subject", subject);
	view_str(v, "text", text);
	view_str(v, "advice", advice);
	view_push(findings.list, v);
}

int cmd_doctor(int argc, char **argv)
{
	struct view *answer = view_obj(&cli.arena);
	const struct config *cfg;

	(void)argv;
	if (argc != 1)
		return cli_usage("doctor");
	findings.list = view_list(&cli.arena);
	cfg = cli_config();
	if (cfg->file)
		doctor_note(DOCTOR_OK, "config", NULL, "%s", cfg->file);
	else
		doctor_note(DOCTOR_WARN, "config",
		    "name one with -c FILE or DROPMILL_CONFIG; `dropmill config sample` writes one",
		    "no file; defaults and environment only");
	doctor_host();
	cli_become_owner();
	doctor_state();
	doctor_services();
	if (cli.json) {
		view_bool(answer, "ok", !findings.counts[DOCTOR_FAIL]);
		view_put(answer, "checks", findings.list);
		cli_print_json(answer);
	} else {
		printf("%d ok, %d to look at, %d failed\n", findings.counts[DOCTOR_OK],
		    findings.counts[DOCTOR_WARN], findings.counts[DOCTOR_FAIL]);
	}
	return findings.counts[DOCTOR_FAIL] ? EXIT_FAILURE : EX_OK;
}
