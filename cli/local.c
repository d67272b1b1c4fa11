/*
 * The source of jobs that is this machine: the database, in the name of the local user.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/jobtype.h"
#include "core/org.h"
#include "core/quota.h"
#include "core/store.h"

/* ---- lists ---- */

static enum rc list(const struct job_filter *asked, int64_t limit, struct arena *a,
    struct view *jobs, bool *more, struct err *err)
{
	struct job_page page = {.more_after = true};
	struct job_filter f = *asked;
	int64_t n = 0;

	while (page.more_after && n < limit) {
		enum rc rc;

		f.limit = limit - n > 100 ? 100 : (int)(limit - n);
		f.after = n ? page.jobs[page.n - 1].id : 0;
		rc = job_list(cli_db(), cli_scope(), &f, a, &page, err);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < page.n; i++)
			view_push(jobs, job_view(a, &page.jobs[i], NULL, 0));
		n += (int64_t)page.n;
		if (!page.n)
			break;
	}
	*more = page.more_after;
	return RC_OK;
}

static enum rc version(int64_t *out, struct err *err)
{
	return project_version(cli_db(), cli_scope(), out, err);
}

static enum rc put_counts(struct arena *a, struct view *v, struct err *err)
{
	struct view *list = view_obj(a);
	int64_t counts[JOB_STATUS_MAX], all = 0;
	enum rc rc = job_counts(cli_db(), cli_scope(), counts, err);

	if (rc != RC_OK)
		return rc;
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		all += counts[s];
	view_int(list, "all", all);
	for (int s = 0; s < JOB_STATUS_MAX; s++)
		view_int(list, job_status_name((enum job_status)s), counts[s]);
	view_put(v, "counts", list);
	return RC_OK;
}

static enum rc table(int limit, struct arena *a, const struct view **out, struct err *err)
{
	struct view *v = view_obj(a), *jobs = view_list(a);
	bool more;
	enum rc rc = list(&(struct job_filter){0}, limit, a, jobs, &more, err);

	view_put(v, "jobs", jobs);
	*out = v;
	return rc == RC_OK ? put_counts(a, v, err) : rc;
}

/* ---- one job ---- */

static enum rc find(const char *key, struct arena *a, const struct view **out, struct err *err)
{
	struct job *job = arena_alloc(a, sizeof *job);
	enum rc rc = job_find(cli_db(), cli_scope(), key, a, job, err);

	if (rc == RC_OK)
		*out = job_view(a, job, NULL, 0);
	return rc;
}

static struct view *history_view(struct arena *a, const struct job_event *events, size_t n)
{
	struct view *history = view_list(a), *event;
	char at[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < n; i++) {
		event = view_obj(a);
		view_str(event, "status", job_status_name(events[i].status));
		view_str(event, "at", clock_iso(events[i].at, at));
		view_str(event, "actor", events[i].actor);
		view_str(event, "reason", events[i].reason);
		view_push(history, event);
	}
	return history;
}

/* What keeps a pending job from its turn; NULL: nothing, or its turn. */
static enum rc waits_for(const struct job *job, struct arena *a, const char **out, struct err *err)
{
	struct jobtypes types;
	enum rc rc;

	*out = NULL;
	if (job->status != JOB_PENDING || job->manual)
		return RC_OK;
	rc = jobtype_load_db(cli_db(), a, &types, err);
	if (rc == RC_OK)
		*out = jobtype_hold(&types, job->job_type);
	return rc;
}

static enum rc show(const char *key, struct arena *a, const struct view **out, struct err *err)
{
	struct job *job = arena_alloc(a, sizeof *job);
	struct job_event *events;
	struct file *files;
	size_t file_count, event_count;
	const char *hold;
	struct view *v;
	enum rc rc = job_find(cli_db(), cli_scope(), key, a, job, err);

	if (rc == RC_OK)
		rc = job_files(cli_db(), cli_scope(), job->id, a, &files, &file_count, err);
	if (rc == RC_OK)
		rc = job_history(cli_db(), cli_scope(), job->id, a, &events, &event_count, err);
	if (rc == RC_OK)
		rc = waits_for(job, a, &hold, err);
	if (rc != RC_OK)
		return rc;
	v = job_view(a, job, files, file_count);
	view_int(v, "type_version", job->type_version);
	view_ref(v, "waits_for", hold);
	view_put(v, "history", history_view(a, events, event_count));
	*out = v;
	return RC_OK;
}

/* ---- acts ---- */

/* Delete the job, or its files alone. */
static enum rc remove_job(const struct job *job, enum job_action action, struct err *err)
{
	struct store st;
	struct job_gone gone;
	enum rc rc = store_open(cli_config(), &st, err);

	if (rc != RC_OK)
		return rc;
	rc = action == JOB_DELETE
		 ? job_delete(cli_db(), cli_scope(), job->id, &cli.arena, &gone, err)
		 : job_remove(cli_db(), cli_scope(), job->id, "by hand", &cli.arena, &gone, err);
	if (rc == RC_OK)
		job_unlink(&st, &gone);
	store_close(&st);
	return rc;
}

