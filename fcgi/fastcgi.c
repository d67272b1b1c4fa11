/*
 * A child of the pool: accept, answer, again. The only file that knows libfcgi.
 *
 * How it ends. SIGTERM asks to leave after the request at hand; libfcgi may miss the moment between
 * its look at the flag and accept(2), so the signal comes again each second: from the master, and
 * from a timer of our own if the master is gone (SIGTERM is also our parent-death signal). A
 * request that takes longer than request_timeout ends the process on the spot.
 *
 * libfcgi accepts and reads; the answer and the end of the request go out in one write of ours, and
 * the connection is closed there and then, where libfcgi would copy, write twice, and wait until
 * nginx has closed its side.
 */
#include "fcgi/serve.h"

#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/id.h"
#include "core/log.h"
#include "fcgi/app.h"

/* After so many requests a process makes way for a new one: whatever leaks, leaks no further. */
#define REQUESTS_MAX 200000

/* Content of one record; its length has 16 bits. */
#define RECORD_BYTES 65528
#define HEAD_BYTES 8

/* The alarm of the watchdog is set at most once in so long. */
#define WATCH_MS 1000

enum record_type { RECORD_END = 3, RECORD_STDOUT = 6 };

static timer_t again;
static volatile sig_atomic_t busy;
static volatile sig_atomic_t times_asked;
static int most_times;
static pid_t own_pid;
static char overdue[160]; /* the line that a watchdog writes */
static size_t overdue_len;

static void on_term(int sig)
{
	int saved = errno;

	(void)sig;
	FCGX_ShutdownPending();
	timer_settime(again, 0, &(struct itimerspec){.it_value.tv_sec = 1}, NULL);
	if (++times_asked > most_times)
		_exit(1);
	errno = saved;
}

/* Only what is safe in a signal handler: the line was made when the request began. */
static void on_overdue(int sig)
{
	(void)sig;
	if (!busy)
		return;
	if (write(STDERR_FILENO, overdue, overdue_len) < 0)
		_exit(1);
	_exit(1);
}

