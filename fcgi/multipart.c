/*
 * Reading multipart bodies.
 *
 * A window of the file slides over the body. Content is searched for CR LF "--" boundary by memmem,
 * which skips by nearly the needle's length; the tail of a window that might hold the beginning of
 * one is read again with the next. What precedes the first delimiter (a preamble) is refused, and
 * so is anything but a line break behind the last.
 */
#include "fcgi/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/str.h"
#include "fcgi/disposition.h"

#define WINDOW 262144

/* ---- the window
 * ---------------------------------------------------------------------------------- */

/* Make `at` the start of the window and fill it as far as the body goes. */
static enum rc window_move(struct multipart *mp, int64_t at, struct err *err)
{
	size_t kept = 0;

	if (at >= mp->window_at && at < mp->window_at + (int64_t)mp->window_len) {
		size_t skip = (size_t)(at - mp->window_at);

		kept = mp->window_len - skip;
		memmove(mp->window, mp->window + skip, kept);
	}
	mp->window_at = at;
	mp->window_len = kept;
	while (mp->window_len < WINDOW) {
		ssize_t n = pread(mp->fd, mp->window + mp->window_len, WINDOW - mp->window_len,
		    at + (int64_t)mp->window_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read the body");
		if (n == 0)
			break;
		mp->window_len += (size_t)n;
	}
	return RC_OK;
}

/* Have at least `want` bytes at `at` in the window, or all there are. */
static enum rc window_need(struct multipart *mp, int64_t at, size_t want, struct err *err)
{
	if (at >= mp->window_at && at + (int64_t)want <= mp->window_at + (int64_t)mp->window_len)
		return RC_OK;
	return window_move(mp, at, err);
}

static size_t window_left(const struct multipart *mp, int64_t at)
{
	return mp->window_len - (size_t)(at - mp->window_at);
}

static const char *window_ptr(const struct multipart *mp, int64_t at)
{
	return mp->window + (at - mp->window_at);
}

/* ---- delimiters
 * ---------------------------------------------------------------------------------- */

static bool boundary_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("'()+_,-./:=? ", c));
}

/* "multipart/form-data; boundary=…" */
static enum rc read_boundary(struct multipart *mp, const char *content_type, struct err *err)
{
	struct header_value v;
	const char *boundary;
	size_t len;

	if (!header_value_parse(&v, content_type, strlen(content_type), mp->arena) ||
	    strcasecmp(v.value, "multipart/form-data") != 0)
		return err_set(err, RC_INVALID, "the body must be multipart/form-data");
	boundary = header_value_get(&v, "boundary", &len);
	if (!boundary || !len)
		return err_set(err, RC_INVALID, "the Content-Type has no boundary");
	if (len > MULTIPART_BOUNDARY_MAX)
		return err_set(err, RC_INVALID, "the boundary is longer than %d bytes",
		    MULTIPART_BOUNDARY_MAX);
	for (size_t i = 0; i < len; i++)
		if (!boundary_char(boundary[i]))
			return err_set(
			    err, RC_INVALID, "the boundary has a character that is not allowed");
	if (boundary[len - 1] == ' ')
		return err_set(err, RC_INVALID, "the boundary ends in a blank");
	memcpy(mp->delimiter, "\r\n--", 4);
	memcpy(mp->delimiter + 4, boundary, len);
	mp->delimiter_len = len + 4;
	return RC_OK;
}

/* Behind a delimiter that ends at `at`: CR LF and another part, or "--" and the end. */
static enum rc after_delimiter(struct multipart *mp, int64_t at, struct err *err)
{
	const char *p;
	enum rc rc = window_need(mp, at, 4, err);
	size_t left;

