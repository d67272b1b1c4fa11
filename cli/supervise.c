/*
 * Runs the parts of a stack (web pool, processor, nginx) in the foreground for `make run`, and
 * leaves no process behind, whatever ends it. An installation has systemd for this; a checkout has
 * nothing.
 *
 * Each part leads a process group of its own, so that Ctrl-C reaches us alone and a part can be
 * ended with all its children. We are a subreaper: what a dead part leaves behind becomes our
 * child, and the group of a dead part is emptied before the part is started again (nginx's workers
 * would otherwise keep the port after a kill -9 of their master). A part that dies is restarted
 * with back-off; one that fails in its first seconds stops the whole, since then the fault is in
 * the configuration.
 *
 * We end when told to, when our parent is gone (PDEATHSIG), and when our parent is a make that was
 * told to stop: make waits for us after SIGINT or SIGHUP but does not pass them on. If we are
 * killed ourselves, every part gets SIGTERM by its own PDEATHSIG.
 *
 * SIGHUP means what it means to the parts that take it (-r): it is passed on. The hang-up of our
 * terminal, which the kernel sends, means the end.
 *
 * The first part serves the others and is stopped when those are gone.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define PARTS_MAX 8
#define TRIAL_MS 5000   /* a part that fails within this time of its first start ends the whole */
#define STEADY_MS 10000 /* a part that ran this long starts again without back-off */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define CLEAR_MS 1000 /* what is left of a dead part's group has this long before SIGKILL */
#define TICK_MS 1000
#define POLL_MS 20

enum part_state { PART_WAITING, PART_RUNNING, PART_CLEARING, PART_GONE };

struct part {
	const char *name;
	char **argv;
	int stop_signal;
	bool reloads; /* takes SIGHUP for "read your files again" */
	int listen_fd; /* given to the part as its standard input; -1: none */
	enum part_state state;
	pid_t pid; /* also its process group */
	bool tried;
	int64_t since_ms; /* when the state began */
	int64_t due_ms; /* WAITING: when to start; CLEARING: when to kill; stopping: when to kill */
	int64_t backoff_ms;
};

static struct part parts[PARTS_MAX];
static int parts_count;
static int64_t grace_ms = 15000;
static pid_t parent;
static bool stopping, hurry;
static int exit_status;
static sigset_t signals;

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("dropmill: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

__attribute__((noreturn)) static void usage(void)
{
	fputs("usage: dropmill-supervise [-g GRACE_SECONDS] [-p PARENT_PID] [-l LOCK_FD]\n"
	      "           NAME [-s SOCKET] [-q] [-r] COMMAND ARG… [';' NAME …]\n"
	      "  -s SOCKET  bind a unix socket and hand it to the command as standard input\n"
	      "  -q         stop with SIGQUIT instead of SIGTERM\n"
	      "  -r         pass SIGHUP on to the command\n",
	    stderr);
	exit(EX_USAGE);
}

/* ---- starting -------------------------------------------------------------------------------- */

static int listen_on(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr.sun_path)) {
		say("socket path too long: %s", path);
		exit(EX_CONFIG);
	}
	strcpy(addr.sun_path, path);
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t old = umask(0117);
	int rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(old);
	if (rc != 0 || listen(fd, 4096) != 0) {
		say("cannot listen on %s: %s", path, strerror(errno));
		exit(EX_OSERR);
	}
	return fd;
}

__attribute__((noreturn)) static void part_exec(const struct part *p, pid_t supervisor)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != supervisor)
		_exit(0);
	int in = p->listen_fd >= 0 ? p->listen_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(in, STDIN_FILENO);
	struct sigaction sa = {.sa_handler = SIG_DFL};
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(p->argv[0], p->argv);
	say("cannot start %s: %s: %s", p->name, p->argv[0], strerror(errno));
	_exit(127);
}

static void part_enter(struct part *p, enum part_state state)
{
	p->state = state;
	p->since_ms = now_ms();
}

