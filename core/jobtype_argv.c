/*
 * The argv and environment of a run.
 *
 * An argv is made element by element; a value never becomes more than (part of) one argument and
 * never an option, so names of uploaded files and what people fill in cannot say anything to a
 * command that its author did not write.
 */
#include <string.h>

#include "core/buf.h"
#include "core/jobtype.h"

enum placeholder { PH_INPUT, PH_INPUTS, PH_OUTPUT, PH_STEM, PH_EXT, PH_NAME, PH_PARAM, PH_MAX };

static const char *const placeholders[PH_PARAM] = {
    [PH_INPUT] = "input",
    [PH_INPUTS] = "inputs",
    [PH_OUTPUT] = "output",
    [PH_STEM] = "stem",
    [PH_EXT] = "ext",
    [PH_NAME] = "name",
};

/* What stands at a brace: PH_MAX for anything that is no placeholder of ours. */
struct spot {
	enum placeholder what;
	size_t len;   /* with braces; 0: a plain brace */
	size_t param; /* index of PH_PARAM */
	const struct param *decl;
};

static struct spot spot_at(const struct jobtype *t, const char *s)
{
	size_t n = strspn(s + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
	struct spot spot = {.what = PH_MAX};

	if (!n || s[1 + n] != '}')
		return spot;
	spot.len = n + 2;
	for (int i = 0; i < PH_PARAM; i++)
		if (strlen(placeholders[i]) == n && strncmp(placeholders[i], s + 1, n) == 0) {
			spot.what = (enum placeholder)i;
			return spot;
		}
	spot.decl = param_find(&t->params, s + 1, n);
	if (spot.decl) {
		spot.what = PH_PARAM;
		spot.param = (size_t)(spot.decl - t->params.list);
	}
	return spot;
}

/* ---- whether a command is right ---- */

static enum rc check_spot(
    const struct spot *spot, const char *element, const char *s, bool first, struct err *err)
{
	bool alone = strlen(element) == spot->len;
	int len = spot->len < 60 ? (int)spot->len : 60;

	if (spot->what == PH_MAX || first || (spot->what == PH_INPUTS && !alone))
		return err_set(err, RC_INVALID,
		    "bad placeholder %.*s in command (allowed: {input} {output} {stem} {ext} "
		    "{name}, "
		    "parameters, {inputs} as a whole argument; {{ for a brace)",
		    len, s);
	if (spot->what != PH_PARAM)
		return RC_OK;
	if (spot->decl->kind == PARAM_KIND_SECRET)
		return err_set(err, RC_INVALID,
		    "secret %.*s in command, where everybody on the host could read it (it is in "
		    "the "
		    "environment)",
		    len, s);
	if (spot->decl->flag && !alone)
		return err_set(err, RC_INVALID,
		    "%.*s has a flag, so it must stand in command as a whole argument", len, s);
	return RC_OK;
}

enum rc jobtype_command_check(const struct jobtype *t, struct err *err)
{
	for (size_t i = 0; t->command[i]; i++)
		for (const char *s = t->command[i]; (s = strchr(s, '{')); s++) {
			struct spot spot = spot_at(t, s);
			enum rc rc = RC_OK;

			if (s[1] == '{')
				s++;
			else if (spot.len)
				rc = check_spot(&spot, t->command[i], s, i == 0, err);
			if (rc != RC_OK)
				return rc;
		}
	return RC_OK;
}

/* ---- argv ---- */

/* The parts of the display name. */
struct name_parts {
	const char *name, *stem, *ext;
};

static struct name_parts split_name(const char *name, struct arena *a)
{
	const char *slash = strrchr(name, '/'), *dot;
	struct name_parts p;