static void set_signals(const struct config *cfg)
{
	struct sigaction term = {.sa_handler = on_term},
			 alarm_action = {.sa_handler = on_overdue, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};

	own_pid = getpid();
	most_times = (int)((cfg->stop_grace_ms + 999) / 1000) + 2;
	if (timer_create(CLOCK_MONOTONIC, &event, &again) < 0)
		die(71, "cannot make a timer: %s", strerror(errno));
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &term, NULL);
	sigaction(SIGALRM, &alarm_action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* The alarm is set for longer than any request may take and put off while requests come, so it is
 * not a system call each; it goes off in the request that hangs, or once in a process that idles.
 */
static void watch(const struct config *cfg, char *const *env)
{
	static int64_t since_ms;
	int64_t now_ms = clock_boot_ms(), most_ms = cfg->request_timeout_ms + WATCH_MS;
	struct itimerval timer = {.it_value = {most_ms / 1000, most_ms % 1000 * 1000}};
	const char *id = "";

	for (; *env; env++)
		if (strncmp(*env, "DROPMILL_REQUEST_ID=", 20) == 0)
			id = *env + 20;
	overdue_len = (size_t)snprintf(overdue, sizeof overdue,
	    "dropmill-web[%d]: error: request took longer than request_timeout, process ended "
	    "req=%.64s\n",
	    (int)own_pid, id);
	if (!since_ms || now_ms - since_ms >= WATCH_MS) {
		setitimer(ITIMER_REAL, &timer, NULL);
		since_ms = now_ms;
	}
	busy = 1;
}

static void unwatch(void)
{
	busy = 0;
}

static ssize_t read_stream(void *ctx, void *to, size_t len)
{
	FCGX_Stream *in = ctx;
	int n = FCGX_GetStr(to, len > 65536 ? 65536 : (int)len, in);

	return n < 0 || FCGX_GetError(in) ? -1 : n;
}

static bool write_whole(int fd, struct iovec *iov, int n)
{
	while (n) {
		ssize_t put = writev(fd, iov, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		for (; n && (size_t)put >= iov->iov_len; iov++, n--)
			put -= (ssize_t)iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + put;
			iov->iov_len -= (size_t)put;
		}
	}
	return true;
}

static struct iovec record_head(const FCGX_Request *fcgi, enum record_type type, size_t len,
    unsigned char to[static HEAD_BYTES])
{
	to[0] = 1;
	to[1] = (unsigned char)type;
	to[2] = (unsigned char)(fcgi->requestId >> 8);
	to[3] = (unsigned char)fcgi->requestId;
	to[4] = (unsigned char)(len >> 8);
	to[5] = (unsigned char)len;
	to[6] = to[7] = 0;
	return (struct iovec){to, HEAD_BYTES};
}

/* Take up to `len` bytes from the front of the parts. */
static int take(struct iovec parts[static 2], size_t len, struct iovec out[static 2])
{
	int n = 0;

	for (int i = 0; i < 2; i++) {
		size_t part = parts[i].iov_len < len ? parts[i].iov_len : len;

		if (!part)
			continue;
		out[n++] = (struct iovec){parts[i].iov_base, part};
		parts[i].iov_base = (char *)parts[i].iov_base + part;
		parts[i].iov_len -= part;
		len -= part;
	}
	return n;
}

/* The answer in records as large as there may be, the last together with the end of the stream and,
 * if wanted, of the request. False: the client is gone. */
static bool write_answer(const FCGX_Request *fcgi, struct iovec parts[static 2], bool end)
{
	unsigned char head[HEAD_BYTES], close_head[HEAD_BYTES], end_head[HEAD_BYTES];
	static const char complete[8];
	struct iovec iov[6];
	size_t left;

	do {
		size_t len = parts[0].iov_len + parts[1].iov_len;
		int n = 1;

		left = len > RECORD_BYTES ? len - RECORD_BYTES : 0;
		iov[0] = record_head(fcgi, RECORD_STDOUT, len - left, head);
		n += take(parts, len - left, iov + 1);
		if (!left && end) {
			iov[n++] = record_head(fcgi, RECORD_STDOUT, 0, close_head);
			iov[n++] = record_head(fcgi, RECORD_END, sizeof complete, end_head);
			iov[n++] = (struct iovec){(void *)complete, sizeof complete};
		}
		if (!write_whole(fcgi->ipcFd, iov, n))
			return false;
	} while (left);
	return true;
}

/* Send, and let go of the connection. Where a body may be left on it unread, closing would cut off
 * the answer on its way: libfcgi ends such a request, and waits. */
static void send_answer(FCGX_Request *fcgi, const struct request *r, struct response *resp)
{
	bool unread = r->content_length > 0 && !*request_param(r, PARAM_BODY_FILE);
	struct iovec parts[2];

	response_parts(resp, r->method == METHOD_HEAD, parts);
	if (!write_answer(fcgi, parts, !unread))
		log_debug("client is gone req=%s", r->id);
	if (!unread) {
		close(fcgi->ipcFd);
		fcgi->ipcFd = -1;
		FCGX_Free(fcgi, 0);
	} else {
		FCGX_Finish_r(fcgi);
	}
}

static void answer(struct app *app, FCGX_Request *fcgi, struct response *resp)
{
	struct request r;

	watch(app->cfg, fcgi->envp);
	app_answer(app, fcgi->envp, (struct body_source){read_stream, fcgi->in}, &r, resp);
	send_answer(fcgi, &r, resp);
	unwatch();
}

int serve_fastcgi(const struct config *cfg, const struct templates *t, int ready_fd)
{
	struct err err = {0};
	struct response resp;
	FCGX_Request fcgi;
	struct app app;
	long left;

	set_signals(cfg);
	if (app_open(&app, cfg, t, &err) != RC_OK)
		die(78, "cannot start: %s", err.text);
	if (FCGX_Init() != 0 || FCGX_InitRequest(&fcgi, 0, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		die(71, "cannot initialise FastCGI");
	response_init(&resp);
	if (write(ready_fd, "+", 1) < 0)
		log_warn("cannot tell the master: %s", strerror(errno));
	close(ready_fd);
	/* Not all at the same time. */
	left = REQUESTS_MAX + getpid() % 1000 * (REQUESTS_MAX / 4000);
	while (left-- > 0 && !times_asked && !app_spent(&app)) {
		if (FCGX_Accept_r(&fcgi) < 0)
			break;
		answer(&app, &fcgi, &resp);
	}
	if (app_spent(&app)) {
		log_error("the database could not be synced: this process ends");
		_exit(70);
	}
	response_release(&resp);
	app_close(&app);
	return 0;
}
