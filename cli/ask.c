/*
 * Asking for passwords. Whatever ends the program meanwhile, the terminal shows again what is
 * typed.
 */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define PATIENCE 50
#define STEP_NS 100000000

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

/* One byte. Signals are held back but while this waits (`open`: the mask that lets them in; NULL:
 * they are not held back), so that none slips in between the prompt and the wait. */
static ssize_t read_byte(char *c, const sigset_t *open)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	if (open && (ppoll(&in, 1, NULL, open) < 0 || caught))
		return -1;
	return read(STDIN_FILENO, c, 1);
}

/* One line without its end. -1: it does not fit; -2: none came, or a signal did. */
static int read_line(char *out, size_t size, const sigset_t *open)
{
	size_t n = 0;
	char c = '\0';
	ssize_t got;

	while ((got = read_byte(&c, open)) == 1 && c != '\n') {
		if (n + 1 >= size || c == '\0')
			return -1;
		out[n++] = c;
	}
	if (n && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return got < 0 || (got == 0 && n == 0) ? -2 : 0;
}

/* The same from a terminal, unseen. */
static int read_unseen(const char *prompt, char *out, size_t size)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	const size_t n = sizeof signals / sizeof *signals;
	struct sigaction old[sizeof signals / sizeof *signals], act = {.sa_handler = note};
	struct termios was, quiet;
	sigset_t held, before;
	int result;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		cli_fail(EX_OSERR, "cannot ask: %s", strerror(errno));
	sigemptyset(&held);
	for (size_t i = 0; i < n; i++) {
		sigaddset(&held, signals[i]);
		sigaction(signals[i], &act, &old[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fputs(prompt, stderr);
	result = read_line(out, size, &before);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	for (size_t i = 0; i < n; i++)
		sigaction(signals[i], &old[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (caught)
		raise(caught);
	return result;
}

static void check_read(int result)
{
	if (result == -1)
		cli_fail(
		    EX_DATAERR, "a password has at most %d bytes and no NUL byte", PASSWORD_MAX);
	if (result != 0)
		cli_fail(EX_USAGE,
		    "no password came on standard input; it is the first line there, as in: "
		    "dropmill user password NAME < FILE");
}

void ask_password(const char *user, char out[static PASSWORD_MAX + 1])
{
	char again[PASSWORD_MAX + 1];
	struct err err;

	if (isatty(STDIN_FILENO)) {
		check_read(read_unseen(
		    arena_printf(&cli.arena, "New password of %s: ", user), out, PASSWORD_MAX + 1));
		if (password_check(out, user, &err) != RC_OK)
			cli_fail(EX_DATAERR, "%s", err.text);
		check_read(read_unseen("Once more: ", again, sizeof again));
		if (strcmp(out, again) != 0)
			cli_fail(EX_DATAERR, "the two are not the same; nothing was changed");
		explicit_bzero(again, sizeof again);
		return;
	}
	check_read(read_line(out, PASSWORD_MAX + 1, NULL));
	if (password_check(out, user, &err) != RC_OK)
		cli_fail(EX_DATAERR, "%s", err.text);
}

void ask_password_hash(const char *user, char hash[static PASSWORD_HASH_SIZE])
{
	const struct timespec step = {.tv_nsec = STEP_NS};
	char password[PASSWORD_MAX + 1];
	struct err err;
	enum rc rc;

	ask_password(user, password);
	rc = password_hash(cli_config(), password, hash, &err);
	for (int i = 0; i < PATIENCE && rc == RC_BUSY; i++) {
		nanosleep(&step, NULL);
		rc = password_hash(cli_config(), password, hash, &err);
	}
	explicit_bzero(password, sizeof password);
	if (rc != RC_OK)
		cli_fail(cli_exit_code(rc), "%s", err.text);
}
