/*
 * Scanning and taking outputs.
 */
#include "processor/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/str.h"
#include "processor/sniff.h"

#define DEPTH_MAX 16
#define READ_BYTES (256 * 1024)

struct scan {
	int root;
	int64_t left_bytes; /* -1: no limit */
	int count, seen;
	struct joblog *log;
	outputs_fn *fn;
	void *context;
};

static int open_beneath(int dir, const char *name, int flags)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
	    .resolve =
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

/* Whether one component of a path is a name we would have given it ourselves. */
static bool clean_component(const char *name)
{
	char clean[256];

	return str_clean_name(name, strlen(name), clean) && strcmp(clean, name) == 0;
}

/* A regular file: describe it and pass it on. */
static enum rc describe(struct scan *s, const char *name, struct err *err)
{
	struct message_output out = {0};
	int fd = open_beneath(s->root, name, O_RDONLY);
	struct stat st;
	enum rc rc = RC_OK;

	if (fd < 0 || fstat(fd, &st) < 0) {
		joblog_note(
		    s->log, "output left out: \"%s\" cannot be opened: %s", name, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		joblog_note(s->log, "output left out: \"%s\" has more than one name", name);
	} else if (s->count >= OUTPUTS_MAX) {
		rc = err_set(err, RC_INVALID, "it left more than %d files", OUTPUTS_MAX);
	} else if (s->left_bytes >= 0 && st.st_size > s->left_bytes) {
		rc = err_set(err, RC_LIMIT, "its output is too large");
	} else {
		s->count++;
		if (s->left_bytes >= 0)
			s->left_bytes -= st.st_size;
		out.size_bytes = st.st_size;
		out.inode = st.st_ino;
		snprintf(out.name, sizeof out.name, "%s", name);
		rc = digest_file(fd, out.sha256, err);
		/* The supervisor's sync then finds nothing left to write. */
		if (!rc && fdatasync(fd) < 0)
			rc = err_sys(err, "cannot sync output \"%.100s\"", name);
		if (!rc)
			sniff_output(fd, name, out.content_type, sizeof out.content_type);
		if (!rc)
			rc = s->fn(s->context, &out, err);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static const char *kind(mode_t mode)
{
	return S_ISLNK(mode)    ? "a link"
	       : S_ISFIFO(mode) ? "a fifo"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static enum rc scan_directory(struct scan *s, const char *path, int depth, struct err *err)
{
	int fd = open_beneath(s->root, *path ? path : ".", O_RDONLY | O_DIRECTORY);
	struct dirent **list = NULL;
	enum rc rc = RC_OK;
	int n = fd < 0 ? -1 : scandirat(fd, ".", &list, NULL, alphasort);

	if (n < 0)
		joblog_note(s->log, "output left out: directory \"%s\": %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *base = list[i]->d_name;
		char name[sizeof((struct message_output *)0)->name];
		struct stat st;

		if (rc || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
			free(list[i]);
			continue;
		}
		if (++s->seen > 20 * OUTPUTS_MAX)
			rc = err_set(err, RC_INVALID, "it left more than %d files", OUTPUTS_MAX);
		else if (!clean_component(base) ||
			 !str_fmt(name, sizeof name, "%s%s%s", path, *path ? "/" : "", base))
			joblog_note(
			    s->log, "output left out: a name that is not fit for a download");
		else if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
			joblog_note(s->log, "output left out: \"%s\": %s", name, strerror(errno));
		else if (S_ISREG(st.st_mode))
			rc = describe(s, name, err);
		else if (!S_ISDIR(st.st_mode))
			joblog_note(
			    s->log, "output left out: \"%s\" is %s", name, kind(st.st_mode));
		else if (depth < DEPTH_MAX)
			rc = scan_directory(s, name, depth + 1, err);
		else
			joblog_note(s->log, "output left out: \"%s\" lies too deep", name);
		free(list[i]);
	}
	free(list);
	if (fd >= 0)
		close(fd);
	return rc;
}

enum rc outputs_scan(
    int dir, int64_t max_bytes, struct joblog *log, outputs_fn *fn, void *context, struct err *err)
{
	struct scan s = {.root = dir,
	    .left_bytes = max_bytes > 0 ? max_bytes : -1,
	    .log = log,
	    .fn = fn,
	    .context = context};

	return scan_directory(&s, "", 0, err);
}

/* ---- in the supervisor ---- */

/* The store lies on another filesystem: a copy, on its own inode. */
static enum rc copy(struct store *st, int from, const char *uuid, struct err *err)
{
	char *block = malloc(READ_BYTES);
	int to = -1;
	ssize_t n = 0;
	enum rc rc = block ? store_temp(st, &to, err) : err_set(err, RC_SYS, "out of memory");

	while (!rc && (n = read(from, block, READ_BYTES)) != 0) {
		for (ssize_t done = 0; n > 0 && done < n;) {
			ssize_t w = write(to, block + done, (size_t)(n - done));

			if (w < 0) {
				n = -1;
				break;
			}
			done += w;
		}
		if (n < 0)
			rc = err_sys(err, "cannot copy an output into the store");
	}
	if (!rc)
		rc = store_link(st, to, uuid, err);
	if (to >= 0)
		close(to);
	free(block);
	return rc;
}

enum rc outputs_take(struct store *st, int dir, const struct message_output *output,
    const char *uuid, struct err *err)
{
	int fd = open_beneath(dir, output->name, O_RDONLY);
	struct stat file, root;
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open output \"%.100s\"", output->name);
	if (fstat(fd, &file) < 0 || fstat(st->root, &root) < 0)
		rc = err_sys(err, "cannot stat output \"%.100s\"", output->name);
	else if (!S_ISREG(file.st_mode) || file.st_nlink != 1 || file.st_ino != output->inode ||
		 file.st_size != output->size_bytes)
		rc = err_set(
		    err, RC_INVALID, "output \"%.100s\" is not the file it was", output->name);
	else if (file.st_dev != root.st_dev)
		rc = copy(st, fd, uuid, err);
	/* Not the command's user but the store's owner has it from now on. */
	else if (geteuid() == 0 && fchown(fd, 0, (gid_t)-1) < 0)
		rc = err_sys(err, "cannot take output \"%.100s\"", output->name);
	else
		rc = store_link(st, fd, uuid, err);
	close(fd);
	return rc;
}
