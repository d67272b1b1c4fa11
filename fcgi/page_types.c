/*
 * /admin/types/{type}: what is in force of a job type, as its file declares it, and its pause.
 */
#include <ctype.h>
#include <string.h>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/str.h"
#include "fcgi/admin.h"
#include "fcgi/options.h"
#include "fcgi/pages.h"

/* The type that the path names, of those in force. */
static enum rc find(
    struct app *app, const struct request *r, const struct jobtype **out, struct err *err)
{
	const char *name = request_capture(r, "type");
	const struct jobtypes *types;
	enum rc rc = app_types(app, &types, err);

	if (rc != RC_OK)
		return rc;
	*out = jobtype_find(types, name);
	return *out ? RC_OK : err_set(err, RC_NOTFOUND, "no such job type: \"%.63s\"", name);
}

/* An argument as one would write it in a definition. */
static const char *quoted(struct arena *a, const char *arg)
{
	const char *p = arg;

	while (isalnum((unsigned char)*p) || (*p && strchr("{}/.,:;=+-_@%", *p)))
		p++;
	return *p || !*arg ? arena_join(a, "\"", arg, "\"", NULL) : arg;
}

static const char *joined(
    struct arena *a, const char *const *words, const char *between, bool quote)
{
	const char *out = "";

	for (size_t i = 0; words && words[i]; i++)
		out = arena_join(
		    a, out, i ? between : "", quote ? quoted(a, words[i]) : words[i], NULL);
	return out;
}

/* A line of the table: what it is called, and its words. */
static void put_fact(struct view *list, struct arena *a, const char *label, const char *text)
{
	struct view *v;

	if (!text || !*text)
		return;
	v = view_obj(a);
	view_ref(v, "label", label);
	view_str(v, "text", text);
	view_push(list, v);
}

static const char *retry_text(const struct jobtype *t, struct arena *a)
{
	const char *out = "";

	for (size_t i = 0; jobtype_retry_names[i]; i++)
		if (t->retry_on & 1u << i)
			out = arena_join(a, out, *out ? ", " : "", jobtype_retry_names[i], NULL);
	return out;
}

static struct view *facts_view(struct arena *a, const struct jobtype *t)
{
	struct view *list = view_list(a);
	char text[CLOCK_ISO_SIZE], bytes[16];

	put_fact(list, a, "Description", t->description);
	put_fact(list, a, "File", t->file);
	put_fact(list, a, "Version", arena_printf(a, "%lld", (long long)t->version));
	put_fact(list, a, "Takes", joined(a, t->accept, " ", false));
	put_fact(list, a, "Files", t->many ? "one job of all that come together" : "one job each");
	put_fact(list, a, "Default", t->by_default ? "for files that it takes" : NULL);
	put_fact(list, a, "Requires", joined(a, t->requires, " ", false));
	put_fact(list, a, "Reads besides", joined(a, t->read, " ", true));
	put_fact(list, a, "Kept",
	    t->keep_ms ? clock_words(t->keep_ms, text) : "until somebody deletes the job");
	if (t->manual)
		return list;
	put_fact(list, a, "Network", t->network ? "yes" : "no");
	put_fact(list, a, "Time", clock_words(t->timeout_ms, text));
	put_fact(list, a, "Memory", str_bytes(t->memory_bytes, bytes));
	put_fact(list, a, "Results", str_bytes(t->output_max_bytes, bytes));
	put_fact(list, a, "Attempts", arena_printf(a, "%lld", (long long)t->attempts));
	put_fact(list, a, "Tried again on", retry_text(t, a));
	put_fact(list, a, "At once on a host",
	    t->concurrency ? arena_printf(a, "%lld", (long long)t->concurrency) : "no limit");
	return list;
}

static struct view *options_told(struct arena *a, const struct jobtype *t)
{
	static const struct options nothing;
	const struct view *fields = view_get(options_view(a, t, &nothing), "fields");
	struct view *list = view_list(a);

	for (size_t i = 0; i < t->params.n; i++) {
		const struct param *p = &t->params.list[i];
		struct view *v = view_obj(a);

		view_ref(v, "name", p->name);
		view_ref(v, "label", p->label);
		view_ref(v, "default", p->kind == PARAM_KIND_SECRET ? NULL : p->def);
		view_bool(v, "required", p->required);
		view_put(v, "choices", (struct view *)view_get(view_at(fields, i), "choices"));
		view_push(list, v);
	}
	return list;
}

enum rc page_type_show(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena), *definition;
	const struct jobtype *t;
	enum rc rc = find(app, r, &t, err);

	if (rc != RC_OK)
		return rc;
	definition = jobtype_view(t, r->arena);
	view_int(definition, "version", t->version);
	view_bool(definition, "available", t->available);
	view_bool(definition, "paused", t->paused);
	view_put(v, "type", definition);
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	done_put(r, v);
	view_ref(v, "type_title", t->title ? t->title : t->name);
	view_ref(v, "url", arena_join(r->arena, "/admin/types/", t->name, NULL));
	view_ref(v, "command", t->manual ? NULL : joined(r->arena, t->command, " ", true));
	view_put(v, "facts", facts_view(r->arena, t));
	view_put(v, "params", options_told(r->arena, t));
	admin_page(app, r, v, t->name);
	return response_html(app, resp, PAGE_TYPE, v, err);
}

static enum rc set_paused(
    struct app *app, struct request *r, struct response *resp, bool paused, struct err *err)
{
	const struct jobtype *t;
	enum rc rc = find(app, r, &t, err);

	if (rc == RC_OK)
		rc = jobtype_pause(app->db, &r->scope, t->name, paused, err);
	if (rc != RC_OK)
		return rc;
	doorbell_ring(app->cfg);
	done_answer(r, resp, arena_join(r->arena, "/admin/types/", t->name, NULL),
	    paused ? "paused" : "resumed");
	return RC_OK;
}

enum rc page_type_pause(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return set_paused(app, r, resp, true, err);
}

enum rc page_type_resume(struct app *app, struct request *r, struct response *resp, struct err *err)
{
	return set_paused(app, r, resp, false, err);
}
