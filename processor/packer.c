/*
 * Running dropmill-zip and taking what it made.
 */
#include "processor/packer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/archive.h"
#include "core/clock.h"
#include "core/log.h"
#include "processor/stage.h"
#include "processor/supervisor.h"

#define EVERY_MS 1000
#define EXPIRE_EVERY_MS 30000
#define NICE 5
/* What an archive may be larger than what is in it: headers, and text that does not deflate. */
#define HEADERS_BYTES 4096

struct packer {
	struct supervisor *sv;
	struct arena arena;
	struct archive_work work;
	sd_event_source *exit;
	pid_t pid;
	int pidfd, archive; /* -1: none */
	int64_t renew_at;
};

static void release(struct supervisor *sv)
{
	struct packer *p = sv->packer;

	if (!p)
		return;
	sv->packer = NULL;
	sd_event_source_disable_unref(p->exit);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->archive >= 0)
		close(p->archive);
	arena_release(&p->arena);
	free(p);
}

static void fail(struct supervisor *sv, const char *error)
{
	struct err err;

	if (error)
		log_error("archive: %s job=%" PRId64, error, sv->packer->work.job_id);
	if (archive_failed(sv->db, &sv->packer->work, error, &err) && err.rc != RC_NOTFOUND)
		log_error("archive: %s job=%" PRId64, err.text, sv->packer->work.job_id);
	release(sv);
}

void packer_stop(struct supervisor *sv)
{
	if (sv->packer)
		fail(sv, NULL);
}

/* ---- what was made ---- */

static enum rc take_archive(struct packer *p, struct err *err)
{
	struct store *st = &p->sv->host.store;
	struct file file = {
	    .kind = FILE_ARCHIVE, .name = "files.zip", .content_type = "application/zip"};
	struct stat sb;
	enum rc rc;

	if (fstat(p->archive, &sb) < 0)
		return err_sys(err, "cannot look at the archive");
	file.size_bytes = sb.st_size;
	uuid_new(file.uuid);
	/* Not the tool's user but the store's owner has it from now on. */
	if (geteuid() == 0 && fchown(p->archive, 0, (gid_t)-1) < 0)
		return err_sys(err, "cannot take the archive");
	rc = store_link(st, p->archive, file.uuid, err);
	if (rc)
		return rc;
	rc = store_sync(st, err);
	if (!rc)
		rc = archive_done(p->sv->db, &p->work, &file, err);
	if (rc)
		store_remove(st, file.uuid);
	return rc;
}

static void ended(struct supervisor *sv, int status)
{
	struct packer *p = sv->packer;
	struct err err = {0};
	enum rc rc;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) {
		rc = take_archive(p, &err);
		if (!rc || rc == RC_NOTFOUND)
			release(sv);
		else
			fail(sv, rc == RC_LIMIT ? archive_no_room : "it could not be stored");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_CANTCREAT) {
		fail(sv, archive_no_room);
	} else {
		fail(sv, "the archive could not be made");
	}
	if (err.text[0])
		log_info("archive: %s", err.text);
}

static int on_exit_of_tool(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct supervisor *sv = userdata;
	int status;

	(void)source;
	(void)fd;
	(void)revents;
	if (waitpid(sv->packer->pid, &status, WNOHANG) != sv->packer->pid)
		return 0;
	sv->packer->pid = -1;
	ended(sv, status);
	sv->want_pack = true;
	sd_event_source_set_enabled(sv->turn, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- making it ---- */

/* Three texts for each output; see dropmill-zip. The descriptor is at its beginning. */
static enum rc write_list(const struct archive_work *w, int *fd, struct err *err)
{
	char path[64];
	enum rc rc = RC_OK;
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < w->n; i++) {
		const char *texts[] = {store_name(w->outputs[i].uuid, path),
		    w->outputs[i].content_type, w->outputs[i].name};

		for (size_t k = 0; k < 3; k++)
			buf_add(&b, texts[k], strlen(texts[k]) + 1);
	}
	*fd = memfd_create("archive", MFD_CLOEXEC);
	if (*fd < 0 || pwrite(*fd, b.data, b.len, 0) != (ssize_t)b.len)
		rc = err_sys(err, "cannot write the list of an archive");
	buf_release(&b);
	return rc;
}

/* In the child: the tool, with the store as its directory and nothing else that is ours. */
_Noreturn static void become_tool(
    const struct supervisor *sv, const struct archive_work *w, int program, const int fds[2])
{
	static char zip[] = "dropmill-zip", option[] = "--time", here[] = ".";
	int64_t most = w->bytes + w->bytes / 100 + HEADERS_BYTES * (int64_t)(w->n + 1);
	const struct rlimit size = {(rlim_t)most, (rlim_t)most};
	char at[24];
	char *argv[] = {zip, option, at, here, NULL}, *env[] = {NULL};
	sigset_t none;
	struct err err;

	snprintf(at, sizeof at, "%" PRId64, w->ended_at / 1000);
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_FSIZE, &size);
	setpriority(PRIO_PROCESS, 0, NICE);
	if (fchdir(sv->host.store.root) < 0 || dup2(fds[0], 0) < 0 || dup2(fds[1], 1) < 0)
		_exit(EX_OSERR);
	if (sv->host.drop && stage_drop(sv->host.uid, sv->host.gid, &err))
		_exit(EX_NOPERM);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	program = fcntl(program, F_DUPFD, 3);
	close_range(3, (unsigned)program - 1, 0);
	close_range((unsigned)program + 1, ~0U, 0);
	fcntl(program, F_SETFD, FD_CLOEXEC);
	execveat(program, "", argv, env, AT_EMPTY_PATH);
	_exit(EX_UNAVAILABLE);
}

