/*
 * What pages add to the view of a job: flags that a template can ask for, texts, buttons.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "core/url.h"
#include "fcgi/list.h"
#include "fcgi/menu.h"

static const char *const flags[JOB_STATUS_MAX] = {
    [JOB_PENDING] = "is_pending",
    [JOB_PROCESSING] = "is_processing",
    [JOB_PAUSED] = "is_paused",
    [JOB_COMPLETED] = "is_completed",
    [JOB_FAILED] = "is_failed",
    [JOB_CANCELLED] = "is_cancelled",
    [JOB_REMOVED] = "is_removed",
};

static const struct {
	enum job_action action;
	const char *name, *label, *flag;
} buttons[] = {
    {JOB_PAUSE, "pause", "Pause", "is_pause"},
    {JOB_RESUME, "resume", "Resume", "is_resume"},
    {JOB_CANCEL, "cancel", "Cancel", "is_cancel"},
    {JOB_RETRY, "retry", "Retry", "is_retry"},
    {JOB_DELETE, "delete", "Delete", "is_delete"},
};

/* Whoever may not act on a job is shown no button. */
static void put_buttons(
    const struct request *r, struct view *v, const struct job *job, const char *url)
{
	struct arena *a = r->arena;
	struct view *list = view_list(a);
	bool may = r->scope.role >= ROLE_MEMBER;

	for (size_t i = 0; may && i < sizeof buttons / sizeof *buttons; i++) {
		struct view *b;

		if (job_next(job->status, buttons[i].action) == JOB_STATUS_MAX)
			continue;
		b = view_obj(a);
		view_ref(b, "name", buttons[i].name);
		view_ref(b, "label", buttons[i].label);
		view_ref(b, "url", arena_join(a, url, "/", buttons[i].name, NULL));
		view_bool(b, buttons[i].flag, true);
		view_push(list, b);
	}
	view_put(v, "buttons", list);
}

void file_view_texts(struct arena *a, const struct view *files)
{
	for (size_t i = 0; i < view_len(files); i++) {
		struct view *f = (struct view *)view_at(files, i);
		char text[16];

		view_ref(f, "size_text",
		    arena_strdup(a, str_bytes(view_number(view_get(f, "size")), text)));
	}
}

void job_view_hold(struct view *v, const struct job *job, const struct jobtypes *types)
{
	view_ref(v, "waits_for",
	    job->status == JOB_PENDING && !job->manual ? jobtype_hold(types, job->job_type) : NULL);
}

/* The list of jobs of the same type, in the job's project. */
static const char *type_path(const struct request *r, const struct job *job)
{
	const char *list = list_path(r);

	return arena_join(r->arena, list, strchr(list, '?') ? "&" : "?",
	    "type=", url_escape(r->arena, job->job_type), NULL);
}

void job_view_page(
    const struct request *r, struct view *v, const struct job *job, const struct jobtypes *types)
{
	struct arena *a = r->arena;
	const char *url = arena_join(a, "/jobs/", job->uuid, NULL);
	bool waits = job->status == JOB_PENDING && job->run_at > job->updated_at;
	char text[CLOCK_ISO_SIZE];

	job_view_hold(v, job, types);
	file_view_texts(a, view_get(v, "inputs"));
	file_view_texts(a, view_get(v, "outputs"));
	view_str(v, "size_text", str_bytes(job->size_bytes, text));
	view_ref(v, "url", url);
	view_ref(v, "type_url", type_path(r, job));
	view_ref(v, "log_url",
	    job->attempt && !job->manual && job->status != JOB_REMOVED
		? arena_join(a, url, "/log", NULL)
		: NULL);
	if (job->status == JOB_COMPLETED && job->files_out > 1)
		view_ref(v, "archive_url", arena_join(a, url, "/files.zip", NULL));
	if ((size_t)job->files_out > view_len(view_get(v, "outputs")))
		view_ref(v, "outputs_url", arena_join(a, url, "/files", NULL));
	if ((size_t)job->files_in > view_len(view_get(v, "inputs")))
		view_ref(v, "inputs_url", arena_join(a, url, "/files?kind=in", NULL));
	view_ref(v, "status_label", status_label(job->status));
	view_bool(v, flags[job->status], true);
	view_bool(v, "is_live", !job_status_final(job->status));
	/* When it becomes due it is updated, so this needs no clock. */
	view_bool(v, "is_waiting_retry", waits && job->attempt);
	view_bool(v, "is_delayed", waits && !job->attempt);
	if (job->started_at && job->completed_at >= job->started_at)
		view_str(
		    v, "duration_text", clock_words(job->completed_at - job->started_at, text));
	if (job->cpu_ms >= 0)
		view_str(v, "cpu_text", clock_words(job->cpu_ms, text));
	if (job->peak_bytes > 0)
		view_str(v, "peak_text", str_bytes(job->peak_bytes, text));
	if (job->read_bytes >= 0)
		view_str(v, "read_text", str_bytes(job->read_bytes, text));
	if (job->write_bytes >= 0)
		view_str(v, "written_text", str_bytes(job->write_bytes, text));
	view_bool(v, "can_move",
	    job->manual && !job_status_final(job->status) && r->scope.role >= ROLE_MEMBER);
	put_buttons(r, v, job, url);
}

void page_view(
    struct app *app, const struct request *r, struct view *v, const char *title, int refresh)
{
	view_str(v, "title", title);
	view_ref(v, "request_id", r->id);
	menu_put(app, r, v);
	if (refresh)
		view_int(v, "refresh", refresh);
}
