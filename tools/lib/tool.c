/*
 * The job protocol seen from inside a job, and the exits of a tool.
 */
#include "tools/lib/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "tools/lib/json.h"

#define MESSAGES_FD 3
#define PROGRESS_EVERY_MS 100

#ifdef __SANITIZE_ADDRESS__
/* Looking for leaks takes ptrace, which the sandbox refuses. They are looked for outside. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return access("/job/out", F_OK) == 0 ? "detect_leaks=0" : "";
}
#endif

static const char *usage_text = "";
static bool messages;

static struct {
	int percent;
	int64_t told_ms;
	char step[128];
} last = { .percent = -1 };

void tool_init(const char *usage)
{
	int flags = fcntl(MESSAGES_FD, F_GETFL);

	usage_text = usage;
	messages = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

void tool_help(void)
{
	fputs(usage_text, stdout);
	exit(fflush(stdout) ? EX_IOERR : EX_OK);
}

void tool_usage(const char *fmt, ...)
{
	va_list ap;

	fputs(usage_text, stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EX_USAGE);
}

void tool_die(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

void tool_fail(const struct err *err)
{
	tool_die(err->rc == RC_INVALID ? EX_DATAERR : EX_IOERR, "%s", err->text);
}

void tool_paths(int argc, char **argv, int first, const char **file, const char **outdir)
{
	struct stat st;

	if (argc - first != 2)
		tool_usage("expected FILE and OUTDIR, got %d arguments", argc - first);
	*file = argv[first];
	*outdir = argv[first + 1];
	if (stat(*outdir, &st) || !S_ISDIR(st.st_mode))
		tool_die(EX_IOERR, "output directory \"%s\" is not there", *outdir);
}

const char *tool_param(const char *name)
{
	char variable[64];
	const char *value;

	snprintf(variable, sizeof variable, "DROPMILL_PARAM_%s", name);
	value = getenv(variable);
	return value && *value ? value : NULL;
}

static void message(const char *text, size_t len)
{
	while (messages && len) {
		ssize_t n = write(MESSAGES_FD, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		messages = n > 0;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

void tool_progress(int percent, const char *step)
{
	bool new_step = strncmp(step, last.step, sizeof last.step - 1) != 0;
	int64_t now;

	if (percent < last.percent || (percent == last.percent && !new_step))
		return;
	now = clock_boot_ms();
	if (!new_step && now - last.told_ms < PROGRESS_EVERY_MS)
		return;
	last.percent = percent;
	last.told_ms = now;
	snprintf(last.step, sizeof last.step, "%s", step);
	printf("%d%% %s\n", percent, step);
	fflush(stdout);
}

void tool_progress_bytes(int from, int to, uint64_t done, uint64_t total, const char *step)
{
	double part = total && done < total ? (double)done / (double)total : 1;

	tool_progress(from + (int)(part * (to - from)), step);
}

void tool_items(uint64_t processed, uint64_t rejected)
{
	char text[128];
	int n =
	    snprintf(text, sizeof text, "{\"processed\":%llu,\"total\":%llu,\"rejected\":%llu}\n",
		(unsigned long long)processed, (unsigned long long)processed,
		(unsigned long long)rejected);

	message(text, (size_t)n);
}

void tool_result(const char *fmt, ...)
{
	struct buf text, line;
	va_list ap;

	buf_init(&text);
	buf_init(&line);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_adds(&line, "{\"result\":");
	json_string(&line, text.data, text.len);
	buf_adds(&line, "}\n");
	message(line.data, line.len);
	printf("%s\n", text.data);
	if (fflush(stdout))
		tool_die(EX_IOERR, "cannot write the result: %s", strerror(errno));
	buf_release(&line);
	buf_release(&text);
}

enum rc tool_open(const char *path, int *fd, uint64_t *size, struct err *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return err_sys(err, "cannot open \"%s\"", tool_basename(path));
	if (fstat(*fd, &st) || !S_ISREG(st.st_mode)) {
		close(*fd);
		*fd = -1;
		return err_set(
		    err, RC_SYS, "\"%.180s\" is not a regular file", tool_basename(path));
	}
	*size = (uint64_t)st.st_size;
	posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return RC_OK;
}

enum rc tool_write(const char *outdir, const char *name, const struct buf *text, struct err *err)
{
	int dir = open(outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int how = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	int fd = dir < 0 ? -1 : openat(dir, name, how, 0644);
	enum rc rc = RC_OK;

	if (fd < 0)
		rc = err_sys(err, "cannot create %s", name);
	for (size_t at = 0; !rc && at < text->len;) {
		ssize_t n = write(fd, text->data + at, text->len - at);

		if (n < 0 && errno != EINTR)
			rc = err_sys(err, "cannot write %s", name);
		at += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && close(fd) && !rc)
		rc = err_sys(err, "cannot write %s", name);
	if (dir >= 0)
		close(dir);
	return rc;
}

const char *tool_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
