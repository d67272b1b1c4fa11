/*
 * The child side of the sniffer: libmagic behind seccomp.
 *
 * libmagic needs 5 ms for a plain text, nearly all of it in rules for program sources, and 0.3 ms
 * for a binary. So it is asked in two steps: first without those rules, which tells text, CSV, JSON
 * and encodings apart in microseconds, then with them for binaries and for texts that begin
 * like markup or a script.
 */
#include <errno.h>
#include <magic.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/sniff.h"
#include "core/sniff_child.h"

#define IDLE_SECONDS 30
#define GLANCE_BYTES 4096
#define TEXT_BYTES 16384
#define BINARY_BYTES 1024
#define LINES_ENOUGH 32
#define WINDOW_BYTES 262144

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char window[WINDOW_BYTES];

static void limit(int what, rlim_t value)
{
	setrlimit(what, &(struct rlimit){value, value});
}

/* Only what reading a descriptor and answering takes. A sanitizer needs more than we would list. */
static void lock_down(void)
{
	static const int allowed[] = {
	    SCMP_SYS(read),
	    SCMP_SYS(pread64),
	    SCMP_SYS(recvmsg),
	    SCMP_SYS(sendto),
	    SCMP_SYS(sendmsg),
	    SCMP_SYS(restart_syscall),
	    SCMP_SYS(close),
	    SCMP_SYS(brk),
	    SCMP_SYS(munmap),
	    SCMP_SYS(mremap),
	    SCMP_SYS(madvise),
	    SCMP_SYS(futex),
	    SCMP_SYS(rt_sigreturn),
	    SCMP_SYS(getrandom),
	    SCMP_SYS(exit),
	    SCMP_SYS(exit_group),
	};
	scmp_filter_ctx ctx;
	int rc = 0;

	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NPROC, 0);
	if (SANITIZED)
		return;
	limit(RLIMIT_DATA, 128 << 20);
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		die(71, "sniff: cannot make the system call filter");
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory, never to be executed. */
	rc |= seccomp_rule_add(
	    ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	/* stdio and locale code ask what a descriptor is; no answer is needed. */
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(newfstatat), 0);
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 0);
	rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mprotect), 0);
	if (rc || seccomp_load(ctx) < 0)
		die(71, "sniff: cannot load the system call filter");
	seccomp_release(ctx);
}

static magic_t load(void)
{
	static const struct {
		int what;
		size_t value;
	} bounds[] = {
	    {MAGIC_PARAM_INDIR_MAX, 15},
	    {MAGIC_PARAM_NAME_MAX, 50},
	    {MAGIC_PARAM_REGEX_MAX, 8192},
	    {MAGIC_PARAM_BYTES_MAX, WINDOW_BYTES},
	    {MAGIC_PARAM_ELF_PHNUM_MAX, 128},
	    {MAGIC_PARAM_ELF_SHNUM_MAX, 128},
	    {MAGIC_PARAM_ELF_NOTES_MAX, 64},
	};
	magic_t magic = magic_open(MAGIC_MIME_TYPE);

	if (!magic || magic_load(magic, NULL) < 0)
		die(71, "sniff: cannot load the database of libmagic");
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
		magic_setparam(magic, bounds[i].what, &bounds[i].value);
	return magic;
}

static size_t fill(int fd, size_t want)
{
	size_t got = 0;

	while (got < want) {
		ssize_t n = pread(fd, window + got, want - got, (off_t)got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

static const char *judge(magic_t magic, int flags, size_t len)
{
	const char *type;

	magic_setflags(magic, MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | flags);
	type = magic_buffer(magic, window, len);
	return type ? type : SNIFF_UNKNOWN;
}

/* Texts that say in their first bytes what they are. */
static bool looks_marked(size_t len)
{
	static const char *const marks[] = {
	    "#!", "<", "%!", "{\\rtf", "BEGIN:", "From ", "-----BEGIN"};
	size_t at = 0;

	while (at < len && strchr(" \t\r\n\xef\xbb\xbf", window[at]) && window[at])
		at++;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (len - at >= strlen(marks[i]) &&
		    memcmp(window + at, marks[i], strlen(marks[i])) == 0)
			return true;
	return false;
}

/* Whether it could be JSON that only the whole text proves. */
static bool looks_json(size_t len)
{
	size_t at = 0;

	while (at < len && strchr(" \t\r\n", window[at]) && window[at])
		at++;
	return at < len && (window[at] == '{' || window[at] == '[');
}

/* Whether what was read holds too few lines to tell a table from a text. */
static bool few_lines(size_t len)
{
	size_t lines = 0;

	for (const char *at = window; (at = memchr(at, '\n', (size_t)(window + len - at))); at++)
		lines++;
	return lines < LINES_ENOUGH;
}

/* A glance is enough for a text of short lines. */
static const char *sniff(magic_t magic, int fd)
{
	size_t len = fill(fd, GLANCE_BYTES);
	const char *type = judge(magic, MAGIC_NO_CHECK_SOFT, len);

	if (len == GLANCE_BYTES && (strcmp(type, "text/plain") != 0 || few_lines(len))) {
		len = fill(fd, TEXT_BYTES);
		type = judge(magic, MAGIC_NO_CHECK_SOFT, len);
	}
	if (strcmp(type, "text/plain") == 0) {
		if (len >= GLANCE_BYTES && looks_json(len)) {
			len = fill(fd, WINDOW_BYTES);
			type = judge(magic, MAGIC_NO_CHECK_SOFT, len);
		}
		if (looks_marked(len))
			type = judge(magic, 0, len < BINARY_BYTES ? len : BINARY_BYTES);
	} else if (strcmp(type, SNIFF_UNKNOWN) == 0) {
		/* Archives and office files show what they are in their first entries. */
		bool container = len > 4 && (memcmp(window, "PK\x03\x04", 4) == 0 ||
						memcmp(window, "\xd0\xcf\x11\xe0", 4) == 0);

		type = judge(magic, 0, container || len < BINARY_BYTES ? len : BINARY_BYTES);
	}
	return type;
}

/* One question: its number and a descriptor. False: the parent is gone, or has asked nothing for
 * long. */
static bool serve(magic_t magic)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char answer[SNIFF_TYPE_SIZE];
	struct iovec iov = {.iov_base = answer, .iov_len = 1};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof control.space,
	};
	struct cmsghdr *c;
	size_t n;
	int fd = -1;

	if (recvmsg(SNIFF_CHILD_FD, &msg, MSG_CMSG_CLOEXEC) != 1)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	if (fd < 0)
		return false;
	strncpy(answer + 1, sniff(magic, fd), sizeof answer - 2);
	answer[sizeof answer - 1] = '\0';
	n = strlen(answer + 1);
	close(fd);
	return send(SNIFF_CHILD_FD, answer, n + 1, MSG_NOSIGNAL) == (ssize_t)n + 1;
}

void sniff_child(int argc, char **argv)
{
	static const struct timeval idle = {.tv_sec = IDLE_SECONDS};
	magic_t magic;

	if (argc != 2 || strcmp(argv[1], SNIFF_CHILD_WORD) != 0)
		return;
	log_init("dropmill-sniff");
	prctl(PR_SET_NAME, "dropmill-sniff");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	magic = load();
	setsockopt(SNIFF_CHILD_FD, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
	lock_down();
	while (serve(magic))
		;
	_exit(0);
}