static void part_start(struct part *p)
{
	pid_t self = getpid();
	p->pid = fork();
	if (p->pid == 0)
		part_exec(p, self);
	if (p->pid < 0) {
		say("cannot start %s: fork: %s", p->name, strerror(errno));
		p->due_ms = now_ms() + BACKOFF_MAX_MS;
		return;
	}
	setpgid(p->pid, p->pid);
	part_enter(p, PART_RUNNING);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void part_stop(struct part *p)
{
	if (p->state == PART_WAITING)
		part_enter(p, PART_GONE);
	if (p->state != PART_RUNNING || p->due_ms)
		return;
	kill(p->pid, p->stop_signal);
	p->due_ms = now_ms() + grace_ms;
}

static void stop_all(void)
{
	if (!stopping)
		for (int i = 0; i < parts_count; i++)
			parts[i].due_ms = 0;
	stopping = true;
}

/* Pass SIGHUP on; false: nobody takes it. A part that is being started reads its files anyway. */
static bool reload_all(void)
{
	bool taken = false;
	for (int i = 0; i < parts_count; i++) {
		if (parts[i].reloads && parts[i].state == PART_RUNNING && !parts[i].due_ms)
			kill(parts[i].pid, SIGHUP);
		taken = taken || parts[i].reloads;
	}
	return taken;
}

/* The leader of a part has ended: `status` says how. Its group is emptied next. */
static void part_ended(struct part *p, int status)
{
	bool failed = WIFEXITED(status) && WEXITSTATUS(status) != 0;
	int64_t ran_ms = now_ms() - p->since_ms;
	if (!stopping && failed && !p->tried && ran_ms < TRIAL_MS) {
		say("%s cannot start (exit status %d); stopping", p->name, WEXITSTATUS(status));
		exit_status = 1;
		stop_all();
	} else if (!stopping) {
		p->backoff_ms =
		    ran_ms >= STEADY_MS || !p->backoff_ms ? BACKOFF_MIN_MS : p->backoff_ms * 2;
		if (p->backoff_ms > BACKOFF_MAX_MS)
			p->backoff_ms = BACKOFF_MAX_MS;
		say("%s ended (%s %d) after %.1f s; starting it again", p->name,
		    WIFSIGNALED(status) ? "signal" : "exit status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), ran_ms / 1000.0);
	}
	p->tried = true;
	kill(-p->pid, SIGTERM);
	part_enter(p, PART_CLEARING);
	p->due_ms = p->since_ms + (hurry ? 0 : CLEAR_MS);
}

static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < parts_count; i++)
			if (parts[i].state == PART_RUNNING && parts[i].pid == pid)
				part_ended(&parts[i], status);
}

/* Kill every child we have, adopted ones too, until there is none: the children of a killed process
 * come to us in turn. */
static void kill_remaining(void)
{
	int64_t until = now_ms() + 5000;
	while (now_ms() < until) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			return;
		DIR *proc = opendir("/proc");
		struct dirent *entry;
		while (proc && (entry = readdir(proc))) {
			char path[300], stat[512], *rest;
			if (!isdigit((unsigned char)entry->d_name[0]))
				continue;
			snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
			int fd = open(path, O_RDONLY | O_CLOEXEC);
			ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
			if (fd >= 0)
				close(fd);
			stat[n > 0 ? n : 0] = '\0';
			/* "pid (name) state ppid": the name may hold anything, also ')'. */
			rest = strrchr(stat, ')');
			if (rest && strlen(rest) > 4 && atoi(rest + 4) == getpid())
				kill(atoi(entry->d_name), SIGKILL);
		}
		if (proc)
			closedir(proc);
		usleep(POLL_MS * 1000);
	}
	say("some processes could not be killed");
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Which of SIGHUP, SIGINT and SIGTERM a make process catches, as bits (SigCgt); 0 if `pid` is no
 * make or cannot be read. */
static unsigned long long make_catches(pid_t pid)
{
	char path[64], line[256];
	unsigned long long caught = 0;
	bool make = false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in)) {
		if (strcmp(line, "Name:\tmake\n") == 0 || strcmp(line, "Name:\tgmake\n") == 0)
			make = true;
		if (sscanf(line, "SigCgt: %llx", &caught) == 1)
			break;
	}
	if (in)
		fclose(in);
	return make ? caught & (1 << (SIGHUP - 1) | 1 << (SIGINT - 1) | 1 << (SIGTERM - 1)) : 0;
}

