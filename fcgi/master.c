/*
 * The master of the pool.
 *
 * One loop over a signalfd, the pipes on which new children say that they are ready, and a timer
 * for whatever is due: a respawn that waits for its back-off, the next signal to a child that was
 * told to leave, the watchdog's ping. SIGHUP loads settings anew and replaces the children one by
 * one, each old one leaving when a new one is ready; if the new settings are wrong the old ones
 * stay.
 */
#include "fcgi/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/db.h"
#include "core/log.h"
#include "core/str.h"
#include "fcgi/serve.h"

#define BACKLOG 4096
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
/* A child that lived this long was all right. */
#define HEALTHY_MS 5000

struct child {
	pid_t pid;    /* 0: slot is free */
	int ready_fd; /* -1: it has said so */
	int generation;
	int64_t started, told, next_signal; /* told: when it was asked to leave; 0: not */
};

struct master {
	struct settings *s;
	const char *file;
	int sock, signals, generation;
	bool own_socket, stopping, announced;
	char path[108];
	struct child *child;
	size_t slots; /* twice web_processes: old and new beside one another */
	int64_t spawn_at, backoff_ms, watchdog_ms, next_ping;
};

enum rc settings_load(struct settings *s, const char *file, struct err *err)
{
	enum rc rc;

	arena_init(&s->arena);
	s->templates = arena_zalloc(&s->arena, sizeof *s->templates);
	rc = config_load(&s->cfg, file, &s->arena, err);
	if (rc == RC_OK)
		rc = templates_open(s->templates, s->cfg.templates_dir, err);
	if (rc != RC_OK)
		arena_release(&s->arena);
	return rc;
}

void settings_release(struct settings *s)
{
	templates_close(s->templates);
	arena_release(&s->arena);
}

bool master_inherited_socket(void)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	       listening;
}

/* A socket file that somebody listens on belongs to another master; one that nobody does is a
 * leftover. */
static void check_leftover(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0)
		die(75, "cannot listen on '%s': another dropmill-web does", addr->sun_path);
	if (fd >= 0)
		close(fd);
	unlink(addr->sun_path);
}

/* The socket becomes descriptor 0 here, so the children find it where libfcgi wants it. */
static void open_socket(struct master *m)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (master_inherited_socket())
		return;
	if (!str_fmt(addr.sun_path, sizeof addr.sun_path, "%s/web.sock", m->s->cfg.run_dir))
		die(78, "run_dir is too long for a socket: '%s'", m->s->cfg.run_dir);
	if (mkdir(m->s->cfg.run_dir, 0750) < 0 && errno != EEXIST)
		die(78, "cannot make '%s': %s", m->s->cfg.run_dir, strerror(errno));
	check_leftover(&addr);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t old = umask(0117);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    listen(fd, BACKLOG) < 0)
		die(71, "cannot listen on '%s': %s", addr.sun_path, strerror(errno));
	umask(old);
	if (dup2(fd, STDIN_FILENO) < 0)
		die(71, "cannot place the socket: %s", strerror(errno));
	if (fd != STDIN_FILENO)
		close(fd);
	memcpy(m->path, addr.sun_path, sizeof m->path);
	m->own_socket = true;
}

/* ---- children
 * ------------------------------------------------------------------------------------ */

static _Noreturn void become_child(struct master *m, pid_t parent, int ready_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(0);
	close(m->signals);
	for (size_t i = 0; i < m->slots; i++)
		if (m->child[i].pid && m->child[i].ready_fd >= 0)
			close(m->child[i].ready_fd);
	unsetenv("NOTIFY_SOCKET");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	exit(serve_fastcgi(&m->s->cfg, m->s->templates, ready_fd));
}

