/*
 * Requests to a server, by libcurl. One handle serves the whole run, so that its connection is
 * kept.
 *
 * The token comes from a file or from the environment and goes into a header: never onto a command
 * line, where everybody on the machine could read it.
 */
#include "cli/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/buf.h"
#include "core/ini.h"
#include "core/str.h"
#include "core/version.h"

#define ANSWER_MAX (INT64_C(16) << 20)
#define CONNECT_S 10L
#define ANSWER_S 60L
/* A body on its way that does not move for so long is lost; so is the server that stores it. */
#define STALL_S 300L
#define TRIES 4
#define WAIT_MAX_S 30

/* One transfer: what comes, and the body that goes. */
struct transfer {
	const struct http_request *request;
	struct arena *arena;
	struct buf body;
	int64_t offset; /* of the file that is the body */
	bool too_long;
	char *etag, *location;
	int64_t retry_s; /* of Retry-After; 0: none */
	char why[CURL_ERROR_SIZE];
};

/* A file among the parts of a form. */
struct part_reader {
	int fd;
	int64_t offset;
};

static CURL *handle;
static bool reached; /* it has answered in this run */

/* ---- the server and the token ---- */

/* The token, or NULL: none. */
static const char *token(void)
{
	static const char *known;
	static bool looked;
	const char *given = getenv("DROPMILL_TOKEN");
	struct err err;
	char *text;
	size_t len;

	if (looked)
		return known;
	looked = true;
	if (cli.token_file) {
		if (ini_slurp(cli.token_file, &cli.arena, &text, &len, &err) != RC_OK)
			cli_fail(EX_NOINPUT, "%s", err.text);
		given = text;
	}
	if (!given || !*given)
		return NULL;
	len = strcspn(given, "\r\n");
	known = arena_strndup(&cli.arena, given, len);
	for (const char *p = known; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p > 0x7e)
			cli_fail(EX_DATAERR,
			    "the token is not one: it has blanks or control characters");
	return *known ? known : NULL;
}

/* Whether what follows "http://" is this machine. */
static bool is_here(const char *host)
{
	static const char *const here[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
		size_t len = strlen(here[i]);

		if (strncasecmp(host, here[i], len) == 0 && strchr(":/", host[len]))
			return true;
	}
	return false;
}

void http_check(void)
{
	const char *url = cli.server, *host;

	if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
		cli_fail(
		    EX_USAGE, "--server takes http:// or https:// and a name, not \"%s\"", url);
	host = strstr(url, "://") + 3;
	if (!*host || strpbrk(host, "@?# \t\r\n\\") || *host == '/')
		cli_fail(EX_USAGE,
		    "--server takes an address without user, query and blanks; a token comes by "
		    "DROPMILL_TOKEN or --token-file");
	if (token() && strncasecmp(url, "http:", 5) == 0 && !is_here(host))
		cli_complain("the token goes over the network as plain text: use https://");
}

/* The address of a path at the server. */
static const char *address(struct arena *a, const char *path)
{
	size_t len = strlen(cli.server);

	while (len && cli.server[len - 1] == '/')
		len--;
	return arena_printf(a, "%.*s%s", (int)len, cli.server, path);
}

/* ---- what libcurl calls ---- */

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	if ((int64_t)(t->body.len + size * n) > ANSWER_MAX) {
		t->too_long = true;
		return 0;
	}
	buf_add(&t->body, data, size * n);
	return size * n;
}

/* The value of a header line if it has that name, in the arena. */
static char *header_value(struct arena *a, const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
		return NULL;
	line += name_len + 1;
	len -= name_len + 1;
	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len && strchr("\r\n \t", line[len - 1]))
		len--;
	return arena_strndup(a, line, len);
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n;
	char *value;

	if ((value = header_value(t->arena, data, len, "ETag")))
		t->etag = value;
	else if ((value = header_value(t->arena, data, len, "Location")))
		t->location = value;
	else if ((value = header_value(t->arena, data, len, "Retry-After")))
		str_int(value, 1, 86400, &t->retry_s);
	return len;
}

static size_t read_at(int fd, int64_t *offset, char *to, size_t len)
{
	ssize_t got = pread(fd, to, len, (off_t)*offset);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	*offset += got;
	return (size_t)got;
}

