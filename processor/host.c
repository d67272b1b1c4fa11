/*
 * Finding out about the host.
 */
#include "processor/host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "core/version.h"
#include "core/view.h"
#include "processor/launch.h"
#include "processor/seccomp.h"
#include "processor/workdir.h"

#define TEST_MS 10000
#define TEST_MEMORY (64 << 20)

enum rc host_user(struct host *h, const struct config *cfg, struct err *err)
{
	const struct passwd *pw;

	h->drop = geteuid() == 0;
	h->uid = (uid_t)-1;
	h->gid = (gid_t)-1;
	if (!h->drop)
		return RC_OK;
	pw = getpwnam(cfg->run_user);
	if (!pw)
		return err_set(
		    err, RC_INVALID, "run_user: there is no user \"%.60s\"", cfg->run_user);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return err_set(err, RC_INVALID, "run_user must not be root");
	h->uid = pw->pw_uid;
	h->gid = pw->pw_gid;
	return RC_OK;
}

enum rc host_init(struct host *h, const struct config *cfg, struct err *err)
{
	enum rc rc;

	*h = (struct host){.cfg = cfg,
	    .work = -1,
	    .sandboxed = cfg->sandbox != SANDBOX_OFF,
	    .store = {.root = -1},
	    .nursery = {-1, -1}};
	buf_init(&h->filter);
	rc = host_user(h, cfg, err);
	if (!rc)
		rc = seccomp_program(&h->filter, err);
	if (!rc)
		rc = store_open(cfg, &h->store, err);
	if (!rc)
		rc = workdir_open(cfg->work, &h->work, err);
	if (rc) {
		host_release(h);
		return rc;
	}
	/* Before the nursery starts: with version 2 we move to another group. */
	cgroup_probe(&h->cgroups);
	return nursery_open(&h->nursery, err);
}

void host_release(struct host *h)
{
	buf_release(&h->filter);
	store_close(&h->store);
	hands_release(&h->hands);
	nursery_close(&h->nursery);
	for (size_t i = 0; i < HOST_OWN; i++)
		free(h->own[i]);
	memset(h->own, 0, sizeof h->own);
	if (h->work >= 0)
		close(h->work);
	h->work = -1;
}

/* Whether `path` is `directory` or lies below it. */
static bool below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 &&
	       (len == 1 || path[len] == '/' || path[len] == '\0');
}

bool host_private(struct host *h, const char *directory)
{
	const struct config *cfg = h->cfg;
	const char *const ours[HOST_OWN] = {cfg->database, cfg->store, cfg->spool, cfg->work,
	    cfg->log_dir, cfg->run_dir, cfg->file};
	char dir[PATH_MAX];

	if (!realpath(directory, dir))
		return true;
	for (size_t i = 0; i < HOST_OWN; i++) {
		/* Once: nobody moves what we have open, and it is asked for every job. */
		if (ours[i] && !h->own[i])
			h->own[i] = realpath(ours[i], NULL);
		if (h->own[i] && below(h->own[i], dir))
			return true;
	}
	return below("/etc/shadow", dir) || below("/proc/self", dir) || below("/home", dir) ||
	       below("/root", dir) || below("/tmp", dir);
}

void host_about(const struct host *h, int64_t slots, struct buf *json)
{
	struct arena a;
	struct view *v;

	arena_init(&a);
	v = view_obj(&a);
	view_str(v, "version", dropmill_version);
	view_int(v, "slots", h->broken ? 0 : slots);
	view_str(v, "sandbox", h->sandboxed ? "bubblewrap" : "none");
	if (*h->warning)
		view_str(v, "warning", h->warning);
	view_str(v, "limits", cgroup_words(&h->cgroups));
	view_json(v, json);
	arena_release(&a);
}

/* ---- the self-test ---- */

/* Each line is something the sandbox promises; the last word printed says which one does not hold.
 */