	if (rc != RC_OK)
		return rc;
	p = window_ptr(mp, at);
	left = window_left(mp, at);
	if (left >= 2 && p[0] == '\r' && p[1] == '\n') {
		mp->at = at + 2;
		return RC_OK;
	}
	if (left < 2)
		return err_set(
		    err, RC_INVALID, "the body was cut off: the closing boundary is incomplete");
	if (p[0] != '-' || p[1] != '-')
		return err_set(
		    err, RC_INVALID, "malformed body: a boundary is followed by something else");
	if (left > 2 && !(left == 4 && p[2] == '\r' && p[3] == '\n' && at + 4 == mp->size))
		return err_set(err, RC_INVALID,
		    "malformed body: there is something behind the closing boundary");
	mp->done = true;
	return RC_OK;
}

/* The next delimiter at or behind `from`: its offset. */
static enum rc find_delimiter(struct multipart *mp, int64_t from, int64_t *found, struct err *err)
{
	enum rc rc = window_need(mp, from, mp->delimiter_len, err);

	while (rc == RC_OK) {
		size_t left = window_left(mp, from);
		const char *hit =
		    memmem(window_ptr(mp, from), left, mp->delimiter, mp->delimiter_len);

		if (hit) {
			*found = mp->window_at + (hit - mp->window);
			return RC_OK;
		}
		if (mp->window_at + (int64_t)mp->window_len >= mp->size || left < mp->delimiter_len)
			return err_set(err, RC_INVALID,
			    "the body was cut off: the closing boundary is missing");
		from += (int64_t)(left - mp->delimiter_len + 1);
		rc = window_move(mp, from, err);
	}
	return rc;
}

enum rc multipart_open(struct multipart *mp, int fd, int64_t size, const char *content_type,
    struct arena *a, struct err *err)
{
	size_t len;
	enum rc rc;

	*mp = (struct multipart){.fd = fd, .size = size, .arena = a};
	rc = read_boundary(mp, content_type, err);
	if (rc != RC_OK)
		return rc;
	mp->window = malloc(WINDOW);
	if (!mp->window)
		return err_set(err, RC_SYS, "out of memory");
	rc = window_move(mp, 0, err);
	len = mp->delimiter_len - 2;
	if (rc == RC_OK &&
	    (mp->window_len < len || memcmp(mp->window, mp->delimiter + 2, len) != 0))
		rc = err_set(err, RC_INVALID,
		    mp->window_len < len &&
			    memcmp(mp->window, mp->delimiter + 2, mp->window_len) == 0
			? "the body was cut off in its first boundary"
			: "the body does not begin with the boundary of its Content-Type");
	if (rc == RC_OK)
		rc = after_delimiter(mp, (int64_t)len, err);
	if (rc != RC_OK)
		multipart_close(mp);
	return rc;
}

void multipart_close(struct multipart *mp)
{
	free(mp->window);
	mp->window = NULL;
}

/* ---- headers
 * ------------------------------------------------------------------------------------- */

/* One header line of a part, without its CR LF. */
static enum rc read_header(
    struct multipart *mp, const char *line, size_t len, struct part *part, struct err *err)
{
	static const char name[] = "Content-Disposition:";
	const size_t name_len = sizeof name - 1;
	const char *colon = memchr(line, ':', len);

	if (memchr(line, '\0', len))
		return err_set(err, RC_INVALID, "a part's header holds NUL");
	if (!colon || colon == line)
		return err_set(err, RC_INVALID, "a part's header is malformed: it has no name");
	for (const char *p = line; p < colon; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return err_set(err, RC_INVALID,
			    "a part's header is malformed: bad character in its name");
	if (len < name_len || strncasecmp(line, name, name_len) != 0)
		return RC_OK;
	if (part->name)
		return err_set(err, RC_INVALID, "a part has two Content-Disposition headers");
	return disposition_parse(line + name_len, len - name_len, mp->arena, part, err);
}

/* The headers of the part at mp->at; leaves part->offset behind them. */
static enum rc read_headers(struct multipart *mp, struct part *part, struct err *err)
{
	enum rc rc = window_need(mp, mp->at, MULTIPART_HEADER_MAX, err);
	const char *p, *end;