static size_t give_body(char *to, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	return read_at(t->request->file->fd, &t->offset, to, size * n);
}

static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct transfer *t = ctx;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	t->offset = offset;
	return CURL_SEEKFUNC_OK;
}

static size_t give_part(char *to, size_t size, size_t n, void *ctx)
{
	struct part_reader *p = ctx;

	return read_at(p->fd, &p->offset, to, size * n);
}

static int seek_part(void *ctx, curl_off_t offset, int origin)
{
	struct part_reader *p = ctx;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	p->offset = offset;
	return CURL_SEEKFUNC_OK;
}

static int tell_sent(
    void *ctx, curl_off_t all_in, curl_off_t in, curl_off_t all_out, curl_off_t out)
{
	const struct transfer *t = ctx;

	(void)all_in, (void)in, (void)all_out;
	t->request->sent(t->request->ctx, out);
	return 0;
}

/* ---- a request ---- */

static struct curl_slist *add_header(
    struct arena *a, struct curl_slist *list, const char *name, const char *value)
{
	const char *line = arena_join(a, name, ": ", value, NULL);
	struct curl_slist *longer = curl_slist_append(list, line);

	if (!longer)
		cli_fail(EX_OSERR, "out of memory");
	return longer;
}

static struct curl_slist *headers(struct arena *a, const struct http_request *r)
{
	struct curl_slist *list = add_header(a, NULL, "Accept", "application/json");

	if (token())
		list =
		    add_header(a, list, "Authorization", arena_join(a, "Bearer ", token(), NULL));
	if (r->type)
		list = add_header(a, list, "Content-Type", r->type);
	if (r->key)
		list = add_header(a, list, "Idempotency-Key", r->key);
	if (r->etag)
		list = add_header(a, list, "If-None-Match", r->etag);
	return list;
}

static curl_mime *form(struct arena *a, const struct http_request *r)
{
	curl_mime *mime = curl_mime_init(handle);

	for (size_t i = 0; i < r->part_count; i++) {
		const struct http_part *p = &r->parts[i];
		curl_mimepart *part = curl_mime_addpart(mime);
		struct part_reader *reader;

		curl_mime_name(part, p->name);
		if (p->value) {
			curl_mime_data(part, p->value, CURL_ZERO_TERMINATED);
			continue;
		}
		reader = arena_zalloc(a, sizeof *reader);
		reader->fd = p->fd;
		curl_mime_filename(part, p->filename);
		curl_mime_type(part, "application/octet-stream");
		curl_mime_data_cb(part, p->size, give_part, seek_part, NULL, reader);
	}
	return mime;
}

/* As curl has it: who vouches for servers, where that is not who the system trusts. */
static void set_trust(void)
{
	const char *file = getenv("SSL_CERT_FILE");

	curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
	if (file && *file)
		curl_easy_setopt(handle, CURLOPT_CAINFO, file);
}

static void set_limits(const struct http_request *r, struct transfer *t)
{
	bool upload = r->file || r->part_count;

	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT, upload ? 0L : ANSWER_S);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(
	    handle, CURLOPT_USERAGENT, arena_join(t->arena, "dropmill/", dropmill_version, NULL));
}

static void set_body(const struct http_request *r, struct transfer *t, curl_mime *mime)
{
	if (mime) {
		curl_easy_setopt(handle, CURLOPT_MIMEPOST, mime);
	} else if (r->file) {
		curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->file->size);
		curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(handle, CURLOPT_READDATA, t);
		curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, seek_body);
		curl_easy_setopt(handle, CURLOPT_SEEKDATA, t);
	} else if (r->body || strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, r->body ? r->body : "");
	}
	if (r->sent) {
		curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, tell_sent);
		curl_easy_setopt(handle, CURLOPT_XFERINFODATA, t);
	}
	curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, r->method);
}