static const char script[] =
    "echo inputs; [ \"$(cat /job/in/probe)\" = probe ] || exit 1\n"
    "echo outputs; echo ok >/job/out/probe || exit 1\n"
    "exec 2>/dev/null\n"
    "echo read-only; for f in / /usr /etc /job /job/in /dev; do (: >$f/.probe) && exit 1; done\n"
    "echo hidden files; [ -e /etc/shadow ] && exit 1; [ -e /root ] && exit 1; [ -e /var ] && exit "
    "1\n"
    "echo processes; [ -e /proc/20 ] && [ -e /proc/21 ] && [ -e /proc/22 ] && exit 1\n"
    "echo network; while read -r name rest; do case $name in lo:|face\\|bytes|'Inter-|') ;;\n"
    "  *:*) exit 1 ;; esac; done </proc/net/dev\n"
    "caps=; filter=; priv=\n"
    "while read -r key value; do case $key in CapEff:|CapBnd:) caps=$caps$value ;;\n"
    "  Seccomp:) filter=$value ;; NoNewPrivs:) priv=$value ;; esac; done </proc/self/status\n"
    "echo capabilities; [ $caps = 00000000000000000000000000000000 ] || exit 1\n"
    "echo seccomp; [ $filter = 2 ] || exit 1; [ $priv = 1 ] || exit 1\n"
    "echo namespaces; /usr/bin/unshare -U /bin/true && exit 1\n"
    "exit 0\n";

static enum rc wait_for_end(int sock, struct message_end *end, struct err *err)
{
	int64_t until = clock_boot_ms() + TEST_MS;
	static struct message m;

	for (;;) {
		struct pollfd p = {sock, POLLIN, 0};
		int64_t left = until - clock_boot_ms();
		enum rc rc;

		if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
			return err_set(err, RC_SYS, "it does not answer");
		rc = message_receive(sock, &m, err);
		if (rc == RC_DONE)
			return err_set(err, RC_SYS, "its runner died");
		if (rc && rc != RC_BUSY)
			return rc;
		if (!rc && m.type == MESSAGE_END) {
			*end = m.u.end;
			return RC_OK;
		}
	}
}

static enum rc judge(const struct message_end *end, struct err *err)
{
	if (end->cause == RUN_FAULT)
		return err_set(err, RC_SYS, "%.200s", end->last_error);
	if (end->cause != RUN_EXIT || end->exit_code)
		return err_set(err, RC_SYS, "it does not hold: %.60s%s%.120s", end->result,
		    *end->last_error ? ": " : "", end->last_error);
	return RC_OK;
}

static enum rc probe(struct host *h, const char *name, int work, int lock, struct err *err)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL}, *const env[] = {
									"PATH=/usr/bin:/bin", NULL};
	char input[4096], output[4096];
	struct sandbox_bind binds[] = {
	    {input, JOBTYPE_IN "/probe", false, 0, ""}, {output, JOBTYPE_OUT, true, 0, ""}};
	struct message_spec spec = {.job = "00000000-0000-7000-8000-000000000000",
	    .timeout_ms = TEST_MS,
	    .memory_bytes = TEST_MEMORY,
	    .output_max_bytes = 1 << 20,
	    .log_max_bytes = 4096,
	    .sandbox = 1,
	    .drop = h->drop,
	    .uid = h->uid,
	    .gid = h->gid};
	struct launch l = {.spec = &spec,
	    .argv = argv,
	    .env = env,
	    .binds = binds,
	    .bind_count = 2,
	    .filter = &h->filter,
	    .lock = lock,
	    .work = work,
	    .nursery = &h->nursery};
	struct message_end end;
	int pidfd, sock, fd;
	pid_t pid;
	enum rc rc;

	fd = openat(work, "probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "probe\n", 6) != 6 || fchmod(fd, 0644) < 0 || close(fd) < 0 ||
	    !str_fmt(input, sizeof input, "%s/%s/probe", h->cfg->work, name) ||
	    !str_fmt(output, sizeof output, "%s/%s/out", h->cfg->work, name))
		return err_sys(err, "cannot prepare it");
	l.log = memfd_create("log", MFD_CLOEXEC);
	rc = launch_runner(&l, &pid, &pidfd, &sock, err);
	close(l.log);
	if (rc)
		return rc;
	rc = wait_for_end(sock, &end, err);
	if (!rc)
		rc = judge(&end, err);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(sock);
	close(pidfd);
	return rc;
}

enum rc host_test_sandbox(struct host *h, struct err *err)
{
	char uuid[UUID_SIZE], name[WORKDIR_NAME_SIZE];
	int work, lock, budget = 100;
	struct err why;
	enum rc rc;

	workdir_name(uuid_new(uuid), 0, name);
	rc = workdir_make(h->work, name, h->worker_id, h->uid, h->gid, &work, &lock, &why);
	if (!rc) {
		rc = probe(h, name, work, lock, &why);
		close(work);
		close(lock);
		workdir_remove(h->work, name, &budget);
	}
	return rc ? err_set(err, rc, "sandbox: %.240s", why.text) : RC_OK;
}
