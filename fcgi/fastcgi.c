/*
 * A child of the pool: accept, answer, again. The only file that knows libfcgi.
 *
 * How it ends. SIGTERM asks to leave after the request at hand; libfcgi may miss the moment between
 * its look at the flag and accept(2), so the signal comes again each second: from the master, and
 * from a timer of our own if the master is gone (SIGTERM is also our parent-death signal). A
 * request that takes longer than request_timeout ends the process on the spot.
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

#include "core/id.h"
#include "core/log.h"
#include "fcgi/app.h"

/* After so many requests a process makes way for a new one: whatever leaks, leaks no further. */
#define REQUESTS_MAX 200000

/* Content of one record; its length has 16 bits. */
#define RECORD_BYTES 65528

static timer_t again;
static volatile sig_atomic_t times_asked;
static int most_times;
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
	if (write(STDERR_FILENO, overdue, overdue_len) < 0)
		_exit(1);
	_exit(1);
}

static void set_signals(const struct config *cfg)
{
	struct sigaction term = {.sa_handler = on_term}, alarm_action = {.sa_handler = on_overdue};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};

	most_times = (int)((cfg->stop_grace_ms + 999) / 1000) + 2;
	if (timer_create(CLOCK_MONOTONIC, &event, &again) < 0)
		die(71, "cannot make a timer: %s", strerror(errno));
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &term, NULL);
	sigaction(SIGALRM, &alarm_action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void watch(const struct config *cfg, char *const *env)
{
	const char *id = "";
	struct itimerval timer = {
	    .it_value = {cfg->request_timeout_ms / 1000, cfg->request_timeout_ms % 1000 * 1000}};

	for (; *env; env++)
		if (strncmp(*env, "DROPMILL_REQUEST_ID=", 20) == 0)
			id = *env + 20;
	overdue_len = (size_t)snprintf(overdue, sizeof overdue,
	    "dropmill-web[%d]: error: request took longer than request_timeout, process ended "
	    "req=%.64s\n",
	    (int)getpid(), id);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void unwatch(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
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

/* Straight to the socket in records as large as there may be: libfcgi's own stream would copy it
 * all and make a system call of every 8 KiB. */
static bool write_records(void *ctx, const char *data, size_t len)
{
	const FCGX_Request *fcgi = ctx;

	while (len) {
		size_t n = len < RECORD_BYTES ? len : RECORD_BYTES;
		unsigned char head[8] = {1, 6, (unsigned char)(fcgi->requestId >> 8),
		    (unsigned char)fcgi->requestId, (unsigned char)(n >> 8), (unsigned char)n, 0,
		    0};
		struct iovec iov[2] = {{head, sizeof head}, {(void *)data, n}};

		if (!write_whole(fcgi->ipcFd, iov, 2))
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static void answer(struct app *app, FCGX_Request *fcgi, struct response *resp)
{
	struct request r;

	watch(app->cfg, fcgi->envp);
	app_answer(app, fcgi->envp, (struct body_source){read_stream, fcgi->in}, &r, resp);
	if (!response_send(resp, r.method == METHOD_HEAD, write_records, fcgi))
		log_debug("client is gone req=%s", r.id);
	FCGX_Finish_r(fcgi);
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