/* Send it once. *status: of the answer, 0 if none came. */
static CURLcode send_once(
    const struct http_request *r, struct arena *a, struct transfer *t, long *status)
{
	struct curl_slist *list;
	curl_mime *mime = NULL;
	CURLcode code;

	*t = (struct transfer){.request = r, .arena = a};
	*status = 0;
	buf_init(&t->body);
	if (!handle &&
	    (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(handle = curl_easy_init())))
		cli_fail(EX_OSERR, "libcurl does not start");
	curl_easy_reset(handle);
	list = headers(a, r);
	if (r->part_count)
		mime = form(a, r);
	curl_easy_setopt(handle, CURLOPT_URL, address(a, r->path));
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(handle, CURLOPT_HEADERDATA, t);
	set_trust();
	set_limits(r, t);
	set_body(r, t, mime);
	code = curl_easy_perform(handle);
	if (code == CURLE_OK)
		curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, status);
	curl_mime_free(mime);
	curl_slist_free_all(list);
	return code;
}

/* ---- the answer ---- */

static enum rc status_rc(long status)
{
	switch (status) {
	case 401:
	case 403:
		return RC_DENIED;
	case 404:
		return RC_NOTFOUND;
	case 409:
		return RC_CONFLICT;
	case 413:
	case 507:
		return RC_LIMIT;
	case 429:
	case 502:
	case 503:
	case 504:
		return RC_BUSY;
	default:
		return status >= 400 && status < 500 ? RC_INVALID : RC_DB;
	}
}

/* The server's sentence, or one of ours where it has none. */
static enum rc refused(const struct transfer *t, long status, struct view *json, struct err *err)
{
	const char *detail = view_text(view_get(json, "detail"));
	char wait[64] = "";

	if (status >= 300 && status < 400)
		return err_set(err, RC_DB,
		    "the server leads elsewhere, which is not followed: \"%.150s\"",
		    t->location ? t->location : "");
	if (status == 429 || status == 503)
		snprintf(wait, sizeof wait, "; try again in %lld s",
		    (long long)(t->retry_s ? t->retry_s : 5));
	if (!detail)
		return err_set(err, status_rc(status), "the server answers %ld%s", status, wait);
	if (status == 401 && !token())
		return err_set(err, RC_DENIED,
		    "%.120s (there is no token: set DROPMILL_TOKEN or give --token-file)", detail);
	return err_set(err, status_rc(status), "%.200s%s", detail, wait);
}

static enum rc read_answer(
    struct transfer *t, long status, struct arena *a, struct http_answer *out, struct err *err)
{
	struct view *json = NULL;
	bool good = status >= 200 && status < 300;

	if (t->body.len && view_parse(a, t->body.data, t->body.len, &json, err) != RC_OK && good)
		return err_set(err, RC_DB,
		    "the server's answer is not JSON: is Dropmill at \"%.100s\"?", cli.server);
	if (!json)
		json = view_obj(a);
	if (!good && status != 304)
		return refused(t, status, json, err);
	*out = (struct http_answer){
	    .status = (int)status, .json = json, .etag = arena_strdup(a, t->etag)};
	return RC_OK;
}

static enum rc unreachable(const struct transfer *t, CURLcode code, struct err *err)
{
	if (t->too_long)
		return err_set(err, RC_DB, "the server's answer is longer than %lld MiB",
		    (long long)(ANSWER_MAX >> 20));
	return err_set(err, RC_DB, "cannot reach \"%.80s\": %.140s", cli.server,
	    *t->why ? t->why : curl_easy_strerror(code));
}

/* Whether another try may go better. A server that was never there is not waited for. */
static bool worth_again(const struct transfer *t, CURLcode code, long status)
{
	switch (code) {
	case CURLE_OK:
		return (status >= 502 && status <= 504) && t->retry_s <= WAIT_MAX_S;
	case CURLE_COULDNT_CONNECT:
		return reached;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

enum rc http_ask(
    const struct http_request *r, struct arena *a, struct http_answer *out, struct err *err)
{
	struct transfer t;
	CURLcode code;
	long status;
	enum rc rc;

	for (int i = 0;; i++) {
		code = send_once(r, a, &t, &status);
		reached |= code == CURLE_OK;
		if (!r->key || i + 1 == TRIES || !worth_again(&t, code, status))
			break;
		sleep((unsigned)(t.retry_s ? t.retry_s : 1 << i));
		buf_release(&t.body);
	}
	rc = code == CURLE_OK ? read_answer(&t, status, a, out, err) : unreachable(&t, code, err);
	buf_release(&t.body);
	return rc;
}
