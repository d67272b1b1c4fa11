/*
 * Making views of logs. A part begins and ends with a line, so the style at its end is all that the
 * next one needs to know of it.
 */
#include "fcgi/logview.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "fcgi/list.h"

/* A job that was cancelled has this long before its last words are said. */
#define LAST_WORDS_MS 3000
/* How much is read for the last lines. */
#define LAST_BYTES 8192

/* ---- sources ---- */

/* Whether the last attempt may still write. */
static bool is_live(const struct job *job)
{
	if (job->status == JOB_CANCELLED)
		return clock_wall_ms() - job->updated_at < LAST_WORDS_MS;
	return (job->status == JOB_PROCESSING || job->status == JOB_PAUSED) && job->started_at;
}

enum rc log_source_open(struct app *app, const struct job *job, int64_t attempt,
    struct log_source *out, struct err *err)
{
	struct logfile_shape shape;
	enum rc rc = RC_NOTFOUND;

	*out =
	    (struct log_source){.job = job, .attempt = attempt ? attempt : job->attempt, .fd = -1};
	if (attempt > job->attempt)
		return err_set(err, rc, "this job has had no attempt %" PRId64 " yet", attempt);
	if (attempt && attempt <= job->attempt - STORE_LOGS_MAX)
		return err_set(
		    err, rc, "the log of attempt %" PRId64 " is not kept any more", attempt);
	out->live = out->attempt == job->attempt && is_live(job);
	if (out->attempt)
		rc = store_log_read(&app->store, job->uuid, out->attempt, &out->fd, err);
	if (rc == RC_NOTFOUND) {
		out->fd = -1;
		return RC_OK;
	}
	/* One that is being written just now has changed: -1 is like no figure before. */
	if (rc == RC_OK)
		out->total = logfile_shape(out->fd, &shape, err) == RC_OK ? shape.total : -1;
	return rc;
}

void log_source_close(struct log_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- attempts ---- */

static struct view *attempt_view(
    struct app *app, struct arena *a, const struct job *job, const struct job_attempt *at)
{
	struct view *v = view_obj(a);
	char text[CLOCK_ISO_SIZE];
	struct log_source log;
	struct err err;

	view_int(v, "number", at->number);
	view_ref(v, "status", job_status_name(at->status));
	view_ref(
	    v, "status_label", at->status == JOB_PENDING ? "Run again" : status_label(at->status));
	view_ref(v, "reason", at->reason);
	view_str(v, "started_at", clock_iso(at->started_at, text));
	view_null(v, "ended_at");
	if (at->ended_at)
		view_str(v, "ended_at", clock_iso(at->ended_at, text));
	view_null(v, "log_bytes");
	view_null(v, "log_url");
	if (log_source_open(app, job, at->number, &log, &err) == RC_OK && log.fd >= 0) {
		view_int(v, "log_bytes", log.total);
		view_ref(v, "log_url",
		    arena_printf(a, "/jobs/%s/log?attempt=%" PRId64, job->uuid, at->number));
	}
	log_source_close(&log);
	return v;
}

struct view *job_attempts_view(struct app *app, struct arena *a, const struct job *job,
    const struct job_event *events, size_t n)
{
	struct view *list = view_list(a);
	size_t count;
	struct job_attempt *at = job_attempts(job, events, n, STORE_LOGS_MAX, a, &count);

	for (size_t i = 0; i < count; i++)
		view_push(list, attempt_view(app, a, job, &at[i]));
	return list;
}

/* ---- parts ---- */

/* Bytes in front of the first line that begins in here. The byte before the part is its first. */
static size_t to_line(const char *data, size_t len)
{
	size_t most = len < ANSI_LINE_MAX ? len : ANSI_LINE_MAX;
	const char *end = memchr(data, '\n', most);
	size_t n = 1;

	if (end)
		return (size_t)(end - data) + 1;
	while (n < len && (data[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Read a part whose first line is whole. */
static enum rc read_part(const struct log_source *s, int64_t from, bool aligned, struct buf *text,
    struct logfile_part *part, struct err *err)
{
	bool back = aligned && from > 0;
	size_t skip = 0;
	enum rc rc = RC_OK;

	*part = (struct logfile_part){.from = from, .next = from};
	if (s->fd >= 0)
		rc = logfile_read(
		    s->fd, s->live, from - back, LOGVIEW_BYTES + back, text, part, err);
	if (rc == RC_BUSY) {
		*part = (struct logfile_part){.from = from, .next = from, .total = -1};
		return RC_OK;
	}
	if (rc == RC_OK && text->len && (back || part->left_out))
		skip = to_line(text->data, text->len);
	part->from += (int64_t)skip;
	memmove(text->data, text->data + skip, text->len - skip);
	text->len -= skip;
	return rc;
}

static void put_part(struct arena *a, const struct log_source *s, const struct logfile_part *part,
    const struct buf *text, struct log_part *p, struct view *v)
{
	int64_t size = part->total < 0 ? 0 : part->total;
	struct ansi_page page;
	char code[ANSI_CODE_SIZE], words[16];

	p->last = part->next == part->total;
	ansi_render(a, text->data, text->len, &p->style, &page);
	/* A line that goes on behind the part belongs to the next one; it goes on no more behind
	 * the end, and where something was left out. */
	if (part->gap || (p->last && !s->live))
		page.line_at = text->len;
	else if (!p->last)
		page.line = view_list(a);
	p->from = part->from;
	p->next = part->from + (int64_t)page.line_at;
	p->style = page.line_style;
	view_int(v, "from", p->from);
	view_int(v, "next", p->next);
	view_str(v, "style", ansi_code(&p->style, code));
	view_int(v, "size", size);
	view_str(v, "size_text", str_bytes(size, words));
	view_int(v, "left_out", part->left_out);
	view_str(v, "left_out_text", str_bytes(part->left_out, words));
	view_bool(v, "is_end", p->last && !s->live);
	view_put(v, "lines", page.lines);
	view_put(v, "line", page.line);
}

enum rc log_part_view(struct arena *a, const struct log_source *s, struct log_part *p,
    struct view *v, struct err *err)
{
	int64_t from = p->from;
	struct logfile_part part;
	struct buf text;
	enum rc rc;

	if (from < 0)
		from = s->total > LOGVIEW_BYTES ? s->total - LOGVIEW_BYTES : 0;
	buf_init(&text);
	rc = read_part(s, from, p->aligned, &text, &part, err);
	if (rc == RC_OK)
		put_part(a, s, &part, &text, p, v);
	buf_release(&text);
	return rc;
}

struct view *log_last_lines(struct arena *a, const struct log_source *s, int lines)
{
	int64_t from = s->total > LAST_BYTES ? s->total - LAST_BYTES : 0;
	struct ansi_style style = {0};
	struct logfile_part part;
	struct ansi_page page;
	struct buf text;
	struct err err;
	size_t at;

	if (s->fd < 0 || s->total <= 0)
		return NULL;
	buf_init(&text);
	if (logfile_read(s->fd, s->live, from, LAST_BYTES, &text, &part, &err) != RC_OK)
		text.len = 0;
	for (at = text.len; at && lines; at--)
		if (text.data[at - 1] == '\n' && at != text.len && !--lines)
			break;
	ansi_render(a, text.data + at, text.len - at, &style, &page);
	for (size_t i = 0; i < view_len(page.line); i++)
		view_push(page.lines, (struct view *)view_at(page.line, i));
	buf_release(&text);
	return view_len(page.lines) ? page.lines : NULL;
}