static void spawn(struct master *m)
{
	struct child *c = NULL;
	pid_t self = getpid();
	int pipefd[2];

	for (size_t i = 0; i < m->slots && !c; i++)
		if (!m->child[i].pid)
			c = &m->child[i];
	if (!c || pipe2(pipefd, O_CLOEXEC) < 0) {
		log_error("cannot start a process: %s", c ? strerror(errno) : "no free slot");
		m->spawn_at = clock_boot_ms() + BACKOFF_MAX_MS;
		return;
	}
	*c =
	    (struct child){.ready_fd = -1, .generation = m->generation, .started = clock_boot_ms()};
	c->pid = fork();
	if (c->pid == 0) {
		close(pipefd[0]);
		c->pid = 0;
		become_child(m, self, pipefd[1]);
	}
	close(pipefd[1]);
	if (c->pid < 0) {
		log_error("cannot fork: %s", strerror(errno));
		close(pipefd[0]);
		c->pid = 0;
		m->spawn_at = clock_boot_ms() + BACKOFF_MAX_MS;
		return;
	}
	c->ready_fd = pipefd[0];
}

static void tell(struct child *c)
{
	int64_t now = clock_boot_ms();

	if (!c->told)
		c->told = now;
	kill(c->pid, SIGTERM);
	c->next_signal = now + 1000;
}

/* Children of this generation that have not been told to leave: all, and those that are ready. */
static size_t count(const struct master *m, bool ready)
{
	size_t n = 0;

	for (size_t i = 0; i < m->slots; i++)
		n += m->child[i].pid && !m->child[i].told &&
		     m->child[i].generation == m->generation &&
		     (!ready || m->child[i].ready_fd < 0);
	return n;
}

static void announce(struct master *m)
{
	if (m->announced || count(m, true) < (size_t)m->s->cfg.web_processes)
		return;
	m->announced = true;
	log_info("ready processes=%zu", count(m, true));
	sd_notify(0, "READY=1");
}

/* A new child is ready: one of an older generation may leave; all of them once the new are
 * complete. */
static void child_ready(struct master *m, struct child *c)
{
	char byte;
	bool said = read(c->ready_fd, &byte, 1) == 1, complete;

	close(c->ready_fd);
	c->ready_fd = -1;
	if (!said)
		return;
	complete = count(m, true) >= (size_t)m->s->cfg.web_processes;
	for (size_t i = 0; i < m->slots; i++) {
		struct child *old = &m->child[i];

		if (!old->pid || old->told || old->generation == m->generation)
			continue;
		tell(old);
		if (!complete)
			break;
	}
	announce(m);
}

static void child_ended(struct master *m, struct child *c, int status)
{
	int64_t now = clock_boot_ms();
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (c->ready_fd >= 0)
		close(c->ready_fd);
	if (!well && !c->told && WIFSIGNALED(status))
		log_error("process died pid=%d signal=%d", (int)c->pid, WTERMSIG(status));
	else if (!well && !c->told)
		log_error("process died pid=%d exit=%d", (int)c->pid, WEXITSTATUS(status));
	if (!well && !c->told && now - c->started < HEALTHY_MS) {
		m->backoff_ms = m->backoff_ms ? 2 * m->backoff_ms : BACKOFF_MIN_MS;
		if (m->backoff_ms > BACKOFF_MAX_MS)
			m->backoff_ms = BACKOFF_MAX_MS;
		m->spawn_at = now + m->backoff_ms;
	} else if (!c->told) {
		m->backoff_ms = 0;
	}
	c->pid = 0;
}

static void reap(struct master *m)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < m->slots; i++)
			if (m->child[i].pid == pid)
				child_ended(m, &m->child[i], status);
}

/* ---- what is due
 * ------------------------------------------------------------------------------------ */

static void sooner(int64_t *next, int64_t at)
{
	if (at && (!*next || at < *next))
		*next = at;
}

/* Signals that are due again; KILL once the grace is over. */
static void remind(struct master *m, int64_t now, int64_t *next)
{
	for (size_t i = 0; i < m->slots; i++) {
		struct child *c = &m->child[i];

		if (!c->pid || !c->told)
			continue;
		if (now - c->told >= m->s->cfg.stop_grace_ms) {
			kill(c->pid, SIGKILL);
			c->next_signal = now + 1000;
		} else if (now >= c->next_signal) {
			tell(c);
		}
		sooner(next, c->next_signal);
	}
}

