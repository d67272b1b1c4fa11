/*
 * The samples go the way of every job: a state of their own in a directory that is gone afterwards,
 * a processor started on it with the site's configuration (its sandbox, its user, its directories),
 * and `dropmill submit --wait` for each. No service need run, and the site's own state is not
 * touched.
 */
#include "cli/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/packages.h"
#include "cli/program.h"
#include "core/clock.h"

#define READY_MS 30000

struct stage {
	char dir[64];
	const char *log; /* of the processor */
	pid_t processor;
	struct view *list;
	int failed;
};

/* ---- a state of its own ---- */

/* What would point to the site's state, by the environment, which goes before the file. */
static void point_away(const struct stage *st)
{
	static const struct {
		const char *key, *value;
	} places[] = {{"DROPMILL_DATABASE", "dropmill.db"}, {"DROPMILL_STORE", "store"},
	    {"DROPMILL_SPOOL", "spool"}, {"DROPMILL_WORK", "work"}, {"DROPMILL_LOG_DIR", "log"},
	    {"DROPMILL_RUN_DIR", "run"}};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		setenv(
		    places[i].key, arena_printf(&cli.arena, "%s/%s", st->dir, places[i].value), 1);
	setenv("DROPMILL_DISK_LOW", "0", 1);
	mkdir(getenv("DROPMILL_SPOOL"), 0700);
	mkdir(getenv("DROPMILL_RUN_DIR"), 0700);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* Run `dropmill …` on the state: what it says on stdout; *code is its exit code. */
static const char *ask(const char *const *words, int *code)
{
	const char *argv[64] = {"/proc/self/exe"};
	int n = 1;

	if (cli_config()->file) {
		argv[n++] = "-c";
		argv[n++] = cli_config()->file;
	}
	argv[n++] = "--json";
	while (*words && n < 63)
		argv[n++] = *words++;
	return program_ask(argv, "", code);
}

/* ---- the processor ---- */

static void start_processor(struct stage *st)
{
	const char *argv[] = {program_beside("dropmill-processor"), NULL, NULL, NULL};
	const char *const migrate[] = {"migrate", NULL};
	int log, code, err = dup(2);

	st->log = arena_printf(&cli.arena, "%s/processor.log", st->dir);
	log = open(st->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, 2) < 0)
		cli_fail(EX_CANTCREAT, "cannot write %s", st->log);
	ask(migrate, &code);
	if (cli_config()->file) {
		argv[1] = "-c";
		argv[2] = cli_config()->file;
	}
	if (!code)
		st->processor = program_start(argv, -1, log);
	dup2(err, 2);
	close(err);
	close(log);
	if (code)
		cli_fail(EX_SOFTWARE, "cannot make a database in %s", st->dir);
}

static bool said_ready(const struct stage *st)
{
	char text[65536];
	int fd = open(st->log, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, ": ready ") != NULL;
}

static bool wait_ready(struct stage *st)
{
	int64_t until = clock_boot_ms() + READY_MS;
	struct timespec nap = {0, 20000000};

	while (!said_ready(st)) {
		if (clock_boot_ms() > until || waitpid(st->processor, NULL, WNOHANG) != 0) {
			st->processor = 0;
			return false;
		}
		nanosleep(&nap, NULL);
	}
	return true;
}

static void show_log(const struct stage *st)
{
	char line[1024];
	FILE *in = fopen(st->log, "re");

	while (in && fgets(line, sizeof line, in))
		fputs(cli_clean(line), stderr), fputc('\n', stderr);
	if (in)
		fclose(in);
}

