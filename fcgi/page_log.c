/*
 * GET /jobs/{job}/log: what a job has written.
 *
 * Text for whoever does not ask for anything else: the whole file, which nginx sends, or a part
 * from a position on for those who follow it. A page for people, whose script asks for what comes
 * next as JSON: both are made of the same view, in which the server has taken colours and hostile
 * bytes apart.
 */
#include <inttypes.h>
#include <string.h>

#include "fcgi/identify.h"
#include "fcgi/list.h"
#include "fcgi/logview.h"
#include "fcgi/pages.h"

#define PART_BYTES 262144
/* Without JavaScript the page is loaded again while the job runs. */
#define REFRESH_SECONDS 3

static const char text_type[] = "text/plain; charset=utf-8";

/* A part from our own hands: for those who follow it. Nothing new is 204. */
static enum rc send_part(
    const struct request *r, struct response *resp, const struct log_source *s, struct err *err)
{
	int64_t from = request_int(r, "from", 0);
	struct logfile_part part = {.from = from, .next = from};
	enum rc rc = RC_OK;

	if (s->fd >= 0)
		rc = logfile_read(s->fd, s->live, from, PART_BYTES, &resp->body, &part, err);
	if (rc == RC_BUSY)
		part = (struct logfile_part){.from = from, .next = from, .total = -1};
	else if (rc != RC_OK)
		return rc;
	resp->type = text_type;
	if (!resp->body.len) {
		resp->status = 204;
		resp->type = NULL;
	}
	response_header(resp, "X-Log-From", "%" PRId64, part.from);
	response_header(resp, "X-Log-Next", "%" PRId64, part.next);
	if (part.next == part.total && !s->live)
		response_header(resp, "X-Log-End", "1");
	return RC_OK;
}

static enum rc answer_text(
    const struct request *r, struct response *resp, const struct log_source *s, struct err *err)
{
	bool file = request_int(r, "format", -1) >= 0;
	const char *name =
	    arena_printf(r->arena, "%s.attempt-%" PRId64 ".log", s->job->name, s->attempt);
	char uri[64];

	if (!file && request_int(r, "from", -1) >= 0)
		return send_part(r, resp, s, err);
	resp->type = text_type;
	if (s->fd >= 0)
		response_file(resp, store_log_uri(s->job->uuid, s->attempt, uri),
		    file ? name : NULL, text_type);
	return RC_OK;
}

/* Where the parts around this one are. */
static void put_links(
    struct arena *a, struct view *v, const struct log_source *s, const struct log_part *p)
{
	const char *url =
	    s->attempt ? arena_printf(a, "/jobs/%s/log?attempt=%" PRId64, s->job->uuid, s->attempt)
		       : arena_printf(a, "/jobs/%s/log?", s->job->uuid);

	view_ref(v, "url", url);
	view_ref(v, "text_url", arena_printf(a, "%s&format=text", url));
	view_null(v, "first_url");
	view_null(v, "earlier_url");
	view_null(v, "later_url");
	if (p->from > 0) {
		view_ref(v, "first_url", arena_printf(a, "%s&from=0", url));
		view_ref(v, "earlier_url",
		    arena_printf(a, "%s&from=%" PRId64, url,
			p->from > LOGVIEW_BYTES ? p->from - LOGVIEW_BYTES : 0));
	}
	if (!p->last)
		view_ref(v, "later_url", arena_printf(a, "%s&from=%" PRId64, url, p->next));
}

static enum rc answer_page(struct app *app, struct request *r, struct response *resp,
    const struct log_source *s, const struct log_part *p, struct view *log, struct err *err)
{
	struct view *page = view_obj(r->arena), *job, *attempts;
	const struct jobtypes *types;
	enum rc rc = job_full_view(app, r, s->job, &job, err);

	if (rc == RC_OK)
		rc = app_types(app, &types, err);
	if (rc != RC_OK)
		return rc;
	job_view_page(r, job, s->job, types);
	attempts = (struct view *)view_get(job, "attempts");
	for (size_t i = 0; i < view_len(attempts); i++) {
		struct view *at = (struct view *)view_at(attempts, i);
		bool shown = view_number(view_get(at, "number")) == s->attempt;

		view_bool(at, "is_shown", shown);
		if (shown) {
			view_str(log, "status", view_text(view_get(at, "status")));
			view_str(log, "status_label", view_text(view_get(at, "status_label")));
		}
	}
	view_bool(log, "has_attempts", view_len(attempts) > 1);
	view_bool(
	    log, "is_empty", !view_len(view_get(log, "lines")) && !view_len(view_get(log, "line")));
	put_links(r->arena, log, s, p);
	view_put(page, "job", job);
	view_put(page, "log", log);
	page_view(app, r, page, arena_printf(r->arena, "Log of %s", s->job->name),
	    s->live ? REFRESH_SECONDS : 0);
	return response_html(app, resp, PAGE_LOG, page, err);
}

/* What a page or its script sees of the log. */
static enum rc answer_view(struct app *app, struct request *r, struct response *resp,
    const struct log_source *s, struct err *err)
{
	const char *code = request_text(r, "style");
	bool page = request_want(r) != WANT_JSON;
	struct log_part p = {.from = request_int(r, "from", -1)};
	struct view *log = view_obj(r->arena), *answer = view_obj(r->arena);
	char tag[TAG_SIZE];
	enum rc rc;

	if (!ansi_code_read(code ? code : "", &p.style))
		return response_fail(resp, 422, "style", err, "not a style: \"%.64s\"", code);
	tag_make(app, r, s->total,
	    arena_printf(r->arena, "log %s %d %" PRId64 " %" PRId64 " %" PRId64 " %d %s",
		s->job->uuid, page, s->attempt, p.from, s->job->updated_at, s->live,
		code ? code : ""),
	    tag);
	if (s->total >= 0 && tag_unchanged(r, resp, tag))
		return RC_OK;
	view_int(log, "attempt", s->attempt);
	view_int(log, "last_attempt", s->job->attempt);
	view_ref(log, "status", job_status_name(s->job->status));
	view_ref(log, "status_label", status_label(s->job->status));
	view_bool(log, "is_live", s->live);
	p.aligned = page || p.from < 0;
	rc = log_part_view(r->arena, s, &p, log, err);
	if (rc != RC_OK)
		return rc;
	if (page)
		return answer_page(app, r, resp, s, &p, log, err);
	view_put(answer, "log", log);
	response_json(resp, answer);
	return RC_OK;
}

enum rc page_job_log(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct log_source source;
	struct job job;
	enum rc rc = request_job(app, r, &job, err);

	if (rc == RC_OK)
		rc = log_source_open(app, &job, request_int(r, "attempt", 0), &source, err);
	if (rc != RC_OK)
		return rc;
	if (request_int(r, "format", -1) < 0 &&
	    (request_want(r) == WANT_JSON || request_accepts_html(r)))
		rc = answer_view(app, r, resp, &source, err);
	else
		rc = answer_text(r, resp, &source, err);
	log_source_close(&source);
	return rc;
}
