/*
 * The doctor looks at what Dropmill keeps and at what runs: directories, disk, database, job types,
 * processor, web pool, nginx.
 */
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/packages.h"
#include "cli/running.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/ini.h"
#include "core/jobtype.h"
#include "core/store.h"
#include "core/str.h"

/* ---- directories and disk
 * --------------------------------------------------------------------------- */

/* A directory of ours: there, not open to everybody, and writable where we write. */
static bool check_directory(const char *key, const char *path, bool written)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		doctor_note(DOCTOR_FAIL, key,
		    written ? arena_printf(&cli.arena,
				  "mkdir -p %s, owned by the user of the services", path)
			    : "is the program installed completely? Or correct the path in the "
			      "configuration",
		    "cannot look at %s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		doctor_note(DOCTOR_FAIL, key, NULL, "not a directory: %s", path);
	else if (written && (st.st_mode & S_IWOTH))
		doctor_note(DOCTOR_FAIL, key, arena_printf(&cli.arena, "chmod o-w %s", path),
		    "everybody may write to %s", path);
	else if (access(path, written ? R_OK | W_OK | X_OK : R_OK | X_OK) != 0)
		doctor_note(DOCTOR_FAIL, key, "correct owner or mode", "cannot %s %s: %s",
		    written ? "write to" : "read", path, strerror(errno));
	else
		return true;
	return false;
}

static void check_directories(void)
{
	const struct config *cfg = cli_config();
	const struct {
		const char *key, *path;
		bool written;
	} list[] = {
	    {"store", cfg->store, true},
	    {"spool", cfg->spool, true},
	    {"log_dir", cfg->log_dir, true},
	    {"run_dir", cfg->run_dir, true},
	    {"templates", cfg->templates_dir, false},
	    {"public", cfg->public_dir, false},
	    {"tools_dir", cfg->tools_dir, false},
	};
	struct stat a, b;
	size_t good = 0, n = sizeof list / sizeof *list;

	for (size_t i = 0; i < n; i++)
		good += check_directory(list[i].key, list[i].path, list[i].written);
	if (good == n)
		doctor_note(DOCTOR_OK, "directories", NULL, "all there, with the right modes");
	if (stat(cfg->store, &a) == 0 && stat(cfg->spool, &b) == 0 && a.st_dev != b.st_dev)
		doctor_note(DOCTOR_FAIL, "spool", "put spool and store on one filesystem",
		    "%s is not on the filesystem of the store: uploads cannot be linked",
		    cfg->spool);
}

static void check_disk(void)
{
	const struct config *cfg = cli_config();
	char room[16], low[16];
	struct store store;
	struct err err;
	int64_t bytes;

	if (access(cfg->store, W_OK) != 0)
		return; /* said already */
	if (store_open(cfg, &store, &err) != RC_OK) {
		doctor_note(DOCTOR_FAIL, "store", "correct owner or mode", "%s", err.text);
		return;
	}
	if (store_free(&store, &bytes, &err) != RC_OK)
		doctor_note(DOCTOR_FAIL, "disk", NULL, "%s", err.text);
	else if (bytes < cfg->disk_low_bytes)
		doctor_note(DOCTOR_FAIL, "disk", "make room, or lower disk_low",
		    "%s free on the store; uploads are refused under %s", str_bytes(bytes, room),
		    str_bytes(cfg->disk_low_bytes, low));
	else
		doctor_note(bytes < 2 * cfg->disk_low_bytes ? DOCTOR_WARN : DOCTOR_OK, "disk",
		    bytes < 2 * cfg->disk_low_bytes ? "make room soon" : NULL,
		    "%s free on the store", str_bytes(bytes, room));
	store_close(&store);
}

/* ---- database
 * ---------------------------------------------------------------------------------------- */

static struct db *open_database(void)
{
	const struct config *cfg = cli_config();
	struct stat st;
	struct err err;
	struct db *db;