/* make takes its handler for a signal away when it has come, and then waits for us in silence. */
static bool parent_wants_out(unsigned long long caught_before)
{
	return parent && (getppid() != parent || (caught_before & ~make_catches(parent)));
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool others_gone(void)
{
	for (int i = 1; i < parts_count; i++)
		if (parts[i].state != PART_GONE)
			return false;
	return true;
}

/* What time alone brings about. Returns how long nothing more will happen by itself, in ms. */
static int64_t part_step(struct part *p)
{
	int64_t now = now_ms();
	switch (p->state) {
	case PART_WAITING:
		if (stopping)
			part_enter(p, PART_GONE);
		else if (now >= p->due_ms)
			part_start(p);
		else
			return p->due_ms - now;
		return 0;
	case PART_CLEARING:
		if (kill(-p->pid, 0) != 0) {
			part_enter(p, stopping ? PART_GONE : PART_WAITING);
			p->due_ms = now + p->backoff_ms;
			return 0;
		}
		if (now >= p->due_ms)
			kill(-p->pid, SIGKILL);
		return POLL_MS;
	case PART_RUNNING:
		if (!stopping)
			return TICK_MS;
		if (p != parts || others_gone())
			part_stop(p);
		if (p->due_ms && (hurry || now >= p->due_ms))
			kill(-p->pid, SIGKILL);
		return POLL_MS;
	case PART_GONE:
		return TICK_MS;
	}
	return TICK_MS;
}

static bool all_gone(void)
{
	return others_gone() && parts[0].state == PART_GONE;
}

static void loop(void)
{
	unsigned long long caught_before = parent ? make_catches(parent) : 0;
	while (!all_gone()) {
		int64_t wait_ms = TICK_MS;
		for (int i = 0; i < parts_count; i++) {
			int64_t quiet = part_step(&parts[i]);
			if (quiet < wait_ms)
				wait_ms = quiet;
		}
		struct timespec timeout = {wait_ms / 1000, wait_ms % 1000 * 1000000};
		siginfo_t info;
		int sig = sigtimedwait(&signals, &info, &timeout);
		if (sig == SIGHUP && info.si_code != SI_KERNEL && !stopping && reload_all())
			sig = 0;
		if (sig == SIGTERM || sig == SIGINT || sig == SIGHUP) {
			if (stopping && sig == SIGINT)
				hurry = true;
			else if (!stopping)
				say("stopping");
			stop_all();
		} else if (!stopping && parent_wants_out(caught_before)) {
			say("stopping: our parent process wants to end");
			stop_all();
		}
		reap();
	}
}

/* "NAME [-s SOCKET] [-q] [-r] COMMAND ARG…" up to ";" or the end; returns what follows. */
static char **part_parse(char **argv)
{
	if (parts_count == PARTS_MAX)
		usage();
	struct part *p = &parts[parts_count++];
	*p = (struct part){.name = *argv++, .stop_signal = SIGTERM, .listen_fd = -1};
	for (; *argv && **argv == '-'; argv++) {
		if (strcmp(*argv, "-q") == 0)
			p->stop_signal = SIGQUIT;
		else if (strcmp(*argv, "-r") == 0)
			p->reloads = true;
		else if (strcmp(*argv, "-s") == 0 && argv[1])
			p->listen_fd = listen_on(*++argv);
		else
			usage();
	}
	p->argv = argv;
	while (*argv && strcmp(*argv, ";") != 0)
		argv++;
	if (p->argv == argv)
		usage();
	if (*argv)
		*argv++ = NULL;
	return argv;
}

int main(int argc, char **argv)
{
	int opt;
	while ((opt = getopt(argc, argv, "+g:p:l:")) != -1) {
		if (opt == 'g')
			grace_ms = atoll(optarg) * 1000;
		else if (opt == 'p')
			parent = (pid_t)atoi(optarg);
		else if (opt != 'l' || fcntl(atoi(optarg), F_SETFD, FD_CLOEXEC) != 0)
			usage();
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (parent)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	for (argv += optind; *argv;)
		argv = part_parse(argv);
	if (parts_count == 0)
		usage();
	loop();
	kill_remaining();
	return exit_status;
}