/* Do what is due and return when to come back (boot ms), 0 for never. */
static int64_t turn(struct master *m)
{
	int64_t now = clock_boot_ms(), next = 0;

	remind(m, now, &next);
	if (!m->stopping) {
		while (now >= m->spawn_at && count(m, false) < (size_t)m->s->cfg.web_processes)
			spawn(m);
		if (count(m, false) < (size_t)m->s->cfg.web_processes)
			sooner(&next, m->spawn_at);
	}
	if (m->watchdog_ms) {
		if (now >= m->next_ping) {
			sd_notify(0, "WATCHDOG=1");
			m->next_ping = now + m->watchdog_ms;
		}
		sooner(&next, m->next_ping);
	}
	return next;
}

static void resize(struct master *m, size_t slots)
{
	struct child *grown;

	if (slots <= m->slots)
		return;
	grown = realloc(m->child, slots * sizeof *grown);
	if (!grown)
		die(71, "out of memory");
	memset(grown + m->slots, 0, (slots - m->slots) * sizeof *grown);
	m->child = grown;
	m->slots = slots;
}

static void reload(struct master *m)
{
	struct settings *fresh = calloc(1, sizeof *fresh);
	struct err err = {0};

	sd_notify(0, "RELOADING=1");
	if (!fresh || settings_load(fresh, m->file, &err) != RC_OK) {
		log_error("settings not reloaded, the old ones stay: %s", err.text);
		free(fresh);
	} else {
		/* Children hold copies of the old ones, so these may go. */
		settings_release(m->s);
		free(m->s);
		m->s = fresh;
		m->generation++;
		m->spawn_at = 0;
		resize(m, 2 * (size_t)fresh->cfg.web_processes + m->slots / 2 + 2);
		log_info("settings reloaded, replacing processes");
	}
	sd_notify(0, "READY=1");
}

static void stop(struct master *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	sd_notify(0, "STOPPING=1");
	for (size_t i = 0; i < m->slots; i++)
		if (m->child[i].pid)
			tell(&m->child[i]);
}

static void take_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof info) == (ssize_t)sizeof info)
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(m);
			break;
		case SIGHUP:
			if (!m->stopping)
				reload(m);
			break;
		default:
			stop(m);
		}
}

/* Wait for a signal, a ready child, or the time that something is due. */
static void wait_for_news(struct master *m, int64_t next)
{
	struct pollfd *p = calloc(m->slots + 1, sizeof *p);
	struct child **who = calloc(m->slots + 1, sizeof *who);
	int64_t left = next ? next - clock_boot_ms() : -1;
	size_t n = 1;

	if (!p || !who)
		die(71, "out of memory");
	p[0] = (struct pollfd){.fd = m->signals, .events = POLLIN};
	for (size_t i = 0; i < m->slots; i++)
		if (m->child[i].pid && m->child[i].ready_fd >= 0) {
			who[n] = &m->child[i];
			p[n++] = (struct pollfd){.fd = m->child[i].ready_fd, .events = POLLIN};
		}
	if (poll(p, n, next ? (left < 0 ? 0 : left > 60000 ? 60000 : (int)left) : -1) > 0) {
		for (size_t i = 1; i < n; i++)
			if (p[i].revents)
				child_ready(m, who[i]);
		if (p[0].revents)
			take_signals(m);
	}
	free(p);
	free(who);
}

/* The last one out folds the log into the database, in a process of its own. */
static void checkpoint(struct master *m)
{
	struct err err = {0};
	struct db *db;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(30);
		signal(SIGALRM, SIG_DFL);
		if (db_open(&m->s->cfg, &db, &err) == RC_OK) {
			db_checkpoint(db, &err);
			db_close(db);
		}
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void open_signals(struct master *m)
{
	static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signals < 0)
		die(71, "cannot make a signalfd: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
}

int master_run(struct settings *s, const char *file)
{
	struct master m = {.s = s, .file = file};
	uint64_t watchdog_us = 0;
	size_t alive = 1;

	open_signals(&m);
	open_socket(&m);
	resize(&m, 2 * (size_t)s->cfg.web_processes);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		m.watchdog_ms = (int64_t)(watchdog_us / 2000);
	while (alive) {
		wait_for_news(&m, turn(&m));
		alive = !m.stopping;
		for (size_t i = 0; i < m.slots; i++)
			alive += m.child[i].pid != 0;
	}
	if (m.own_socket)
		unlink(m.path);
	checkpoint(&m);
	settings_release(m.s);
	free(m.s);
	free(m.child);
	return 0;
}