static enum rc act(
    const char *key, enum job_action action, const struct view **out, struct err *err)
{
	struct job *job = arena_alloc(&cli.arena, sizeof *job);
	enum rc rc = job_find(cli_db(), cli_scope(), key, &cli.arena, job, err);

	if (rc != RC_OK)
		return rc;
	*out = job_view(&cli.arena, job, NULL, 0);
	rc = action == JOB_REMOVE || action == JOB_DELETE
		 ? remove_job(job, action, err)
		 : job_act(cli_db(), cli_scope(), job->id, action, NULL, err);
	if (rc != RC_OK)
		return rc;
	/* What is told is what was done, not what a processor makes of it in the same moment. */
	if (action != JOB_DELETE)
		rc = find(key, &cli.arena, out, err);
	doorbell_ring(cli_config());
	return rc;
}

static enum rc move(
    const char *key, const struct job_move *m, const struct view **out, struct err *err)
{
	struct job job;
	enum rc rc = job_find(cli_db(), cli_scope(), key, &cli.arena, &job, err);

	if (rc == RC_OK)
		rc = job_move(cli_db(), cli_scope(), job.id, m, err);
	if (rc != RC_OK)
		return rc;
	rc = find(key, &cli.arena, out, err);
	doorbell_ring(cli_config());
	return rc;
}

/* ---- figures ---- */

/* The element of the list whose member `name` is that; a new one if there is none. */
static struct view *named(struct view *list, const char *name)
{
	struct view *v;

	for (size_t i = 0; i < view_len(list); i++)
		if (strcmp(text_of(view_at(list, i), "name"), name) == 0)
			return (struct view *)view_at(list, i);
	v = view_obj(&cli.arena);
	view_str(v, "name", name);
	view_put(v, "counts", view_obj(&cli.arena));
	view_push(list, v);
	return v;
}

static enum rc put_types(struct view *stats, struct err *err)
{
	struct view *list = view_list(&cli.arena);
	struct db_cursor cur;
	enum rc rc = db_query(
	    cli_db(), &cur, SQL_COUNTER_ALL, DB_ARGS(DB_INT(cli_scope()->project_id)), err);

	while (rc == RC_OK && (rc = db_next(&cur, err)) == RC_OK) {
		struct view *type = named(list, db_text(&cur, 1, NULL));
		const char *state = job_status_name(job_status_parse(db_text(&cur, 0, NULL)));

		if (db_int(&cur, 2))
			view_int((struct view *)view_get(type, "counts"), state, db_int(&cur, 2));
	}
	if (rc != RC_DONE)
		return rc;
	db_finish(&cur);
	view_put(stats, "types", list);
	return RC_OK;
}

static enum rc put_workers(struct view *stats, struct err *err)
{
	struct view *list = view_list(&cli.arena);
	struct worker *all;
	size_t n;
	enum rc rc = worker_list(cli_db(), &cli.arena, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct view *v = view_obj(&cli.arena), *about = NULL;
		char iso[CLOCK_ISO_SIZE];

		if (view_parse(&cli.arena, all[i].about, strlen(all[i].about), &about, NULL) !=
		    RC_OK)
			about = view_obj(&cli.arena);
		view_ref(v, "name", all[i].name);
		view_int(v, "running", all[i].running);
		view_int(v, "slots", number_of(about, "slots"));
		view_str(v, "seen_at", clock_iso(all[i].seen_at, iso));
		view_bool(v, "is_heard", worker_heard(&all[i]));
		view_push(list, v);
	}
	view_put(stats, "workers", list);
	return rc;
}

/* One org of --org, or all. */
static enum rc put_orgs(struct view *stats, struct err *err)
{
	struct view *list = view_list(&cli.arena);
	struct quota_use use;
	struct quota quota;
	struct org *orgs;
	size_t n;
	enum rc rc = org_list(cli_db(), &cli.arena, &orgs, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct view *v = org_view(&cli.arena, &orgs[i]);

		if (cli_org() && orgs[i].id != cli_org())
			continue;
		rc = quota_get(cli_db(), orgs[i].id, &quota, &use, err);
		quota_view(&cli.arena, v, &quota, &use);
		view_push(list, v);
	}
	view_put(stats, "orgs", list);
	return rc;
}

static enum rc stats(struct view *v, struct err *err)
{
	enum rc rc = put_counts(&cli.arena, v, err);

	if (rc == RC_OK)
		rc = put_types(v, err);
	if (rc == RC_OK)
		rc = put_workers(v, err);
	return rc == RC_OK ? put_orgs(v, err) : rc;
}

const struct source source_local = {
    .list = list,
    .find = find,
    .show = show,
    .act = act,
    .move = move,
    .version = version,
    .table = table,
    .stats = stats,
    .poll_ms = 200,
};
