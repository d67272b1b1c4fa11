/*
 * The doctor looks at the machine: the programs we need, versions with known holes, and whether a
 * sandbox can be made at all, by making one as the user who will.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "core/clock.h"
#include "core/version.h"

#define PATIENCE_MS 10000

/* What a program run for us said, both streams together, and how it ended. */
struct said {
	char text[512];
	int status; /* exit status; -1: could not be run, was killed, or took too long */
};

static void become(const char *user)
{
	struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;

	if (pw && (setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0))
		_exit(126);
}

static _Noreturn void child(char *const *argv, const char *user, int out)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	become(user);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    chdir("/") != 0)
		_exit(126);
	close_range(3, ~0u, 0);
	execvp(argv[0], argv);
	_exit(127);
}

static void listen_to(int fd, pid_t pid, struct said *said)
{
	int64_t until = clock_boot_ms() + PATIENCE_MS;
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0) {
		int64_t left = until - clock_boot_ms();
		char rest[256];

		if (left <= 0 ||
		    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)left) <= 0) {
			kill(pid, SIGKILL);
			break;
		}
		n = len < sizeof said->text - 1
			? read(fd, said->text + len, sizeof said->text - 1 - len)
			: read(fd, rest, sizeof rest);
		if (n > 0 && len < sizeof said->text - 1)
			len += (size_t)n;
	}
	said->text[len] = '\0';
	said->text[strcspn(said->text, "\n")] = '\0';
}

/* Run a program, as user when we are root (NULL: as we are). */
static struct said run(char *const *argv, const char *user)
{
	struct said said = {.status = -1};
	int pipes[2], status;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return said;
	pid = fork();
	if (pid == 0)
		child(argv, user, pipes[1]);
	close(pipes[1]);
	if (pid > 0) {
		listen_to(pipes[0], pid, &said);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		said.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	close(pipes[0]);
	return said;
}

/* ---- versions
 * --------------------------------------------------------------------------------------- */

/* A package and the version that closed its last hole we know of. */
static const struct {
	const char *subject, *packages[3], *least, *why;
} versions[] = {
    {"nginx", {"nginx"}, "1.22.1-9+deb12u11", "holes in HTTP/2 are closed there"},
    {"libfcgi", {"libfcgi0ldbl", "libfcgi0t64"}, "2.4.2-2+deb12u1",
	"CVE-2025-23016 is closed there"},
    {"bubblewrap", {"bubblewrap"}, "0.8.0", "older ones lack what the sandbox uses"},
};

/* The installed version of the first of these packages that is; NULL: none, or no such machine. */
static const char *installed(const char *const *packages)
{
	for (size_t i = 0; i < 3 && packages[i]; i++) {
		char *argv[] = {"dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}\n",
		    (char *)packages[i], NULL};
		struct said said = run(argv, NULL);

		if (said.status == 0 && strncmp(said.text, "installed ", 10) == 0)
			return arena_strdup(&cli.arena, said.text + 10);
	}
	return NULL;
}

static void check_versions(void)
{
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		const char *have = installed(versions[i].packages), *least = versions[i].least;
		char *compare[] = {
		    "dpkg", "--compare-versions", (char *)have, "ge", (char *)least, NULL};

		if (!have)
			doctor_note(DOCTOR_WARN, versions[i].subject,
			    arena_printf(&cli.arena, "make sure it is at least %s: %s", least,
				versions[i].why),
			    "not installed as a Debian package; its version is not known");
		else if (run(compare, NULL).status != 0)
			doctor_note(DOCTOR_FAIL, versions[i].subject,
			    arena_printf(
				&cli.arena, "install %s or later: %s", least, versions[i].why),
			    "version %s is too old", have);
		else
			doctor_note(DOCTOR_OK, versions[i].subject, NULL, "version %s", have);
	}
}

/* ---- programs
 * ---------------------------------------------------------------------------------------- */

static void check_nginx(void)
{
	char *argv[] = {"nginx", "-v", NULL};
	struct said said;

	setenv("PATH",
	    arena_printf(
		&cli.arena, "%s:/usr/sbin:/sbin", getenv("PATH") ? getenv("PATH") : "/usr/bin"),
	    1);
	said = run(argv, NULL);
	if (said.status == 0)
		doctor_note(DOCTOR_OK, "nginx", NULL, "runs (%s)", said.text);
	else
		doctor_note(DOCTOR_FAIL, "nginx", "apt-get install nginx", "does not run");
}

/* The namespaces and mounts that jobs get, around a program that does nothing. The last option is
 * left to the filter where /proc/sys is read-only (sandbox_nesting_limit). */
static void check_sandbox(void)
{
	struct statvfs proc;
	bool limit = statvfs("/proc/sys/user", &proc) == 0 && !(proc.f_flag & ST_RDONLY);
	char *const argv[] = {"bwrap", "--unshare-user", "--unshare-all", "--uid", "1000", "--gid",
	    "1000", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr",
	    "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
	    "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--size", "1048576",
	    "--tmpfs", "/tmp", "--remount-ro", "/", limit ? "--disable-userns" : "--unshare-user",
	    "--", "/usr/bin/true", NULL};
	const struct config *cfg = cli_config();
	struct said said;

	if (cfg->sandbox == SANDBOX_OFF) {
		doctor_note(DOCTOR_WARN, "sandbox",
		    "set sandbox = require unless every job is trusted",
		    "off: jobs see what %s may see",
		    geteuid() == 0 ? cfg->run_user : "the processor");
		return;
	}
	said = run(argv, cfg->run_user);
	if (said.status == 0)
		doctor_note(DOCTOR_OK, "sandbox", NULL, "bubblewrap makes one%s%s",
		    geteuid() == 0 ? " as " : "", geteuid() == 0 ? cfg->run_user : "");
	else
		doctor_note(cfg->sandbox == SANDBOX_REQUIRE ? DOCTOR_FAIL : DOCTOR_WARN, "sandbox",
		    said.status == 127
			? "apt-get install bubblewrap"
			: "allow unprivileged user namespaces (sysctl "
			  "kernel.unprivileged_userns_clone=1; "
			  "in a container: its seccomp and AppArmor profile), or set sandbox = off",
		    "bubblewrap cannot make one: %s",
		    said.status == 127 ? "not installed"
		    : *said.text       ? said.text
				       : "no message");
}

static void check_run_user(void)
{
	const struct config *cfg = cli_config();
	struct passwd *pw;

	if (geteuid() != 0)
		return;
	pw = getpwnam(cfg->run_user);
	if (!pw)
		doctor_note(DOCTOR_FAIL, "run_user",
		    "make the user, or name another in the configuration", "no such user: %s",
		    cfg->run_user);
	else if (pw->pw_uid == 0)
		doctor_note(DOCTOR_FAIL, "run_user", "name a user without rights, such as nobody",
		    "%s is root", cfg->run_user);
	else
		doctor_note(DOCTOR_OK, "run_user", NULL, "%s (uid %u)", cfg->run_user,
		    (unsigned)pw->pw_uid);
}

void doctor_host(void)
{
	doctor_note(DOCTOR_OK, "dropmill", NULL, "version %s", dropmill_version);
	check_nginx();
	check_versions();
	check_sandbox();
	check_run_user();
}
