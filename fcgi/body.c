/*
 * Reading bodies.
 */
#include "fcgi/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read until `len` bytes or the end. Returns how many, -1 on failure. */
static ssize_t read_full(const struct body_source *body, char *to, size_t len)
{
	size_t got = 0;

	while (body->read && got < len) {
		ssize_t n = body->read(body->ctx, to + got, len - got);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

enum rc body_form(struct request *r, struct response *resp, struct err *err)
{
	size_t len = r->content_length > 0 ? (size_t)r->content_length : 0;
	char *text;

	if (r->content_length > BODY_FORM_MAX)
		return response_fail(
		    resp, 413, NULL, err, "the form is larger than %d bytes", BODY_FORM_MAX);
	if (!len)
		return RC_OK;
	if (strcmp(request_media_type(r), "application/x-www-form-urlencoded") != 0)
		return response_fail(resp, 415, NULL, err,
		    "this address takes a form as application/x-www-form-urlencoded, or no body");
	text = arena_alloc(r->arena, len);
	if (read_full(&r->body, text, len) != (ssize_t)len)
		return response_fail(resp, 400, NULL, err, "the body was cut off");
	if (query_parse(&r->form, text, len, r->arena, err) != RC_OK)
		return response_fail(resp, 400, NULL, err, "%s", arena_strdup(r->arena, err->text));
	return RC_OK;
}

/* The body as text, from where it is: the connection, or the file that nginx made of it. */
static enum rc read_text(struct app *app, struct request *r, char *text, size_t len,
    struct response *resp, struct err *err)
{
	ssize_t got;
	int64_t size;
	enum rc rc;
	int fd;

	if (!*request_param(r, PARAM_BODY_FILE)) {
		got = read_full(&r->body, text, len);
	} else {
		rc = body_open(app, r, &fd, &size, resp, err);
		if (rc != RC_OK)
			return rc;
		got = pread(fd, text, len, 0);
		close(fd);
	}
	if (got != (ssize_t)len)
		return response_fail(resp, 400, NULL, err, "the body was cut off");
	return RC_OK;
}

enum rc body_json(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	size_t len = r->content_length > 0 ? (size_t)r->content_length : 0;
	enum rc rc;
	char *text;

	if (r->content_length > BODY_JSON_MAX)
		return response_fail(
		    resp, 413, NULL, err, "the body is larger than %d bytes", BODY_JSON_MAX);
	if (strcmp(request_media_type(r), "application/json") != 0)
		return response_fail(
		    resp, 415, NULL, err, "this address takes an object as application/json");
	text = arena_alloc(r->arena, len + 1);
	rc = read_text(app, r, text, len, resp, err);
	if (rc != RC_OK)
		return rc;
	if (view_parse(r->arena, text, len, &r->json, err) != RC_OK)
		return response_fail(resp, 400, NULL, err, "the body is not JSON: %s",
		    arena_strdup(r->arena, err->text));
	if (view_type(r->json) != VIEW_OBJ)
		return response_fail(resp, 400, NULL, err, "the body is not a JSON object");
	return RC_OK;
}

static enum rc copy_body(struct request *r, int fd, struct response *resp, struct err *err)
{
	static char block[262144];
	int64_t left = r->content_length;

	while (left > 0) {
		ssize_t n = read_full(
		    &r->body, block, left < (int64_t)sizeof block ? (size_t)left : sizeof block);

		if (n <= 0)
			return response_fail(resp, 400, NULL, err, "the body was cut off");
		left -= n;
		for (char *p = block; n > 0;) {
			ssize_t put = write(fd, p, (size_t)n);

			if (put < 0 && errno == EINTR)
				continue;
			if (put < 0)
				return err_sys(err, "cannot write to the spool");
			p += put;
			n -= put;
		}
	}
	return RC_OK;
}

enum rc body_spool(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	char *path = arena_printf(r->arena, "%s/cgi-XXXXXX", app->cfg->spool);
	enum rc rc;
	int fd;

	if (r->content_length < 0)
		return response_fail(resp, 411, NULL, err, "the request has no Content-Length");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make a file in spool '%s'", app->cfg->spool);
	r->param[PARAM_BODY_FILE] = r->spooled = path;
	rc = copy_body(r, fd, resp, err);
	if (close(fd) < 0 && rc == RC_OK)
		rc = err_sys(err, "cannot write to the spool");
	return rc;
}

void body_unspool(const struct request *r)
{
	if (r->spooled)
		unlink(r->spooled);
}

enum rc body_open(struct app *app, const struct request *r, int *fd, int64_t *size,
    struct response *resp, struct err *err)
{
	const char *path = request_param(r, PARAM_BODY_FILE);
	size_t n = strlen(app->cfg->spool);
	struct stat sb;

	*fd = -1;
	/* nginx spools by the decoded path: "%2F..%2F" leads it away from the address we see. */
	if (!*path)
		return response_fail(resp, 400, NULL, err,
		    r->content_length > 0 ? "a file's name in the address must not climb with '..'"
					  : "the request has no body");
	if (strncmp(path, app->cfg->spool, n) != 0 || path[n] != '/' || strstr(path, "/../"))
		return err_set(err, RC_SYS, "body file '%s' lies outside the spool '%s'", path,
		    app->cfg->spool);
	*fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return err_sys(err, "cannot open body file '%s'", path);
	if (fstat(*fd, &sb) < 0 || !S_ISREG(sb.st_mode) || sb.st_nlink != 1) {
		close(*fd);
		*fd = -1;
		return err_set(err, RC_SYS, "body file '%s' is not a plain file", path);
	}
	*size = sb.st_size;
	if (r->content_length != *size) {
		close(*fd);
		*fd = -1;
		return response_fail(resp, 400, NULL, err, "the body was cut off");
	}
	return RC_OK;
}
