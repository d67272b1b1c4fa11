/*
 * Checking typed inputs.
 */
#include "fcgi/input.h"

#include <string.h>

#include "core/clock.h"
#include "core/job_state.h"
#include "core/str.h"
#include "fcgi/request.h"

static bool plain_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

/* "newest, oldest" for a sentence. */
static const char *word_list(const char *const *words, struct arena *a)
{
	const char *out = words[0];

	for (size_t i = 1; words[i]; i++)
		out = arena_printf(a, "%s, %s", out, words[i]);
	return out;
}

static enum rc check_word(const struct input *in, struct value *v, struct arena *a, struct err *err)
{
	for (int64_t i = 0; in->words[i]; i++)
		if (strcmp(in->words[i], v->text) == 0) {
			v->number = i;
			return RC_OK;
		}
	return err_set(err, RC_INVALID, "%s must be one of: %s", in->name, word_list(in->words, a));
}

/* In a query a plus sign that nobody encoded arrives as a blank. */
static enum rc check_time(const struct input *in, struct value *v, struct arena *a, struct err *err)
{
	const char *s = *v->text == ' ' ? arena_printf(a, "+%s", v->text + 1) : v->text;
	int64_t now = clock_wall_ms();

	if (!clock_read(s, now, &v->number))
		return err_set(err, RC_INVALID,
		    "%s must be a time in UTC such as 2026-11-22T09:30Z, or from now on such as "
		    "+30m",
		    in->name);
	if (v->number - now > in->max)
		return err_set(err, RC_INVALID, "%s must be at most %lld days ahead", in->name,
		    (long long)(in->max / 86400000));
	return RC_OK;
}

static enum rc check_one(
    const struct input *in, const struct pair *p, struct arena *a, struct value *v, struct err *err)
{
	if (!str_utf8(p->value, p->value_len))
		return err_set(err, RC_INVALID, "%s must be text in UTF-8 without NUL", in->name);
	if (!plain_text(p->value, p->value_len))
		return err_set(err, RC_INVALID, "%s must not hold control characters", in->name);
	v->text = p->value;
	v->given = true;
	switch (in->type) {
	case INPUT_OBJECT:
		return err_set(err, RC_INVALID, "%s must be a JSON object", in->name);
	case INPUT_NAMES:
	case INPUT_TEXT:
		if ((int64_t)p->value_len < in->min || (int64_t)p->value_len > in->max)
			return err_set(err, RC_INVALID, "%s must be %lld to %lld bytes long",
			    in->name, (long long)in->min, (long long)in->max);
		return RC_OK;
	case INPUT_INT:
		if (!str_int(p->value, in->min, in->max, &v->number))
			return err_set(err, RC_INVALID, "%s must be a number from %lld to %lld",
			    in->name, (long long)in->min, (long long)in->max);
		return RC_OK;
	case INPUT_WORD:
		return check_word(in, v, a, err);
	case INPUT_TIME:
		return check_time(in, v, a, err);
	case INPUT_STATUS:
		v->number = job_status_parse(p->value);
		if (v->number == JOB_STATUS_MAX)
			return err_set(err, RC_INVALID,
			    "%s must be one of: pending, processing, paused, "
			    "completed, failed, cancelled, removed",
			    in->name);
		return RC_OK;
	}
	bug("input '%s' has no type", in->name);
}

enum rc input_check(const struct input *inputs, const struct pairs *pairs, struct arena *a,
    struct value *out, const char **field, struct err *err)
{
	for (size_t i = 0; inputs && inputs[i].name; i++) {
		bool again;
		const struct pair *p = pairs_find(pairs, inputs[i].name, &again);
		enum rc rc;

		/* Forms send their empty fields too. */
		if (!p || (!p->value_len && !again))
			continue;
		*field = inputs[i].name;
		if (again || out[i].given)
			return err_set(
			    err, RC_INVALID, "%s was given more than once", inputs[i].name);
		rc = check_one(&inputs[i], p, a, &out[i], err);
		if (rc != RC_OK)
			return rc;
	}
	*field = NULL;
	return RC_OK;
}

static const struct input *find_input(const struct input *inputs, const char *name)
{
	for (; inputs && inputs->name; inputs++)
		if (strcmp(inputs->name, name) == 0)
			return inputs;
	return NULL;
}

/* A list of texts as one, separated by commas. */
static enum rc as_names(const struct input *in, const struct view *list, struct pair *p,
    struct arena *a, struct err *err)
{
	p->name = in->name;
	p->value = "";
	for (size_t i = 0; i < view_len(list); i++) {
		const char *one = view_text(view_at(list, i));

		if (!one || !*one || strchr(one, ','))
			return err_set(err, RC_INVALID, "%s must be a list of names", in->name);
		p->value = arena_join(a, p->value, i ? "," : "", one, NULL);
	}
	p->value_len = strlen(p->value);
	return RC_OK;
}

/* A JSON value as the text that a form would have sent. */
static enum rc as_pair(const struct input *in, const struct view *member, struct pair *p,
    struct arena *a, struct err *err)
{
	bool number = in->type == INPUT_INT;

	if (in->type == INPUT_NAMES && view_type(member) == VIEW_LIST)
		return as_names(in, member, p, a, err);
	if (view_type(member) != (number ? VIEW_INT : VIEW_STR))
		return err_set(
		    err, RC_INVALID, "%s must be a %s", in->name, number ? "whole number" : "text");
	p->name = in->name;
	p->value =
	    number ? arena_printf(a, "%lld", (long long)view_number(member)) : view_text(member);
	p->value_len = number ? strlen(p->value) : view_len(member);
	return RC_OK;
}

enum rc input_check_json(const struct input *inputs, const struct view *object, struct arena *a,
    struct value *out, const char **field, struct err *err)
{
	const char *name;

	for (size_t i = 0; (name = view_name(object, i)); i++) {
		const struct view *member = view_get(object, name);
		const struct input *in = find_input(inputs, name);
		struct pair p = {0};
		enum rc rc;

		*field = name;
		if (!in)
			return err_set(err, RC_INVALID, "%.60s is not taken here", name);
		if (view_type(member) == VIEW_NULL)
			continue;
		if (out[in - inputs].given)
			return err_set(err, RC_INVALID, "%s was given more than once", name);
		if (in->type == INPUT_OBJECT && view_type(member) == VIEW_OBJ) {
			out[in - inputs].given = true;
			continue;
		}
		rc = as_pair(in, member, &p, a, err);
		if (rc == RC_OK)
			rc = check_one(in, &p, a, &out[in - inputs], err);
		if (rc != RC_OK)
			return rc;
	}
	*field = NULL;
	return RC_OK;
}
