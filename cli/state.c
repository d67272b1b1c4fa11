/*
 * What the verbs share: the configuration, the way into the state, messages and exit codes.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/org.h"
#include "core/project.h"
#include "core/str.h"

struct cli cli;

const struct config *cli_config(void)
{
	static struct config cfg;
	static bool loaded;
	struct err err;

	if (!loaded && config_load(&cfg, cli.config_file, &cli.arena, &err) != RC_OK)
		cli_fail(EX_CONFIG, "%s", err.text);
	loaded = true;
	return &cfg;
}

/* stat of a path, or of the nearest directory that it will lie in. */
static bool stat_nearest(const char *path, struct stat *st)
{
	char at[PATH_MAX];

	if (!str_fmt(at, sizeof at, "%s", path))
		return false;
	while (stat(at, st) != 0) {
		char *slash = strrchr(at, '/');

		if (!slash || !slash[1])
			return false;
		slash[slash == at] = '\0';
	}
	return true;
}

/* Who runs this, for the audit log; asked before we become somebody else. */
static const char *caller(void)
{
	static char name[64];
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw;

	if (*name)
		return name;
	pw = getpwuid(getuid());
	if (sudo && *sudo && getuid() == 0)
		snprintf(name, sizeof name, "cli %.50s", sudo);
	else if (pw)
		snprintf(name, sizeof name, "cli %.50s", pw->pw_name);
	else
		snprintf(name, sizeof name, "cli uid %u", (unsigned)getuid());
	return name;
}

void cli_become_owner(void)
{
	const struct config *cfg = cli_config();
	struct passwd *pw;
	struct stat st;
	bool done;

	caller();
	if (geteuid() != 0 || !stat_nearest(cfg->database, &st) || st.st_uid == 0)
		return;
	pw = getpwuid(st.st_uid);
	done = pw ? initgroups(pw->pw_name, pw->pw_gid) == 0 && setgid(pw->pw_gid) == 0
		  : setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0;
	if (!done || setuid(st.st_uid) != 0)
		cli_fail(EX_OSERR, "cannot become the owner of the state (uid %u): %s",
		    (unsigned)st.st_uid, strerror(errno));
	umask(007);
}

void cli_act_as_owner(const char *path)
{
	struct stat st;

	caller();
	if (getuid() != 0)
		return;
	if (seteuid(0) != 0 || setegid(0) != 0)
		cli_fail(EX_OSERR, "cannot act as root: %s", strerror(errno));
	if (!path || !stat_nearest(path, &st) || st.st_uid == 0)
		return;
	if (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
		cli_fail(EX_OSERR, "cannot act as the owner of \"%s\": %s", path, strerror(errno));
}

struct db *cli_db(void)
{
	static struct db *db;
	struct err err;

	if (db)
		return db;
	cli_become_owner();
	if (db_open(cli_config(), &db, &err) != RC_OK)
		cli_fail(err.rc == RC_BUSY ? EX_TEMPFAIL : EX_UNAVAILABLE, "%s", err.text);
	return db;
}

const struct scope *cli_scope(void)
{
	static struct scope sc;
	struct project project;
	struct org org;
	struct err err;

	if (sc.org_id)
		return &sc;
	sc = scope_local;
	sc.via = cli_clean(caller());
	if (cli.org) {
		if (org_find(cli_db(), cli.org, &cli.arena, &org, &err) != RC_OK)
			exit(cli_report(&err));
		sc.org_id = org.id;
		sc.project_id = 0;
	}
	if (cli.project) {
		if (project_find(cli_db(), &sc, cli.project, &cli.arena, &project, &err) != RC_OK)
			exit(cli_report(&err));
		sc.project_id = project.id;
	} else if (!sc.project_id) {
		struct project *all;
		size_t n;

		if (project_list(cli_db(), &sc, &cli.arena, &all, &n, &err) != RC_OK)
			exit(cli_report(&err));
		sc.project_id = n ? all[0].id : 0;
	}
	sc.home_project = sc.project_id;
	return &sc;
}

int64_t cli_org(void)
{
	return cli.org ? cli_scope()->org_id : 0;
}

int cli_processors_alive(void)
{
	const struct config *cfg = cli_config();
	int64_t since = clock_wall_ms() - cfg->lease_ms;
	struct db_cursor cur;
	struct err err;
	int alive = 0;
	enum rc rc = db_query(cli_db(), &cur, SQL_WORKER_OPEN, DB_NO_ARGS, &err);

	while (rc == RC_OK && (rc = db_next(&cur, &err)) == RC_OK)
		alive += db_int(&cur, 5) >= since;
	if (rc != RC_DONE)
		exit(cli_report(&err));
	db_finish(&cur);
	return alive;
}

static void vcomplain(const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	fprintf(stderr, "dropmill: %s\n", cli_clean(text));
}

void cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
}

void cli_fail(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	exit(code);
}

int cli_exit_code(enum rc rc)
{
	switch (rc) {
	case RC_OK:
	case RC_DONE:
		return EX_OK;
	case RC_INVALID:
	case RC_NOTFOUND:
		return EX_DATAERR;
	case RC_CONFLICT:
		return EXIT_FAILURE;
	case RC_BUSY:
		return EX_TEMPFAIL;
	case RC_DENIED:
		return EX_NOPERM;
	case RC_LIMIT:
		return EX_CANTCREAT;
	case RC_SYS:
		return EX_OSERR;
	case RC_DB:
		return EX_UNAVAILABLE;
	default:
		return EX_SOFTWARE;
	}
}

int cli_report(const struct err *err)
{
	fflush(stdout);
	cli_complain("%s", err->text);
	return cli_exit_code(err->rc);
}

void cli_print_json(const struct view *v)
{
	struct buf out;

	buf_init(&out);
	view_json(v, &out);
	buf_addc(&out, '\n');
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
}

const char *cli_clean(const char *s)
{
	char *copy = arena_strdup(&cli.arena, s ? s : "");

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

const char *cli_age(int64_t wall_ms)
{
	int64_t s = (clock_wall_ms() - wall_ms) / 1000;

	if (s < 0)
		s = 0;
	if (s < 120)
		return arena_printf(&cli.arena, "%lld s", (long long)s);
	if (s < 7200)
		return arena_printf(&cli.arena, "%lld min", (long long)(s / 60));
	if (s < 172800)
		return arena_printf(&cli.arena, "%lld h", (long long)(s / 3600));
	return arena_printf(&cli.arena, "%lld d", (long long)(s / 86400));
}

int cli_run_verb(const struct cli_verb *verbs, int argc, char **argv, const char *usage)
{
	static char *no_args[] = {"list", NULL};

	if (argc < 2)
		return verbs->run(1, no_args);
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (strcmp(v->name, argv[1]) == 0)
			return v->run(argc - 1, argv + 1);
	return cli_usage(usage);
}

int cli_usage(const char *text)
{
	fprintf(stderr, "usage: dropmill %s\n", text);
	return EX_USAGE;
}
