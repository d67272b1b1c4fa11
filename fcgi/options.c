/*
 * Making the options form, and GET /jobs/form: the fields of a type, for the panel that has been
 * told another one.
 *
 * What the browser can check it is told (required, lengths, bounds, patterns that it reads as we
 * do); the server checks all of it again.
 */
#include "fcgi/options.h"

#include <string.h>

#include "core/str.h"
#include "fcgi/pages.h"

/* As core/param_check.c has it when a declaration says nothing. */
#define TEXT_MAX "1000"

#define PREFIX "params."

static bool is_about(const struct options *o, const char *field)
{
	return o->field && strcmp(o->field, field) == 0;
}

/* What was given for a parameter, if it may be shown again; else its default. */
static const char *shown_value(const struct param *p, const struct options *o)
{
	const char *value = p->def;

	if (p->kind == PARAM_KIND_SECRET || p->kind == PARAM_KIND_FILE)
		return NULL;
	for (size_t i = 0; i < o->n; i++) {
		const struct param_given *g = &o->given[i];

		if (strlen(p->name) == g->name_len && memcmp(p->name, g->name, g->name_len) == 0 &&
		    !g->is_file && str_utf8(g->value, g->value_len))
			value = g->value;
	}
	return value;
}

static struct view *choices_view(struct arena *a, const struct param *p, const char *value)
{
	struct view *list = view_list(a);

	for (const char **c = p->choices; *c; c++) {
		struct view *v = view_obj(a);

		view_ref(v, "value", *c);
		view_bool(v, "is_selected", value && strcmp(*c, value) == 0);
		view_push(list, v);
	}
	return list;
}

/* The attributes by which a browser checks. Absent ones are null, so that no outer one shows. */
static void put_rules(struct view *v, const struct param *p)
{
	bool text = p->kind == PARAM_KIND_TEXT || p->kind == PARAM_KIND_SECRET;

	view_bool(v, "required", p->required);
	view_ref(v, "min", text ? NULL : p->min);
	view_ref(v, "max", text ? NULL : p->max);
	view_ref(v, "minlength", text ? p->min : NULL);
	view_ref(v, "maxlength", !text ? NULL : p->max ? p->max : TEXT_MAX);
	view_ref(
	    v, "pattern", p->pattern && param_pattern_portable(p->pattern) ? p->pattern : NULL);
	view_ref(v, "step", p->kind == PARAM_KIND_INTEGER ? "1" : "any");
}

static struct view *field_view(struct arena *a, const struct param *p, const struct options *o)
{
	static const char *const flags[PARAM_KIND_MAX] = {
	    [PARAM_KIND_TEXT] = "is_text",
	    [PARAM_KIND_INTEGER] = "is_number",
	    [PARAM_KIND_NUMBER] = "is_number",
	    [PARAM_KIND_CHOICE] = "is_choice",
	    [PARAM_KIND_BOOLEAN] = "is_boolean",
	    [PARAM_KIND_DATE] = "is_date",
	    [PARAM_KIND_SECRET] = "is_secret",
	    [PARAM_KIND_FILE] = "is_file",
	};
	const char *name = arena_printf(a, PREFIX "%s", p->name), *value = shown_value(p, o);
	const char *id = arena_printf(a, "param-%s", p->name);
	bool wrong = is_about(o, name);
	struct view *v = view_obj(a);
	bool yes = false;

	view_ref(v, "name", name);
	view_ref(v, "id", id);
	view_ref(v, "label", p->label);
	view_ref(v, "help", *p->help ? p->help : NULL);
	view_ref(v, "error", wrong ? o->sentence : NULL);
	view_ref(v, "described",
	    arena_printf(a, "%s-error%s%s%s", id, *p->help ? " " : "", *p->help ? id : "",
		*p->help ? "-help" : ""));
	view_ref(v, "value", value);
	view_bool(v, flags[p->kind], true);
	view_bool(v, "is_checked", value && str_bool(value, &yes) && yes);
	view_put(v, "choices", choices_view(a, p, value));
	view_bool(v, "has_none", !p->def);
	put_rules(v, p);
	return v;
}

const char *options_accept(struct arena *a, const struct jobtype *t)
{
	const char *out = "";

	for (size_t i = 0; t->accept && t->accept[i]; i++) {
		if (strcmp(t->accept[i], "*") == 0)
			return "";
		out = arena_printf(a, "%s%s%s", out, *out ? "," : "", t->accept[i]);
	}
	return out;
}

struct view *options_more_view(struct arena *a, const struct options *o)
{
	struct view *v = view_obj(a);

	view_ref(v, "priority", o->priority);
	view_ref(v, "priority_error", is_about(o, "priority") ? o->sentence : NULL);
	view_ref(v, "run_at", o->run_at);
	view_ref(v, "run_at_error", is_about(o, "run_at") ? o->sentence : NULL);
	view_bool(v, "is_open", o->priority || o->run_at);
	return v;
}

struct view *options_view(struct arena *a, const struct jobtype *type, const struct options *o)
{
	static const struct jobtype any;
	const struct jobtype *t = type ? type : &any;
	struct view *v = view_obj(a), *fields = view_list(a);
	bool beside = is_about(o, "priority") || is_about(o, "run_at");

	for (size_t i = 0; i < t->params.n; i++) {
		struct view *field = field_view(a, &t->params.list[i], o);

		beside |= view_type(view_get(field, "error")) != VIEW_NULL;
		view_push(fields, field);
	}
	view_ref(v, "type_name", type ? t->name : "");
	view_ref(v, "type_title", t->title);
	view_ref(v, "type_description", t->description && *t->description ? t->description : NULL);
	view_ref(v, "accept", options_accept(a, t));
	view_bool(v, "is_many", t->many);
	view_bool(v, "is_paused", t->paused);
	view_bool(v, "has_fields", t->params.n > 0);
	view_put(v, "fields", fields);
	view_ref(v, "form_error", beside ? NULL : o->sentence);
	return v;
}

void options_from_query(const struct request *r, struct options *out)
{
	struct param_given *list = arena_alloc(r->arena, (r->query.n + 1) * sizeof *list);

	*out = (struct options){.given = list};
	for (size_t i = 0; i < r->query.n; i++) {
		const struct pair *p = &r->query.list[i];

		if (strncmp(p->name, PREFIX, strlen(PREFIX)) == 0)
			list[out->n++] = (struct param_given){.name = p->name + strlen(PREFIX),
			    .name_len = p->name_len - strlen(PREFIX),
			    .value = p->value,
			    .value_len = p->value_len};
	}
}

enum rc options_type(struct app *app, const struct request *r, const struct jobtype **type,
    struct response *resp, struct err *err)
{
	const char *name = request_text(r, "new");
	const struct jobtypes *types;
	enum rc rc = app_types(app, &types, err);

	*type = NULL;
	if (rc != RC_OK || !name)
		return rc;
	*type = jobtype_find(types, name);
	if (!*type || !(*type)->available)
		return response_fail(
		    resp, 404, "new", err, "there is no job type \"%.60s\" to be had", name);
	return RC_OK;
}

enum rc page_options_show(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	const struct jobtype *type;
	struct options o;
	enum rc rc = options_type(app, r, &type, resp, err);

	if (rc != RC_OK)
		return rc;
	options_from_query(r, &o);
	return response_html(app, resp, FRAGMENT_OPTIONS, options_view(r->arena, type, &o), err);
}
