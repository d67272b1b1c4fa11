/*
 * Plain CGI: the environment and standard input instead of FastCGI, which is how the tests of the
 * handlers run them. libfcgi's own streams do not work without a FastCGI socket, so this uses none.
 */
#include "fcgi/serve.h"

#include <errno.h>
#include <unistd.h>

#include "core/log.h"
#include "fcgi/app.h"

extern char **environ;

static ssize_t read_stdin(void *ctx, void *to, size_t len)
{
	ssize_t n;

	(void)ctx;
	do
		n = read(STDIN_FILENO, to, len);
	while (n < 0 && errno == EINTR);
	return n;
}

static bool write_stdout(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

int serve_cgi(const struct config *cfg, const struct templates *t)
{
	struct err err = {0};
	struct response resp;
	struct request r;
	struct iovec parts[2];
	struct app app;
	bool sent;

	if (app_open(&app, cfg, t, &err) != RC_OK)
		die(78, "cannot start: %s", err.text);
	app.spool_body = true;
	response_init(&resp);
	app_answer(&app, environ, (struct body_source){read_stdin, NULL}, &r, &resp);
	response_parts(&resp, r.method == METHOD_HEAD, parts);
	sent = write_stdout(parts[0].iov_base, parts[0].iov_len) &&
	       write_stdout(parts[1].iov_base, parts[1].iov_len);
	response_release(&resp);
	app_close(&app);
	return sent ? 0 : 74;
}
