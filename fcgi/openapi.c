/*
 * Making the API document.
 */
#include "fcgi/openapi.h"

#include <stdio.h>
#include <string.h>

#include "core/ini.h"
#include "core/job_state.h"
#include "core/version.h"
#include "fcgi/route.h"

bool openapi_covers(const struct route *route)
{
	static const char *const roots[] = {"/api", "/jobs", "/processing_file"};

	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		size_t len = strlen(roots[i]);

		if (strncmp(route->pattern, roots[i], len) == 0 &&
		    (route->pattern[len] == '/' || !route->pattern[len]))
			return true;
	}
	return false;
}

static struct view *ref(struct arena *a, const char *kind, const char *name)
{
	struct view *v = view_obj(a);

	view_str(v, "$ref", arena_join(a, "#/components/", kind, "/", name, NULL));
	return v;
}

/* ---- inputs ---- */

static struct view *words_schema(struct arena *a, const char *const *words)
{
	struct view *v = view_obj(a);

	view_ref(v, "type", "string");
	view_put(v, "enum", view_words(words, a));
	return v;
}

static struct view *names_schema(struct arena *a, bool json)
{
	struct view *v = view_obj(a), *item = view_obj(a);

	view_ref(item, "type", "string");
	view_ref(v, "type", json ? "array" : "string");
	if (json) {
		view_put(v, "items", item);
		view_int(v, "minItems", 1);
	}
	return v;
}

static struct view *object_schema(struct arena *a)
{
	struct view *v = view_obj(a), *item = view_obj(a);

	view_ref(item, "type", "string");
	view_ref(v, "type", "object");
	view_put(v, "additionalProperties", item);
	return v;
}

static struct view *schema(const struct input *in, struct arena *a, bool json)
{
	struct view *v = view_obj(a);

	switch (in->type) {
	case INPUT_WORD:
		return words_schema(a, in->words);
	case INPUT_STATUS:
		return ref(a, "schemas", "StatusWord");
	case INPUT_NAMES:
		return names_schema(a, json);
	case INPUT_OBJECT:
		return object_schema(a);
	case INPUT_INT:
		view_ref(v, "type", "integer");
		view_int(v, "minimum", in->min);
		if (in->max < INT64_C(1) << 53)
			view_int(v, "maximum", in->max);
		return v;
	case INPUT_TEXT:
		view_ref(v, "type", "string");
		view_int(v, "minLength", in->min);
		view_int(v, "maxLength", in->max);
		return v;
	case INPUT_TIME:
		view_ref(v, "type", "string");
		return v;
	}
	bug("input '%s' has no type", in->name);
}

static struct view *parameter(struct arena *a, const char *name, const char *where, const char *doc,
    bool required, struct view *shape)
{
	struct view *v = view_obj(a);

	view_str(v, "name", name);
	view_ref(v, "in", where);
	view_str(v, "description", doc);
	view_bool(v, "required", required);
	view_put(v, "schema", shape);
	return v;
}

/* {job} and its like, in the order of the path. */
static void put_captures(struct arena *a, struct view *list, const char *pattern)
{
	for (const char *s = pattern; (s = strchr(s, '{')); s++) {
		const char *name = arena_strndup(a, s + 1, strcspn(s + 1, "}"));
		bool job = strcmp(name, "job") == 0;
		struct view *shape = view_obj(a);

		view_ref(shape, "type", "string");
		view_push(list, parameter(a, name, "path",
				    job ? "number or UUID of a job" : "see the path", true, shape));
	}
}

static void put_query(struct arena *a, struct view *list, const struct input *inputs)
{
	for (; inputs && inputs->name; inputs++)
		if (inputs->type != INPUT_OBJECT)
			view_push(list, parameter(a, inputs->name, "query", inputs->doc, false,
					    schema(inputs, a, false)));
}

/* ---- bodies ---- */

static struct view *body_schema(struct arena *a, const struct input *inputs, bool json, bool files)
{
	struct view *v = view_obj(a), *members = view_obj(a);

	view_ref(v, "type", "object");
	for (; inputs && inputs->name; inputs++) {
		struct view *one;

		if (!json && inputs->type == INPUT_OBJECT)
			continue;
		one = schema(inputs, a, json);
		if (!view_get(one, "$ref"))
			view_str(one, "description", inputs->doc);
		view_put(members, inputs->name, one);
	}
	if (files)
		view_put(members, "files", ref(a, "schemas", "Files"));
	view_put(v, "properties", members);
	if (json)
		view_bool(v, "additionalProperties", false);
	return v;
}

static void put_content(struct arena *a, struct view *content, const char *type, struct view *shape)
{
	struct view *v = view_obj(a);

	view_put(v, "schema", shape);
	view_put(content, type, v);
}

static struct view *bytes_schema(struct arena *a)
{
	struct view *v = view_obj(a);

	view_ref(v, "type", "string");
	view_ref(v, "format", "binary");
	return v;
}

static struct view *request_body(struct arena *a, const struct route *route)
{
	struct view *v = view_obj(a), *content = view_obj(a);
	enum body_policy policy = route->body;

