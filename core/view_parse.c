/*
 * View from JSON text. Jansson reads and checks it (duplicate keys and escaped NUL are refused);
 * what it built is copied into the arena and dropped. Nesting is counted over the bare text first:
 * that bounds the recursion of jansson and of the copy here, and gives the place where it went too
 * deep.
 */
#include <jansson.h>

#include "core/view_node.h"

/* Jansson has a bound of its own, at twice this. */
#define DEPTH_MAX 1000

static enum rc check_depth(const char *json, size_t len, struct err *err)
{
	size_t line = 1, column = 0, depth = 0;
	bool quoted = false;

	for (const char *p = json; p < json + len; p++) {
		/* Columns count characters, as jansson does. */
		if ((*p & 0xc0) != 0x80)
			column++;
		if (*p == '\n') {
			line++;
			column = 0;
		} else if (quoted) {
			if (*p == '\\' && p + 1 < json + len && (p[1] == '"' || p[1] == '\\')) {
				p++;
				column++;
			} else if (*p == '"') {
				quoted = false;
			}
		} else if (*p == '"') {
			quoted = true;
		} else if (*p == '[' || *p == '{') {
			if (++depth > DEPTH_MAX)
				return err_set(err, RC_INVALID,
				    "%zu:%zu: nested deeper than %d levels", line, column,
				    DEPTH_MAX);
		} else if ((*p == ']' || *p == '}') && depth) {
			depth--;
		}
	}
	return RC_OK;
}

static struct view *copy(struct arena *a, const json_t *in, struct view *box);

static struct view *copy_object(struct arena *a, const json_t *in)
{
	struct view *v = view_obj(a), box;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)in, key, value)
	    view_put(v, arena_strdup(a, key), copy(a, value, &box));
	return v;
}

static struct view *copy_list(struct arena *a, const json_t *in)
{
	struct view *v = view_list(a), box;
	json_t *value;
	size_t i;

	json_array_foreach(in, i, value) view_push(v, copy(a, value, &box));
	return v;
}

/* A scalar goes into the caller's box, whence it is copied into its container. */
static struct view *copy(struct arena *a, const json_t *in, struct view *box)
{
	switch (json_typeof(in)) {
	case JSON_OBJECT:
		return copy_object(a, in);
	case JSON_ARRAY:
		return copy_list(a, in);
	case JSON_STRING:
		*box = (struct view){
		    .type = VIEW_STR,
		    .len = (uint32_t)json_string_length(in),
		    .s = arena_strndup(a, json_string_value(in), json_string_length(in)),
		};
		return box;
	case JSON_INTEGER:
		*box = (struct view){.type = VIEW_INT, .i = json_integer_value(in)};
		return box;
	case JSON_REAL:
		*box = (struct view){.type = VIEW_REAL, .d = json_real_value(in)};
		return box;
	case JSON_TRUE:
	case JSON_FALSE:
		*box = (struct view){.type = VIEW_BOOL, .b = json_is_true(in)};
		return box;
	default:
		*box = (struct view){.type = VIEW_NULL};
		return box;
	}
}

enum rc view_parse(
    struct arena *a, const char *json, size_t len, struct view **out, struct err *err)
{
	json_error_t why;
	json_t *in;

	if (len > UINT32_MAX)
		return err_set(err, RC_LIMIT, "1:1: larger than 4 GiB");
	if (check_depth(json, len, err) != RC_OK)
		return RC_INVALID;
	in = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!in) {
		/* The text may quote the input. */
		for (char *p = why.text; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				*p = '?';
		return err_set(err, RC_INVALID, "%d:%d: %s", why.line > 0 ? why.line : 1,
		    why.column > 0 ? why.column : 1, why.text);
	}
	*out = copy(a, in, arena_alloc(a, sizeof **out));
	json_decref(in);
	return RC_OK;
}
