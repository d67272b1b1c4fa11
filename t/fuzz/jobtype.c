/*
 * Fuzzes the files of job types. What is taken survives the way to the database and back, and a
 * file name or parameter of any kind never turns an argument of a command into an option. The input
 * is such a text, a NUL, and the text of a definition.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/jobtype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct jobtype *t, struct arena *a)
{
	struct buf before, after;
	struct jobtype back;

	buf_init(&before);
	buf_init(&after);
	view_json(jobtype_view(t, a), &before);
	if (jobtype_from_json(before.data, before.len, a, &back, NULL) != RC_OK)
		abort();
	view_json(jobtype_view(&back, a), &after);
	if (strcmp(before.data, after.data) != 0)
		abort();
	buf_release(&before);
	buf_release(&after);
}

/* A text that every kind of parameter is offered; those that take it have it as their value. */
static const char **values_for(const struct jobtype *t, const char *text, struct arena *a)
{
	const char **values = arena_zalloc(a, (t->params.n + 1) * sizeof *values);

	for (size_t i = 0; i < t->params.n; i++) {
		const struct param *p = &t->params.list[i];

		/* A default that was published is one that passes. */
		if (p->def && param_value(p, p->def, strlen(p->def), a, &values[i], NULL) != RC_OK)
			abort();
		if (p->kind == PARAM_KIND_FILE)
			values[i] = "/job/in/f";
		else if (*text)
			param_value(p, text, strlen(text), a, &values[i], NULL);
	}
	return values;
}

/* The parameter that an element is nothing but; NULL for any other element. */
static const struct param *alone(const struct jobtype *t, const char *element)
{
	size_t n = strlen(element);

	return n > 2 && *element == '{' && element[n - 1] == '}'
		   ? param_find(&t->params, element + 1, n - 2)
		   : NULL;
}

/* How many arguments an element gives with one input. */
static size_t arity(const struct jobtype *t, const char *element, const char *const *values)
{
	const struct param *p = alone(t, element);
	const char *value = p ? values[p - t->params.list] : "";

	if (!value)
		return 0;
	if (!p || !p->flag)
		return 1;
	return p->kind == PARAM_KIND_BOOLEAN ? *value == 'y' : 2;
}

static void check_argument(
    const struct jobtype *t, const char *element, const char *arg, bool options_over)
{
	const struct param *p = alone(t, element);

	if (!strchr(element, '{') && strcmp(element, arg) != 0)
		abort();
	if (options_over || *arg != '-' || *element == '-')
		return;
	/* The one word of a choice may stand in front of more. */
	for (size_t i = 0; i < t->params.n; i++)
		if (t->params.list[i].kind == PARAM_KIND_CHOICE && strchr(element, '{'))
			return;
	if (!p || (p->kind != PARAM_KIND_INTEGER && p->kind != PARAM_KIND_NUMBER))
		abort();
}

static void check_argv(const struct jobtype *t, const char *text, struct arena *a)
{
	static const char *const inputs[] = {"/job/in/x", NULL};
	const char **values = values_for(t, text, a), **argv;
	struct jobtype_run run = {
	    .inputs = inputs, .name = text, .output = "/job/out", .values = values};
	bool options_over = false;

	if (jobtype_argv(t, &run, a, &argv, NULL) != RC_OK)
		return;
	for (size_t i = 0; t->command[i]; i++) {
		const char *e = t->command[i];
		const struct param *p = alone(t, e);
		size_t n = arity(t, e, values);

		/* The flag is its author's, and there is nothing else of a boolean. */
		if (p && p->flag && n) {
			if (strcmp(*argv++, p->flag) != 0)
				abort();
			n--;
		}
		for (; n; n--) {
			if (!*argv)
				abort();
			check_argument(t, e, *argv++, options_over);
		}
		options_over |= strcmp(e, "--") == 0;
	}
	if (*argv)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	struct jobtypes types = {0};
	struct arena a;
	const char *name, *text;

	if (!nul)
		return 0;
	arena_init(&a);
	name = arena_strdup(&a, (const char *)data);
	text = (const char *)nul + 1;
	size -= (size_t)(nul - data) + 1;
	if (jobtype_parse(&types, "fuzz.conf", text, size, &a, NULL) == RC_OK)
		for (size_t i = 0; i < types.n; i++) {
			check_round_trip(&types.list[i], &a);
			check_argv(&types.list[i], name, &a);
			jobtype_accepts(&types.list[i], "text/plain", name);
		}
	arena_release(&a);
	return 0;
}