	if (stat(cfg->database, &st) != 0) {
		doctor_note(DOCTOR_FAIL, "database", "run `dropmill migrate`",
		    "cannot look at %s: %s", cfg->database, strerror(errno));
		return NULL;
	}
	if (st.st_mode & S_IRWXO)
		doctor_note(DOCTOR_WARN, "database",
		    arena_printf(&cli.arena, "chmod o= %s", cfg->database),
		    "everybody on this machine may read %s", cfg->database);
	if (db_open(cfg, &db, &err) != RC_OK) {
		doctor_note(DOCTOR_FAIL, "database", "run `dropmill migrate`, or see the message",
		    "%s", err.text);
		return NULL;
	}
	return db;
}

static void check_database(struct db *db)
{
	struct db_cursor cur;
	struct err err;
	int bad = 0;
	enum rc rc = db_query(db, &cur, SQL_DOCTOR_QUICK_CHECK, DB_NO_ARGS, &err);

	if (rc != RC_OK) {
		doctor_note(DOCTOR_FAIL, "database", NULL, "%s", err.text);
		return;
	}
	while ((rc = db_next(&cur, &err)) == RC_OK && bad++ < 5)
		doctor_note(DOCTOR_FAIL, "database", "stop the services and restore a backup", "%s",
		    db_text(&cur, 0, NULL));
	if (rc != RC_OK && rc != RC_DONE)
		doctor_note(DOCTOR_FAIL, "database", NULL, "%s", err.text);
	else if (!bad)
		doctor_note(DOCTOR_OK, "database", NULL, "%s is sound", cli_config()->database);
	db_finish(&cur);
}

/* ---- job types
 * ---------------------------------------------------------------------------------------- */

static void check_types(struct db *db)
{
	struct jobtypes files, published;
	struct err err;

	if (jobtype_load_dirs(cli_config(), &cli.arena, &files, &err) != RC_OK) {
		doctor_note(DOCTOR_FAIL, "job types", "correct jobs_dir", "%s", err.text);
		return;
	}
	for (size_t i = 0; i < files.bad_count; i++)
		doctor_note(DOCTOR_FAIL, "job types", "correct the file, then reload the processor",
		    "%s", files.bad[i].why);
	for (size_t i = 0; i < files.n; i++) {
		const char *missing = jobtype_missing(cli_config(), &files.list[i], &cli.arena);

		if (missing)
			doctor_note(DOCTOR_WARN, "job types", packages_advice(&files.list[i]),
			    "%s is hidden: it needs %s, which is not there", files.list[i].name,
			    missing);
	}
	if (!files.n && !files.bad_count)
		doctor_note(DOCTOR_FAIL, "job types", "copy the shipped ones there", "none in %s",
		    cli_config()->jobs_dir);
	if (!db || jobtype_load_db(db, &cli.arena, &published, &err) != RC_OK)
		return;
	for (size_t i = 0; i < published.n; i++)
		if (published.list[i].paused)
			doctor_note(DOCTOR_WARN, "job types",
			    arena_printf(
				&cli.arena, "dropmill types resume %s", published.list[i].name),
			    "%s is paused: its jobs wait", published.list[i].name);
	for (size_t i = 0; i < files.n; i++)
		if (published.n && !jobtype_find(&published, files.list[i].name))
			doctor_note(DOCTOR_WARN, "job types", "reload the processor",
			    "%s is not published yet", files.list[i].name);
	if (!files.bad_count && files.n)
		doctor_note(DOCTOR_OK, "job types", NULL, "%zu in files, %zu published", files.n,
		    published.n);
}

/* Jobs that no processor will begin, whatever else is right. */
static void check_waiting(struct db *db)
{
	struct jobtypes types;
	struct db_cursor cur;
	struct err err;

	if (jobtype_load_db(db, &cli.arena, &types, &err) != RC_OK ||
	    db_query(db, &cur, SQL_JOBTYPE_WAITING, DB_NO_ARGS, &err) != RC_OK)
		return;
	while (db_next(&cur, &err) == RC_OK) {
		const char *name = arena_strdup(&cli.arena, db_text(&cur, 0, NULL));
		const char *hold = jobtype_hold(&types, name);

		if (hold)
			doctor_note(DOCTOR_WARN, "jobs",
			    arena_printf(&cli.arena,
				"see to that, or cancel them: dropmill job list --type %s --status "
				"pending",
				name),
			    "%lld of type %s wait: %s", (long long)db_int(&cur, 1), name, hold);
	}
	db_finish(&cur);
}