	p.name = slash ? slash + 1 : name;
	dot = strrchr(p.name, '.');
	p.ext = dot && dot != p.name ? dot + 1 : "";
	p.stem = *p.ext ? arena_strndup(a, p.name, (size_t)(dot - p.name)) : p.name;
	/* As part of a path these would lead elsewhere. */
	if (strcmp(p.stem, ".") == 0 || strcmp(p.stem, "..") == 0)
		p.stem = p.name;
	return p;
}

/* An argv that is being made. */
struct making {
	const struct jobtype *t;
	const struct jobtype_run *run;
	struct name_parts parts;
	struct arena *arena;
	const char **argv;
	size_t n;
	bool options_over;
};

/* What a placeholder stands for; "" for a parameter that is not set. */
static const char *value_of(const struct making *m, const struct spot *spot)
{
	const char *value = NULL;

	switch (spot->what) {
	case PH_INPUT:
	case PH_INPUTS:
		value = m->run->inputs[0];
		break;
	case PH_OUTPUT:
		return m->run->output;
	case PH_STEM:
		return m->parts.stem;
	case PH_EXT:
		return m->parts.ext;
	case PH_NAME:
		return m->parts.name;
	case PH_PARAM:
		value = m->run->values ? m->run->values[spot->param] : NULL;
		break;
	case PH_MAX:
		break;
	}
	return value ? value : "";
}

/* Whether a value may begin an argument with `-`. */
static bool harmless(const struct spot *spot, bool alone)
{
	if (spot->what != PH_PARAM)
		return false;
	switch (spot->decl->kind) {
	case PARAM_KIND_CHOICE:
		return true;
	case PARAM_KIND_INTEGER:
	case PARAM_KIND_NUMBER:
		return alone;
	default:
		return false;
	}
}

/* Fill in one element. *option: somebody else's `-` came out in front. */
static const char *fill(const struct making *m, const char *element, bool *option)
{
	size_t size = strlen(element);
	const char *result;
	struct buf out;

	*option = false;
	buf_init(&out);
	for (const char *s = element; *s; s++) {
		struct spot spot = {.what = PH_MAX};

		if (s[0] == '{' && s[1] == '{')
			s++;
		else if (*s == '{')
			spot = spot_at(m->t, s);
		if (spot.what == PH_MAX) {
			buf_addc(&out, *s);
			continue;
		}
		if (!out.len && *value_of(m, &spot) == '-')
			*option = !harmless(&spot, spot.len == size);
		buf_adds(&out, value_of(m, &spot));
		s += spot.len - 1;
	}
	result = arena_strdup(m->arena, out.data);
	buf_release(&out);
	return result;
}

/* An element that is nothing but a parameter: nothing, its value, its flag, or both. True: the
 * element is done. */
static bool add_flag(struct making *m, const struct spot *spot)
{
	const char *value = value_of(m, spot);

	if (!*value)
		return true;
	if (!spot->decl->flag)
		return false;
	if (spot->decl->kind != PARAM_KIND_BOOLEAN) {
		m->argv[m->n++] = spot->decl->flag;
		return false;
	}
	if (strcmp(value, "yes") == 0)
		m->argv[m->n++] = spot->decl->flag;
	return true;
}

static enum rc add_element(struct making *m, const char *element, struct err *err)
{
	struct spot spot = {.what = PH_MAX};
	bool option;

	if (*element == '{' && element[1] != '{')
		spot = spot_at(m->t, element);
	if (spot.len != strlen(element))
		spot.what = PH_MAX;
	if (spot.what == PH_INPUTS) {
		for (size_t i = 0; m->run->inputs[i]; i++)
			m->argv[m->n++] = m->run->inputs[i];
		return RC_OK;
	}
	if (spot.what == PH_PARAM && add_flag(m, &spot))
		return RC_OK;
	m->argv[m->n] = fill(m, element, &option);
	if (option && !m->options_over)
		return err_set(err, RC_INVALID, "\"%.80s\" would pass as an option of %.60s",
		    m->argv[m->n], m->t->command[0]);
	m->options_over |= strcmp(element, "--") == 0;
	m->n++;
	return RC_OK;
}

/* Whether the command cannot be made without a file. */
static bool wants_input(const struct jobtype *t)
{
	for (const char **element = t->command; *element; element++)
		for (const char *s = *element; *s; s++) {
			if (s[0] == '{' && s[1] == '{')
				s++;
			else if (*s == '{' && spot_at(t, s).what == PH_INPUT)
				return true;
		}
	return false;
}

enum rc jobtype_argv(const struct jobtype *t, const struct jobtype_run *run, struct arena *a,
    const char ***argv, struct err *err)
{
	struct making m = {.t = t, .run = run, .arena = a, .parts = split_name(run->name, a)};
	size_t inputs = 0, elements = 0;

	while (run->inputs[inputs])
		inputs++;
	if (!inputs && wants_input(t))
		return err_set(err, RC_INVALID, "the job has no file, and its command wants one");
	while (t->command[elements])
		elements++;
	/* An element becomes one argument, a flag and a value, or one for each input. */
	m.argv = arena_alloc(a, (elements * (inputs + 2) + 1) * sizeof *m.argv);
	for (size_t i = 0; i < elements; i++) {
		enum rc rc = add_element(&m, t->command[i], err);

		if (rc != RC_OK)
			return rc;
	}
	m.argv[m.n] = NULL;
	*argv = m.argv;
	return RC_OK;
}

const char **jobtype_environment(
    const struct jobtype *t, const char *const *values, struct arena *a)
{
	const char **env = arena_alloc(a, (t->params.n + 1) * sizeof *env);
	size_t n = 0;

	for (size_t i = 0; i < t->params.n; i++) {
		char *variable;

		if (!values || !values[i])
			continue;
		variable =
		    arena_printf(a, "DROPMILL_PARAM_%s=%s", t->params.list[i].name, values[i]);
		for (char *s = variable; *s != '='; s++)
			if (*s >= 'a' && *s <= 'z')
				*s = (char)(*s - 'a' + 'A');
		env[n++] = variable;
	}
	env[n] = NULL;
	return env;
}
