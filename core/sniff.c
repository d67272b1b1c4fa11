/*
 * The asking side of the sniffer: the table, the child's life, the question.
 */
#include "core/sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "core/sniff_child.h"

#define HEAD_BYTES 64

static const struct timeval answer_time = {.tv_sec = 2};

struct sniff {
	int sock; /* -1: no child */
	pid_t pid;
	char last; /* number of the last question: an answer names it */
};

/* Formats that their first bytes prove. `refine`: a family, in which libmagic knows its way. */
static const struct magic_bytes {
	const char *type;
	size_t offset, len;
	const char *bytes;
	bool refine;
} table[] = {
#define M(type, offset, bytes, refine)                        \
	{                                                     \
		type, offset, sizeof bytes - 1, bytes, refine \
	}
    M("image/png", 0, "\x89PNG\r\n\x1a\n", false),
    M("image/jpeg", 0, "\xff\xd8\xff", false),
    M("image/gif", 0, "GIF87a", false),
    M("image/gif", 0, "GIF89a", false),
    M("image/tiff", 0, "II*\0", false),
    M("image/tiff", 0, "MM\0*", false),
    M("application/pdf", 0, "%PDF-", false),
    M("application/gzip", 0, "\x1f\x8b\x08", false),
    M("application/x-xz", 0,
	"\xfd"
	"7zXZ\0",
	false),
    M("application/x-bzip2", 0, "BZh", false),
    M("application/zstd", 0, "\x28\xb5\x2f\xfd", false),
    M("application/x-7z-compressed", 0, "7z\xbc\xaf\x27\x1c", false),
    M("application/vnd.sqlite3", 0, "SQLite format 3\0", false),
    M("audio/flac", 0, "fLaC", false),
    M("image/webp", 8, "WEBP", false),
    M("audio/x-wav", 8, "WAVE", false),
    M("application/zip", 0, "PK\x03\x04", true),
    M("application/x-ole-storage", 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", true),
    M("application/x-executable", 0,
	"\x7f"
	"ELF",
	true),
    M("video/mp4", 4, "ftyp", true),
    M("audio/ogg", 0, "OggS", true),
#undef M
};
#define TABLE_N (sizeof table / sizeof *table)

static bool matches(const struct magic_bytes *m, const char *head, size_t len)
{
	/* WEBP and WAVE stand in a RIFF file. */
	if (m->offset == 8 && (len < 4 || memcmp(head, "RIFF", 4) != 0))
		return false;
	return m->offset + m->len <= len && memcmp(head + m->offset, m->bytes, m->len) == 0;
}

static const struct magic_bytes *table_find(const char *head, size_t len)
{
	for (size_t i = 0; i < TABLE_N; i++)
		if (matches(&table[i], head, len))
			return &table[i];
	return NULL;
}

/* Whether `type` is one that our table proves, and these bytes do not. */
static bool disproved(const char *type)
{
	for (size_t i = 0; i < TABLE_N; i++)
		if (!table[i].refine && strcmp(table[i].type, type) == 0)
			return true;
	return false;
}

static bool well_formed(const char *type)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.+-_";
	size_t main_len = strspn(type, letters);
	size_t sub_len = type[main_len] == '/' ? strspn(type + main_len + 1, letters) : 0;

	return main_len && sub_len && !type[main_len + 1 + sub_len];
}

struct sniff *sniff_open(void)
{
	struct sniff *s = calloc(1, sizeof *s);

	if (!s)
		bug("sniff: out of memory");
	s->sock = -1;
	return s;
}

static void stop_child(struct sniff *s)
{
	if (s->sock < 0)
		return;
	close(s->sock);
	s->sock = -1;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void sniff_close(struct sniff *s)
{
	if (!s)
		return;
	stop_child(s);
	free(s);
}

/* Everything that we opened is close-on-exec but what the parent may have left on 0 and 1. */
static int spawn(pid_t *pid, int sock)
{
	char *argv[] = {(char *)"dropmill-sniff", (char *)SNIFF_CHILD_WORD, NULL};
	char *envp[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int rc;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_adddup2(&files, sock, SNIFF_CHILD_FD);
	posix_spawn_file_actions_addclosefrom_np(&files, SNIFF_CHILD_FD + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	rc = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static bool start_child(struct sniff *s)
{
	int pair[2], rc;

	if (s->sock >= 0)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("sniff: no socket pair: %s", strerror(errno));
		return false;
	}
	/* No answer is waited for longer. */
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &answer_time, sizeof answer_time);
	rc = spawn(&s->pid, pair[1]);
	close(pair[1]);
	if (rc != 0) {
		log_error("sniff: cannot start the child: %s", strerror(rc));
		close(pair[0]);
		return false;
	}
	s->sock = pair[0];
	return true;
}

static bool send_question(struct sniff *s, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof fd)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = &s->last, .iov_len = 1};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof control.space,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return sendmsg(s->sock, &msg, MSG_NOSIGNAL) == 1;
}

enum answer { ANSWER_GOOD, ANSWER_BAD, ANSWER_GONE };

/* Wait for the answer: its number, then the type. */
static enum answer read_answer(struct sniff *s, char out[static SNIFF_TYPE_SIZE])
{
	char text[SNIFF_TYPE_SIZE + 1];
	ssize_t n;

	do
		n = recv(s->sock, text, sizeof text - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return ANSWER_BAD;
	if (n <= 0)
		return ANSWER_GONE;
	text[n] = '\0';
	memcpy(out, text + 1, (size_t)n);
	return n > 1 && text[0] == s->last && strlen(out) == (size_t)n - 1 && well_formed(out)
		   ? ANSWER_GOOD
		   : ANSWER_BAD;
}

/* A child that was there before may have left for lack of work in the same moment: ask a new one.
 */
static bool ask(struct sniff *s, int fd, char out[static SNIFF_TYPE_SIZE])
{
	for (;;) {
		bool fresh = s->sock < 0;
		enum answer answer;

		if (!start_child(s))
			return false;
		s->last++;
		answer = send_question(s, fd) ? read_answer(s, out) : ANSWER_GONE;
		if (answer == ANSWER_GOOD)
			return true;
		stop_child(s);
		if (answer == ANSWER_GONE && !fresh)
			continue;
		log_warn("sniff: no answer from the child: %s",
		    answer == ANSWER_GONE ? "it died" : "it was too slow");
		return false;
	}
}

const char *sniff_type(struct sniff *s, int fd, char out[static SNIFF_TYPE_SIZE])
{
	char head[HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof head, 0);
	const struct magic_bytes *known = n > 0 ? table_find(head, (size_t)n) : NULL;

	if (n == 0)
		return strcpy(out, "application/x-empty");
	if (known && !known->refine)
		return strcpy(out, known->type);
	if (!ask(s, fd, out) || disproved(out))
		strcpy(out, SNIFF_UNKNOWN);
	if (known && strcmp(out, SNIFF_UNKNOWN) == 0)
		strcpy(out, known->type);
	return out;
}
