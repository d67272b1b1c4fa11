/*
 * Declarations and values of parameters, to JSON and back.
 */
#include "core/param.h"

#include <string.h>

#include "core/view_node.h"

const char *const param_kind_names[] = {
    [PARAM_KIND_TEXT] = "text",
    [PARAM_KIND_INTEGER] = "integer",
    [PARAM_KIND_NUMBER] = "number",
    [PARAM_KIND_CHOICE] = "choice",
    [PARAM_KIND_BOOLEAN] = "boolean",
    [PARAM_KIND_DATE] = "date",
    [PARAM_KIND_SECRET] = "secret",
    [PARAM_KIND_FILE] = "file",
    [PARAM_KIND_MAX] = NULL,
};

const struct param *param_find(const struct params *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->n; i++)
		if (strlen(p->list[i].name) == len && memcmp(p->list[i].name, name, len) == 0)
			return &p->list[i];
	return NULL;
}

/* ---- declarations ---- */

static struct view *declaration(const struct param *p, struct arena *a)
{
	struct view *v = view_obj(a), *choices = view_list(a);

	view_str(v, "name", p->name);
	view_str(v, "kind", param_kind_names[p->kind]);
	view_str(v, "label", p->label);
	view_str(v, "help", p->help);
	view_bool(v, "required", p->required);
	view_str(v, "default", p->def);
	view_str(v, "pattern", p->pattern);
	view_str(v, "min", p->min);
	view_str(v, "max", p->max);
	view_str(v, "flag", p->flag);
	for (const char **c = p->choices; c && *c; c++)
		view_push_str(choices, *c);
	view_put(v, "choices", choices);
	return v;
}

struct view *params_view(const struct params *p, struct arena *a)
{
	struct view *list = view_list(a);

	for (size_t i = 0; i < p->n; i++)
		view_push(list, declaration(&p->list[i], a));
	return list;
}

static const char *text_of(const struct view *v, const char *key)
{
	const struct view *member = view_get(v, key);

	return member ? view_text(member) : NULL;
}

static bool read_declaration(const struct view *v, struct arena *a, struct param *p)
{
	const char *kind = text_of(v, "kind");
	const struct view *choices = view_get(v, "choices"), *required = view_get(v, "required");
	size_t n = choices && view_type(choices) == VIEW_LIST ? view_len(choices) : 0;
	int64_t k = 0;

	*p = (struct param){.name = text_of(v, "name"),
	    .label = text_of(v, "label"),
	    .help = text_of(v, "help"),
	    .def = text_of(v, "default"),
	    .pattern = text_of(v, "pattern"),
	    .min = text_of(v, "min"),
	    .max = text_of(v, "max"),
	    .flag = text_of(v, "flag"),
	    .choices = arena_alloc(a, (n + 1) * sizeof *p->choices),
	    .required = required && required->type == VIEW_BOOL && required->b};
	while (kind && param_kind_names[k] && strcmp(param_kind_names[k], kind) != 0)
		k++;
	p->kind = (enum param_kind)k;
	for (size_t i = 0; i < n; i++)
		if (!(p->choices[i] = view_text(view_at(choices, i))))
			return false;
	p->choices[n] = NULL;
	return kind && param_kind_names[k] && p->name && p->label && p->help;
}

enum rc params_from_view(
    const struct view *list, struct arena *a, struct params *out, struct err *err)
{
	size_t n = list && view_type(list) == VIEW_LIST ? view_len(list) : 0;

	*out = (struct params){.list = arena_alloc(a, (n + 1) * sizeof *out->list), .n = n};
	for (size_t i = 0; i < n; i++)
		if (!read_declaration(view_at(list, i), a, &out->list[i]))
			return err_set(
			    err, RC_INVALID, "definition of a parameter is not complete");
	return RC_OK;
}

/* ---- values ---- */

const char *params_json(const struct params *p, const char *const *values, struct arena *a)
{
	struct view *v = view_obj(a);
	const char *json;
	struct buf text;

	for (size_t i = 0; i < p->n; i++)
		if (values && values[i])
			view_ref(v, p->list[i].name,
			    p->list[i].kind == PARAM_KIND_SECRET ? PARAM_HIDDEN : values[i]);
	buf_init(&text);
	view_json(v, &text);
	json = arena_strndup(a, text.data, text.len);
	buf_release(&text);
	return json;
}

enum rc params_from_json(const struct params *p, const char *json, struct arena *a,
    const char ***values, struct err *err)
{
	struct view *v;
	enum rc rc = view_parse(a, json, strlen(json), &v, err);

	*values = arena_zalloc(a, (p->n + 1) * sizeof **values);
	for (size_t i = 0; rc == RC_OK && i < p->n; i++)
		(*values)[i] = text_of(v, p->list[i].name);
	return rc;
}