static enum rc start_tool(struct packer *p, struct err *err)
{
	struct supervisor *sv = p->sv;
	const char *path = jobtype_program(sv->cfg, "dropmill-zip", &p->arena);
	int program = path ? open(path, O_PATH | O_CLOEXEC) : -1, list = -1;
	enum rc rc = RC_OK;

	if (program < 0)
		return err_set(err, RC_SYS, "dropmill-zip is not there");
	rc = store_temp(&sv->host.store, &p->archive, err);
	if (!rc)
		rc = write_list(&p->work, &list, err);
	if (!rc) {
		const int fds[] = {list, p->archive};

		p->pid = fork();
		if (p->pid == 0)
			become_tool(sv, &p->work, program, fds);
		if (p->pid < 0)
			rc = err_sys(err, "cannot fork");
	}
	if (!rc && (p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0)) < 0)
		rc = err_sys(err, "cannot watch dropmill-zip");
	if (!rc && sd_event_add_io(sv->event, &p->exit, p->pidfd, EPOLLIN, on_exit_of_tool, sv) < 0)
		rc = err_set(err, RC_SYS, "cannot watch dropmill-zip");
	if (list >= 0)
		close(list);
	close(program);
	return rc;
}

static bool has_room(const struct supervisor *sv, const struct archive_work *w)
{
	struct store st = sv->host.store;
	struct err err;
	int64_t room;

	return store_free(&st, &room, &err) || room - w->bytes >= sv->cfg->disk_low_bytes;
}

static enum rc start(struct supervisor *sv, int64_t now, struct err *err)
{
	struct packer *p = calloc(1, sizeof *p);
	enum rc rc;

	if (!p)
		bug("out of memory");
	sv->packer = p;
	p->sv = sv;
	p->pid = p->pidfd = p->archive = -1;
	arena_init(&p->arena);
	rc = archive_take(sv->db, sv->cfg->lease_ms, &p->arena, &p->work, err);
	if (rc) {
		release(sv);
		return rc == RC_NOTFOUND ? RC_OK : rc;
	}
	p->renew_at = now + sv->cfg->lease_ms / 3;
	if (!has_room(sv, &p->work)) {
		fail(sv, archive_no_room);
	} else if (start_tool(p, err)) {
		log_error("%s", err->text);
		fail(sv, err->rc == RC_LIMIT ? archive_no_room : "the archive could not be made");
	}
	return RC_OK;
}

static enum rc renew(struct supervisor *sv, int64_t now, struct err *err)
{
	struct packer *p = sv->packer;
	enum rc rc;

	if (now < p->renew_at)
		return RC_OK;
	rc = archive_renew(sv->db, &p->work, sv->cfg->lease_ms, err);
	p->renew_at = now + sv->cfg->lease_ms / 3;
	if (rc != RC_NOTFOUND)
		return rc;
	release(sv);
	return RC_OK;
}

static enum rc expire(struct supervisor *sv, int64_t now, struct err *err)
{
	struct file *gone;
	struct arena a;
	size_t n;
	enum rc rc;

	if (now < sv->expire_at)
		return RC_OK;
	arena_init(&a);
	rc = archive_expire(sv->db, clock_wall_ms() - sv->cfg->archive_keep_ms, &a, &gone, &n, err);
	for (size_t i = 0; !rc && i < n; i++)
		store_remove(&sv->host.store, gone[i].uuid);
	sv->expire_at = now + (!rc && n                                        ? EVERY_MS
				  : sv->cfg->archive_keep_ms < EXPIRE_EVERY_MS ? EVERY_MS
									       : EXPIRE_EVERY_MS);
	arena_release(&a);
	return rc;
}

void packer_turn(struct supervisor *sv, int64_t now)
{
	struct err err;
	bool waits;
	enum rc rc = RC_OK;

	if (sv->packer) {
		rc = renew(sv, now, &err);
	} else if (!sv->stopping && (sv->want_pack || now >= sv->pack_at)) {
		sv->want_pack = false;
		sv->pack_at = now + EVERY_MS;
		rc = archive_waits(sv->db, &waits, &err);
		if (!rc && waits)
			rc = start(sv, now, &err);
		sv->want_pack = !rc && waits && !sv->packer;
	}
	if (!rc)
		rc = expire(sv, now, &err);
	if (rc)
		log_error("archives: %s", err.text);
}
