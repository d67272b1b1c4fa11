/*
 * dropmill-demo: a job that only takes its time. It shows a queue at work: some seconds of progress
 * steps, most of them ending well and some not, as chance or a seed will have it.
 *
 * The same seed gives the same duration, the same steps and the same ending.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "tools/lib/tool.h"

static const char usage[] =
    "usage: dropmill-demo [--seed N] [--seconds N] [--success PERCENT] FILE OUTDIR\n"
    "\n"
    "Takes 2 to 5 seconds over FILE, tells its progress, and succeeds 80 times in 100.\n"
    "\n"
    "  --seed N           decides by N instead of by chance     (DROPMILL_PARAM_SEED)\n"
    "  --seconds N        how long to take, 0 to 3600           (DROPMILL_PARAM_SECONDS)\n"
    "  --success PERCENT  how often to succeed, 0 to 100        (DROPMILL_PARAM_SUCCESS)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 done, 1 failed as it is meant to now and then, 64 usage, 74 input or output.\n";

static const char *const steps[] = { "opening the file", "warming up the mill", "grinding",
	"sifting", "grinding again", "weighing", "filling the sacks", "sweeping the floor" };

static const char *const reasons[] = { "the millstone slipped; try again",
	"the sieve is clogged; try again", "the wind died down; try again" };

#define COUNT(a) (sizeof(a) / sizeof *(a))

static volatile sig_atomic_t asked_to_stop;

static void on_term(int sig)
{
	(void)sig;
	asked_to_stop = 1;
}

/* SplitMix64: one state word, well mixed from any seed, the same on every machine. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A number option: the command line, else the parameter, else `otherwise`. */
static int64_t number(const char *given, const char *param, int64_t max, int64_t otherwise)
{
	const char *text = given ? given : tool_param(param);
	int64_t value = otherwise;

	if (text && !str_int(text, 0, max, &value))
		tool_usage("%s must be a whole number from 0 to %" PRId64 ", not \"%s\"", param,
		    max, text);
	return value;
}

static void leave_if_asked(void)
{
	if (!asked_to_stop)
		return;
	fprintf(stderr, "stopped on request\n");
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
}

static void wait_until(int64_t at_ms)
{
	int64_t left;

	while (leave_if_asked(), (left = at_ms - clock_boot_ms()) > 0) {
		/* Short naps, so that a signal that arrives just before the nap is not missed for
		 * long. */
		struct timespec nap = { 0, (left < 50 ? left : 50) * 1000000 };

		nanosleep(&nap, NULL);
	}
}

struct plan {
	const char *file, *outdir;
	uint64_t chance; /* state of the random numbers */
	int64_t length_ms, success_percent;
};

static void read_options(int argc, char **argv, struct plan *plan)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
	    {"seconds", required_argument, NULL, 't'}, {"success", required_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'}, {0}};
	const char *seed = NULL, *seconds = NULL, *success = NULL;
	int64_t given;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seed = optarg;
		else if (c == 't')
			seconds = optarg;
		else if (c == 'p')
			success = optarg;
		else if (c == 'h')
			tool_help();
		else
			tool_usage("unknown option or missing value: %s", argv[optind - 1]);
	}
	given = number(seed, "SEED", INT64_MAX, -1);
	plan->chance = (uint64_t)given;
	if (given < 0 && getrandom(&plan->chance, sizeof plan->chance, 0) < 0)
		tool_die(EX_OSERR, "no random numbers: %s", strerror(errno));
	given = number(seconds, "SECONDS", 3600, -1);
	plan->length_ms = 2000 + (int64_t)(random_next(&plan->chance) % 3001);
	if (given >= 0)
		plan->length_ms = given * 1000;
	plan->success_percent = number(success, "SUCCESS", 100, 80);
	tool_paths(argc, argv, optind, &plan->file, &plan->outdir);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };
	struct plan plan;
	struct buf report;
	struct err err;
	uint64_t size;
	int64_t start_ms;
	int fd;

	tool_init(usage);
	read_options(argc, argv, &plan);
	sigaction(SIGTERM, &action, NULL);
	if (tool_open(plan.file, &fd, &size, &err))
		tool_fail(&err);
	close(fd);

	start_ms = clock_boot_ms();
	for (size_t i = 0; i < COUNT(steps); i++) {
		tool_progress((int)(i * 100 / COUNT(steps)), steps[i]);
		wait_until(start_ms + plan.length_ms * (int64_t)(i + 1) / (int64_t)COUNT(steps));
	}
	if ((int64_t)(random_next(&plan.chance) % 100) >= plan.success_percent)
		tool_die(1, "%s", reasons[random_next(&plan.chance) % COUNT(reasons)]);

	buf_init(&report);
	buf_printf(&report, "%s\n%" PRIu64 " bytes, milled in %.1f s\n", tool_basename(plan.file),
	    size, (double)plan.length_ms / 1000);
	if (tool_write(plan.outdir, "demo.txt", &report, &err))
		tool_fail(&err);
	buf_release(&report);
	tool_progress(100, "done");
	tool_result("milled in %.1f s", (double)plan.length_ms / 1000);
	return 0;
}