	if (rc != RC_OK)
		return rc;
	p = window_ptr(mp, mp->at);
	end = p + window_left(mp, mp->at);
	if (end - p > MULTIPART_HEADER_MAX)
		end = p + MULTIPART_HEADER_MAX;
	for (;;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		if (!lf && window_left(mp, mp->at) >= MULTIPART_HEADER_MAX)
			return err_set(err, RC_LIMIT,
			    "the headers of a part are longer than %d bytes", MULTIPART_HEADER_MAX);
		if (!lf)
			return err_set(
			    err, RC_INVALID, "the body was cut off in the headers of a part");
		if (lf == p || lf[-1] != '\r')
			return err_set(err, RC_INVALID,
			    "a part's header is malformed: a line does not end in CR LF");
		if (lf == p + 1)
			break;
		if (memchr(p, '\r', (size_t)(lf - 1 - p)))
			return err_set(err, RC_INVALID, "a part's header is malformed: a stray CR");
		rc = read_header(mp, p, (size_t)(lf - 1 - p), part, err);
		if (rc != RC_OK)
			return rc;
		p = lf + 1;
	}
	if (!part->name)
		return err_set(err, RC_INVALID, "a part has no Content-Disposition header");
	part->offset = mp->window_at + (p - mp->window) + 2;
	return RC_OK;
}

enum rc multipart_next(struct multipart *mp, struct part *part, struct err *err)
{
	int64_t end = 0;
	enum rc rc;

	*part = (struct part){0};
	if (mp->done)
		return RC_DONE;
	if (mp->parts++ == MULTIPART_PARTS_MAX)
		return err_set(
		    err, RC_LIMIT, "the body has more than %d parts", MULTIPART_PARTS_MAX);
	rc = read_headers(mp, part, err);
	/* Empty content: its delimiter begins with the blank line's own CR LF. */
	if (rc == RC_OK)
		rc = find_delimiter(mp, part->offset - 2, &end, err);
	if (rc != RC_OK)
		return rc;
	part->size = end > part->offset ? end - part->offset : 0;
	return after_delimiter(mp, end + (int64_t)mp->delimiter_len, err);
}

/* ---- contents
 * ------------------------------------------------------------------------------------ */

enum rc multipart_field(
    struct multipart *mp, const struct part *part, const char **text, size_t *len, struct err *err)
{
	char *out;

	if (part->size > MULTIPART_FIELD_MAX)
		return err_set(
		    err, RC_LIMIT, "a field is longer than %d bytes", MULTIPART_FIELD_MAX);
	out = arena_alloc(mp->arena, (size_t)part->size + 1);
	for (*len = 0; *len < (size_t)part->size;) {
		ssize_t n = pread(
		    mp->fd, out + *len, (size_t)part->size - *len, part->offset + (int64_t)*len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "cannot read the body");
		*len += (size_t)n;
	}
	out[*len] = '\0';
	*text = out;
	return RC_OK;
}

/* Filesystems that cannot copy by themselves. */
static enum rc copy_by_hand(
    struct multipart *mp, int64_t from, int64_t left, int to, struct err *err)
{
	while (left > 0) {
		ssize_t n = pread(mp->fd, mp->window, left < WINDOW ? (size_t)left : WINDOW, from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "cannot read the body");
		mp->window_len = 0;
		for (ssize_t put = 0; put < n;) {
			ssize_t k = write(to, mp->window + put, (size_t)(n - put));

			if (k < 0 && errno != EINTR)
				return err_sys(err, "cannot copy a file out of the body");
			put += k > 0 ? k : 0;
		}
		from += n;
		left -= n;
	}
	return RC_OK;
}

enum rc multipart_copy(struct multipart *mp, const struct part *part, int to, struct err *err)
{
	off_t from = part->offset;
	int64_t left = part->size;

	while (left > 0) {
		ssize_t n = copy_file_range(
		    mp->fd, &from, to, NULL, left > 1 << 30 ? 1 << 30 : (size_t)left, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_by_hand(mp, from, left, to, err);
		if (n < 0)
			return err_sys(err, "cannot copy a file out of the body");
		if (n == 0)
			return err_set(err, RC_SYS,
			    "cannot copy a file out of the body: it has become shorter");
		left -= n;
	}
	return RC_OK;
}
