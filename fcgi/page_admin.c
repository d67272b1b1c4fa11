/*
 * /admin: how the machines are: processors, disk, queue, job types. What is the site's alone is for
 * operators; an admin sees the own organisation and the types.
 */
#include <string.h>

#include "core/claim.h"
#include "core/clock.h"
#include "core/str.h"
#include "fcgi/org.h"
#include "fcgi/pages.h"

static void copy_text(struct view *to, const char *key, const struct view *from)
{
	view_ref(to, key, view_text(view_get(from, key)));
}

static struct view *worker_view(const struct request *r, const struct worker *w)
{
	struct view *v = view_obj(r->arena), *about = NULL;
	char iso[CLOCK_ISO_SIZE];
	struct err err;

	if (view_parse(r->arena, w->about, strlen(w->about), &about, &err) != RC_OK)
		about = view_obj(r->arena);
	view_int(v, "id", w->id);
	view_ref(v, "name", w->name);
	view_int(v, "running", w->running);
	view_int(v, "slots", view_number(view_get(about, "slots")));
	copy_text(v, "version", about);
	copy_text(v, "sandbox", about);
	copy_text(v, "limits", about);
	copy_text(v, "warning", about);
	view_str(v, "started_at", clock_iso(w->started_at, iso));
	view_str(v, "seen_at", clock_iso(w->seen_at, iso));
	view_bool(v, "is_heard", worker_heard(w));
	return v;
}

/* `workers` and `disk`. */
static enum rc put_site(struct app *app, const struct request *r, struct view *v, struct err *err)
{
	struct view *list = view_list(r->arena), *disk = view_obj(r->arena);
	int64_t free_bytes = 0;
	struct worker *all;
	char text[16];
	size_t n = 0;
	enum rc rc = worker_list(app->db, r->arena, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		view_push(list, worker_view(r, &all[i]));
	if (rc == RC_OK)
		rc = store_free(&app->store, &free_bytes, err);
	view_put(v, "workers", list);
	view_int(disk, "free", free_bytes);
	view_int(disk, "low", app->cfg->disk_low_bytes);
	if (request_want(r) != WANT_JSON) {
		view_str(disk, "free_text", str_bytes(free_bytes, text));
		view_str(disk, "low_text", str_bytes(app->cfg->disk_low_bytes, text));
		view_bool(disk, "is_low", free_bytes < app->cfg->disk_low_bytes);
	}
	view_put(v, "disk", disk);
	return rc;
}

static void put_type_texts(struct arena *a, struct view *v, const struct jobtype *t)
{
	const char *base = strrchr(t->file, '/');

	view_ref(v, "file_name", base ? base + 1 : t->file);
	view_ref(v, "url", arena_join(a, "/admin/types/", t->name, NULL));
}

static enum rc put_types(struct app *app, const struct request *r, struct view *v, struct err *err)
{
	struct view *list = view_list(r->arena);
	const struct jobtypes *types;
	enum rc rc = app_types(app, &types, err);

	for (size_t i = 0; rc == RC_OK && i < types->n; i++) {
		const struct jobtype *t = &types->list[i];
		struct view *one = view_obj(r->arena);

		view_ref(one, "name", t->name);
		view_ref(one, "title", t->title);
		view_ref(one, "file", t->file);
		view_int(one, "version", t->version);
		view_bool(one, "available", t->available);
		view_bool(one, "paused", t->paused);
		view_bool(one, "manual", t->manual);
		view_put(one, "accept", view_words(t->accept, r->arena));
		if (request_want(r) != WANT_JSON)
			put_type_texts(r->arena, one, t);
		view_push(list, one);
	}
	view_put(v, "types", list);
	return rc;
}

enum rc page_admin_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum rc rc = r->scope.role == ROLE_OPERATOR ? put_site(app, r, v, err) : RC_OK;

	if (rc == RC_OK)
		rc = orgs_put(app, r, v, err);
	if (rc == RC_OK)
		rc = put_types(app, r, v, err);
	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	done_put(r, v);
	admin_page(app, r, v, "Overview");
	return response_html(app, resp, PAGE_ADMIN, v, err);
}