static void stop_processor(struct stage *st)
{
	if (st->processor > 0) {
		kill(st->processor, SIGTERM);
		waitpid(st->processor, NULL, 0);
	}
	nftw(st->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- one type ---- */

static void note(
    struct stage *st, const char *word, const struct jobtype *t, int64_t ms, const char *text)
{
	struct view *v = view_obj(&cli.arena);

	view_str(v, "name", t->name);
	view_str(v, "outcome", word);
	view_int(v, "ms", ms);
	view_str(v, "text", text);
	view_push(st->list, v);
	if (cli.json)
		return;
	printf("%-4s  %-16s %6.2f s  %s\n", word, t->name, (double)ms / 1000, cli_clean(text));
	fflush(stdout);
}

/* The sample lies beside the file of the type unless its path is absolute. */
static const char *sample_path(const struct jobtype *t)
{
	const char *slash = strrchr(t->file, '/');

	if (t->sample[0][0] == '/' || !slash)
		return t->sample[0];
	return arena_printf(&cli.arena, "%.*s/%s", (int)(slash - t->file), t->file, t->sample[0]);
}

static const char *text_of(const struct view *job, const char *key)
{
	const struct view *v = job ? view_get(job, key) : NULL;
	const char *s = v ? view_text(v) : NULL;

	return s ? s : "";
}

/* Mill the sample; NULL when all is well, else what is not. *result: the job's. */
static const char *mill(const struct jobtype *t, const char **result)
{
	const char *words[60] = {"submit", "--wait", "--type", t->name};
	const struct view *jobs, *job = NULL;
	struct view *answer;
	const char *said;
	struct err err;
	int code, n = 4;

	for (const char **p = t->sample + 1; *p && n < 50; p++) {
		words[n++] = "--param";
		words[n++] = *p;
	}
	words[n++] = "--";
	words[n++] = sample_path(t);
	said = ask(words, &code);
	if (view_parse(&cli.arena, said, strlen(said), &answer, &err) == RC_OK &&
	    (jobs = view_get(answer, "jobs")) && view_len(jobs) == 1)
		job = view_at(jobs, 0);
	*result = text_of(job, "result");
	if (!job)
		return arena_printf(&cli.arena, "its sample was not taken (exit code %d)", code);
	if (strcmp(text_of(job, "status"), "completed") != 0)
		return arena_printf(
		    &cli.arena, "%s: %s", text_of(job, "status"), text_of(job, "error"));
	if (t->expect && fnmatch(t->expect, *result, 0) != 0)
		return arena_printf(&cli.arena, "result is \"%s\", not \"%s\"", *result, t->expect);
	return NULL;
}

static void test_one(struct stage *st, const struct jobtype *t)
{
	int64_t began = clock_boot_ms();
	const char *advice = packages_advice(t), *wrong, *result;

	if (advice) {
		note(st, "skip", t, 0,
		    arena_printf(&cli.arena, "%s is missing: %s",
			jobtype_missing(cli_config(), t, &cli.arena), advice));
	} else if (!t->sample[0]) {
		note(st, "skip", t, 0,
		    t->manual     ? "moved by hand"
		    : t->external ? "run elsewhere"
				  : "it has no sample");
	} else {
		wrong = mill(t, &result);
		st->failed += wrong != NULL;
		note(st, wrong ? "fail" : "ok", t, clock_boot_ms() - began, wrong ? wrong : result);
	}
}

int selftest_run(const struct jobtypes *types, int argc, char **argv)
{
	struct stage st = {.dir = "/tmp/dropmill-selftest-XXXXXX"};
	struct view *answer = view_obj(&cli.arena);

	for (int i = 0; i < argc; i++)
		if (!jobtype_find(types, argv[i]))
			cli_fail(EX_DATAERR, "no such job type: %s", argv[i]);
	cli_config();
	if (!mkdtemp(st.dir))
		cli_fail(EX_CANTCREAT, "cannot make a directory in /tmp: %s", strerror(errno));
	st.list = view_list(&cli.arena);
	point_away(&st);
	start_processor(&st);
	if (!wait_ready(&st)) {
		show_log(&st);
		stop_processor(&st);
		cli_fail(EX_UNAVAILABLE, "the processor does not start; its words are above");
	}
	for (size_t i = 0; i < types->n && !argc; i++)
		test_one(&st, &types->list[i]);
	for (int i = 0; i < argc; i++)
		test_one(&st, jobtype_find(types, argv[i]));
	if (st.failed && !cli.json)
		show_log(&st);
	stop_processor(&st);
	view_put(answer, "types", st.list);
	view_int(answer, "failed", st.failed);
	if (cli.json)
		cli_print_json(answer);
	return st.failed ? EXIT_FAILURE : EX_OK;
}