static struct db *database;

void doctor_state(void)
{
	check_directories();
	check_disk();
	database = open_database();
	if (database)
		check_database(database);
	check_types(database);
	if (database)
		check_waiting(database);
	doctor_identity(database);
}

/* ---- what runs
 * ----------------------------------------------------------------------------------------- */

/* What a processor says about itself that somebody should know. */
static void check_about(const struct worker *w)
{
	struct view *about = NULL;
	const char *warning, *limits;

	if (view_parse(&cli.arena, w->about, strlen(w->about), &about, NULL) != RC_OK)
		return;
	warning = view_text(view_get(about, "warning"));
	limits = view_text(view_get(about, "limits"));
	if (warning && *warning)
		doctor_note(view_number(view_get(about, "slots")) ? DOCTOR_WARN : DOCTOR_FAIL,
		    "processor", "see what is said of the sandbox above", "%s", warning);
	if (limits && strncmp(limits, "cgroup", 6) != 0)
		doctor_note(DOCTOR_WARN, "processor",
		    "give it a cgroup with the memory controller (systemd: Delegate=yes), or start "
		    "it as root",
		    "%s limits jobs by %s: their memory is looked at ten times a second only",
		    w->name, limits);
}

static void check_processor(void)
{
	int alive = database ? cli_processors_alive() : 0;
	struct worker *list;
	struct err err;
	size_t n;

	if (!alive) {
		doctor_note(DOCTOR_FAIL, "processor",
		    "start it: dropmill-processor, or make run in a checkout",
		    "none was heard of for %lld s; jobs wait",
		    (long long)(cli_config()->lease_ms / 1000));
		return;
	}
	doctor_note(DOCTOR_OK, "processor", NULL, "%d running", alive);
	if (worker_list(database, &cli.arena, &list, &n, &err) != RC_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (clock_wall_ms() - list[i].seen_at < cli_config()->lease_ms)
			check_about(&list[i]);
}

static bool answers(int domain, const struct sockaddr *address, socklen_t size)
{
	int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, address, size) == 0;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return yes;
}

static void check_web(void)
{
	const char *path;

	if (running_web(&path))
		doctor_note(DOCTOR_OK, "web", NULL, "answers at %s", path);
	else
		doctor_note(DOCTOR_FAIL, "web", "start it: dropmill-web, or make run in a checkout",
		    "does not answer at %s: %s", path, strerror(errno));
}

const char *doctor_listen(void)
{
	const char *path = arena_printf(&cli.arena, "%s/nginx/nginx.conf", cli_config()->run_dir),
		   *at;
	char *text;
	size_t len;

	if (ini_slurp(path, &cli.arena, &text, &len, NULL) != RC_OK)
		return NULL;
	at = strstr(text, "\n\t\tlisten ");
	if (!at)
		return NULL;
	at += strlen("\n\t\tlisten ");
	return arena_strndup(&cli.arena, at, strcspn(at, " ;\n"));
}

static void check_nginx(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *listen = doctor_listen(), *colon = listen ? strrchr(listen, ':') : NULL, *host;
	int64_t port;

	if (!colon || !str_int(colon + 1, 1, 65535, &port))
		return;
	host = arena_strndup(&cli.arena, listen, (size_t)(colon - listen));
	if (strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return;
	address.sin_port = htons((uint16_t)port);
	if (answers(AF_INET, (struct sockaddr *)&address, sizeof address))
		doctor_note(DOCTOR_OK, "port", NULL, "nginx answers at %s", listen);
	else
		doctor_note(DOCTOR_FAIL, "port", "start nginx; its log is error.log in log_dir",
		    "nobody answers at %s: %s", listen, strerror(errno));
}

void doctor_services(void)
{
	check_processor();
	check_web();
	check_nginx();
}