	if (policy == BODY_FORM)
		put_content(a, content, "application/x-www-form-urlencoded",
		    body_schema(a, route->inputs, false, false));
	if (policy == BODY_JSON || policy == BODY_ANY)
		put_content(
		    a, content, "application/json", body_schema(a, route->inputs, true, false));
	if (policy == BODY_FILE && route->methods & METHOD_PUT)
		put_content(a, content, "application/octet-stream", bytes_schema(a));
	else if (policy == BODY_FILE || policy == BODY_ANY)
		put_content(
		    a, content, "multipart/form-data", body_schema(a, route->inputs, false, true));
	view_bool(v, "required", policy == BODY_JSON || policy == BODY_FILE);
	view_put(v, "content", content);
	return v;
}

/* ---- answers ---- */

/* What may go wrong everywhere, or follows from what the route takes. */
static void put_errors(struct arena *a, struct view *responses, const struct route *route)
{
	bool body = route->body != BODY_NONE, upload = route->body >= BODY_FILE;
	const struct {
		const char *code;
		bool here;
	} errors[] = {{"400", true}, {"401", route->access > ROLE_NOBODY},
	    {"403", route->access > ROLE_NOBODY}, {"404", strchr(route->pattern, '{') != NULL},
	    {"411", upload}, {"413", true}, {"415", body}, {"421", true},
	    {"422", route->inputs != NULL}, {"429", upload}, {"500", true}, {"503", true},
	    {"507", upload}};

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].here && !view_get(responses, errors[i].code))
			view_put(responses, errors[i].code, ref(a, "responses", "Problem"));
}

/* Who may: a token with the scope, or somebody who is signed in; an empty list is everybody. */
static struct view *security(struct arena *a, enum role access)
{
	static const char *const ways[] = {"token", "session"};
	struct view *list = view_list(a);

	for (size_t i = 0; i < 2 && access > ROLE_NOBODY; i++) {
		struct view *way = view_obj(a);

		view_put(way, ways[i], view_list(a));
		view_push(list, way);
	}
	return list;
}

static struct view *operation(
    struct arena *a, const struct route *route, const struct view *described)
{
	struct view *v = view_obj(a), *parameters = view_list(a);
	const char *name;

	for (size_t i = 0; (name = view_name(described, i)); i++)
		view_put(v, name, (struct view *)view_get(described, name));
	view_str(v, "summary", route->doc);
	if (!view_get(v, "description"))
		view_str(v, "description",
		    arena_printf(a, "For the role %s and above.", role_name(route->access)));
	put_captures(a, parameters, route->pattern);
	if (route->body == BODY_NONE || route->body == BODY_ANY || route->methods & METHOD_PUT)
		put_query(a, parameters, route->inputs);
	if (route->methods & ROUTE_ONCE)
		view_push(parameters, ref(a, "parameters", "IdempotencyKey"));
	view_put(v, "parameters", parameters);
	if (route->body != BODY_NONE)
		view_put(v, "requestBody", request_body(a, route));
	view_put(v, "security", security(a, route->access));
	put_errors(a, (struct view *)view_get(v, "responses"), route);
	return v;
}

/* ---- the document ---- */

static const char *lower(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *p = out; *p; p++)
		*p |= 0x20;
	return out;
}

static enum rc put_route(struct arena *a, struct view *paths, const struct view *operations,
    const struct route *route, struct err *err)
{
	const char *method = route_methods(route->methods, a);
	const char *key = arena_join(a, method, " ", route->pattern, NULL);
	const struct view *described = view_get(operations, key);

	if (!described || !view_get(described, "responses"))
		return err_set(err, RC_INVALID, "openapi.json does not describe \"%.150s\"", key);
	if (!view_get(paths, route->pattern))
		view_put(paths, route->pattern, view_obj(a));
	view_put((struct view *)view_get(paths, route->pattern), lower(a, method),
	    operation(a, route, described));
	return RC_OK;
}

static enum rc put_paths(struct arena *a, struct view *doc, struct err *err)
{
	const struct view *operations = view_get(doc, "x-operations");
	struct view *paths = view_obj(a);
	size_t known = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < routes_count && rc == RC_OK; i++)
		if (openapi_covers(&routes[i])) {
			rc = put_route(a, paths, operations, &routes[i], err);
			known++;
		}
	if (rc == RC_OK && known != view_len(operations))
		rc = err_set(err, RC_INVALID,
		    "openapi.json describes %zu operations, the route table has %zu",
		    view_len(operations), known);
	view_put(doc, "paths", paths);
	return rc;
}

enum rc openapi_view(const struct config *cfg, struct arena *a, struct view **out, struct err *err)
{
	const char *path = arena_join(a, cfg->templates_dir, "/openapi.json", NULL), *name;
	struct view *read, *doc = view_obj(a);
	size_t len;
	char *text;
	enum rc rc = ini_slurp(path, a, &text, &len, err);

	if (rc == RC_OK)
		rc = view_parse(a, text, len, &read, err);
	if (rc == RC_OK)
		rc = put_paths(a, read, err);
	for (size_t i = 0; rc == RC_OK && (name = view_name(read, i)); i++)
		if (strcmp(name, "x-operations") != 0)
			view_put(doc, name, (struct view *)view_get(read, name));
	if (rc == RC_OK)
		view_str((struct view *)view_get(doc, "info"), "version", dropmill_version);
	*out = doc;
	return rc;
}
