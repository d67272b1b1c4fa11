/*
 * Saying what a run would be.
 */
#include "processor/explain.h"

#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "processor/child.h"
#include "processor/plan.h"
#include "processor/seccomp.h"

/* Stands for the job that there is not. */
#define JOB_UUID "00000000-0000-7000-8000-000000000000"

/* Inputs and values as the run of a job would have them. */
static enum rc read_order(const struct view *asked, struct order *order, struct claim *c,
    struct arena *a, struct err *err)
{
	const struct params *params = &order->type->params;
	const struct view *inputs = view_get(asked, "inputs"), *values = view_get(asked, "values");
	const char **shown;

	c->input_count = inputs ? view_len(inputs) : 0;
	c->inputs = arena_zalloc(a, (c->input_count + 1) * sizeof *c->inputs);
	shown = arena_zalloc(a, (c->input_count + 1) * sizeof *shown);
	for (size_t i = 0; i < c->input_count; i++) {
		const char *path = view_text(view_get(view_at(inputs, i), "path")), *slash;

		if (!path || !(slash = strrchr(path, '/')))
			return err_set(err, RC_INVALID, "inputs: a path is needed");
		shown[i] = path;
		c->inputs[i].name = slash + 1;
		c->inputs[i].param = view_text(view_get(view_at(inputs, i), "param"));
	}
	order->shown = shown;
	order->values = arena_zalloc(a, (params->n + 1) * sizeof *order->values);
	for (size_t i = 0; i < params->n; i++)
		order->values[i] = view_text(view_get(values, params->list[i].name));
	strcpy(c->job.uuid, JOB_UUID);
	c->job.attempt = 1;
	c->job.name = c->input_count ? c->inputs[0].name : "";
	order->claim = c;
	return RC_OK;
}

static void add_mount(struct view *list, const char *at, const char *from, bool writable,
    int64_t bytes, struct arena *a)
{
	struct view *v = view_obj(a);

	view_str(v, "at", at);
	view_str(v, "from", from);
	view_str(v, "access", writable ? "writable" : "read-only");
	if (bytes)
		view_int(v, "bytes", bytes);
	else
		view_null(v, "bytes");
	view_push(list, v);
}

/* Read back from the options: nothing is shown that is not there. */
static struct view *mounts(char *const *argv, struct arena *a)
{
	struct view *list = view_list(a);
	int64_t bytes = 0;

	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		const char *option = *argv;

		if (strcmp(option, "--bind") == 0 || strcmp(option, "--ro-bind") == 0) {
			add_mount(list, argv[2], argv[1], option[2] == 'b', 0, a);
		} else if (strcmp(option, "--symlink") == 0) {
			add_mount(
			    list, argv[2], arena_printf(a, "a link to %s", argv[1]), false, 0, a);
		} else if (strcmp(option, "--file") == 0) {
			add_mount(list, argv[2], "made for it", false, 0, a);
		} else if (strcmp(option, "--proc") == 0 || strcmp(option, "--dev") == 0) {
			add_mount(list, argv[1], "made for it", false, 0, a);
		} else if (strcmp(option, "--size") == 0) {
			bytes = strtoll(argv[1], NULL, 10);
		} else if (strcmp(option, "--tmpfs") == 0) {
			/* What is made read-only again is an empty cover. */
			if (strcmp(argv[2], "--remount-ro") == 0)
				add_mount(list, argv[1], "nothing", false, 0, a);
			else
				add_mount(list, argv[1], "memory", true, bytes, a);
		}
	}
	return list;
}

static void add_limit(struct view *list, const char *of, int64_t value, struct arena *a)
{
	struct view *v = view_obj(a);

	view_str(v, "of", of);
	view_int(v, "value", value);
	view_push(list, v);
}

static struct view *limits(const struct message_spec *spec, struct arena *a)
{
	struct child_limit limit[CHILD_LIMITS_MAX];
	struct view *list = view_list(a);
	size_t n = child_limits(spec, limit);

	for (size_t i = 0; i < n; i++)
		add_limit(list, limit[i].word, limit[i].value, a);
	if (spec->sandbox)
		add_limit(list, "processes of the job", SANDBOX_PROCESSES_MAX, a);
	return list;
}

static enum rc answer(
    struct host *h, const struct order *order, struct arena *a, struct buf *out, struct err *err)
{
	struct message_spec spec;
	struct view *v = view_obj(a);
	struct plan p;
	struct child_plan child = {.spec = &spec};
	enum rc rc = plan_make(&p, h, order, JOB_UUID "-1", a, err);

	if (rc)
		return rc;
	plan_spec(&p, h, order->claim, order->type, "", &spec);
	child.argv = (char **)(uintptr_t)p.argv;
	child.binds = p.binds;
	child.bind_count = p.bind_count;
	view_put(v, "argv", view_words(p.argv, a));
	view_put(v, "environment", view_words(p.env, a));
	if (spec.sandbox) {
		char **argv = child_argv(&child, a);

		view_put(v, "sandbox", view_words((const char *const *)argv, a));
		view_put(v, "mounts", mounts(argv, a));
		view_put(v, "refused", view_words(seccomp_refused, a));
	}
	view_put(v, "limits", limits(&spec, a));
	view_json(v, out);
	return RC_OK;
}

enum rc explain(
    const struct config *cfg, const char *asked, size_t len, struct buf *out, struct err *err)
{
	struct host h = {.cfg = cfg, .sandboxed = cfg->sandbox != SANDBOX_OFF};
	struct order order = {0};
	struct claim c = {0};
	struct jobtypes types;
	struct arena a;
	struct view *v;
	enum rc rc;

	arena_init(&a);
	rc = view_parse(&a, asked, len, &v, err);
	if (!rc)
		rc = host_user(&h, cfg, err);
	if (!rc)
		rc = jobtype_load_dirs(cfg, &a, &types, err);
	if (!rc) {
		const char *name = view_text(view_get(v, "type"));

		order.type = name ? jobtype_find(&types, name) : NULL;
		if (!order.type || !*order.type->command)
			rc = err_set(err, RC_INVALID, "type: no job type with a command");
	}
	if (!rc)
		rc = read_order(v, &order, &c, &a, err);
	if (!rc)
		rc = answer(&h, &order, &a, out, err);
	for (size_t i = 0; i < HOST_OWN; i++)
		free(h.own[i]);
	arena_release(&a);
	return rc;
}
