/*
 * Making the plan. Inside the sandbox every job looks the same: inputs in /job/in, outputs in
 * /job/out, the command where it lies on the host. Without a sandbox the same directories lie on
 * the stage of a root runner (processor/stage.h), or in the work directory.
 */
#include "processor/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "processor/stage.h"

#define PATHS "/usr/local/bin:/usr/bin:/bin"

struct making {
	struct plan *p;
	struct host *h;
	struct arena *a;
	size_t room;
	const struct order *order;
	const char *in, *out; /* directories as the command sees them */
	const char **inputs;  /* paths as the command sees them, without those of parameters */
	const char **paths;   /* of all files of the claim, in its order */
	char visible[1024];   /* directories of programs that are shown, each followed by ':' */
};

static void add_bind(struct making *m, const char *source, const char *dest, bool writable)
{
	for (size_t i = 0; i < m->p->bind_count; i++)
		if (strcmp(m->p->binds[i].dest, dest) == 0)
			return;
	if (m->p->bind_count == m->room) {
		struct sandbox_bind *more = arena_alloc(m->a, 2 * m->room * sizeof *more);

		memcpy(more, m->p->binds, m->room * sizeof *more);
		m->p->binds = more;
		m->room *= 2;
	}
	m->p->binds[m->p->bind_count++] =
	    (struct sandbox_bind){.source = source, .dest = dest, .writable = writable};
}

/* The name an input bears in /job/in: its display name, made unlike those before it. */
static const char *input_name(struct making *m, const struct claim *c, size_t i)
{
	char clean[256];
	const char *name = c->inputs[i].name;

	if (!str_clean_name(name, strlen(name), clean))
		strcpy(clean, "input");
	for (size_t k = 0; k < i; k++) {
		const char *slash = strrchr(m->paths[k], '/');

		if (strcmp(slash + 1, clean) == 0)
			return arena_printf(m->a, "%zu-%.240s", i + 1, clean);
	}
	return arena_strdup(m->a, clean);
}

/* A file that is an input as it was dropped, or the value of a parameter. */
static void place_input(struct making *m, const struct file *f, const char *path)
{
	const struct params *params = &m->order->type->params;
	const struct param *p = f->param ? param_find(params, f->param, strlen(f->param)) : NULL;
	size_t n = 0;

	if (p) {
		m->order->values[p - params->list] = path;
	} else if (!f->param) {
		while (m->inputs[n])
			n++;
		m->inputs[n] = path;
	}
}

static enum rc add_inputs(
    struct making *m, const struct claim *c, const char *workdir, struct err *err)
{
	m->inputs = arena_zalloc(m->a, (c->input_count + 1) * sizeof *m->inputs);
	m->paths = arena_zalloc(m->a, (c->input_count + 1) * sizeof *m->paths);
	for (size_t i = 0; i < c->input_count; i++) {
		const char *name = input_name(m, c, i);
		const char *const *shown = m->order->shown;
		char stored[64];
		const char *source = shown ? shown[i]
					   : arena_printf(m->a, "%s/%s", m->h->cfg->store,
						 store_name(c->inputs[i].uuid, stored));

		if (!shown && access(source, R_OK) < 0)
			return errno == ENOENT
				   ? err_set(err, RC_INVALID,
					 "input \"%.200s\" is not in the store any more", name)
				   : err_sys(err, "cannot read input \"%.100s\"", name);
		m->paths[i] = arena_printf(m->a, "%s/%s", m->in, name);
		place_input(m, &c->inputs[i], m->paths[i]);
		add_bind(m, source, arena_printf(m->a, JOBTYPE_IN "/%s", name), false);
		m->p->binds[m->p->bind_count - 1].input = c->inputs[i].id;
		m->p->binds[m->p->bind_count - 1].sha256 =
		    c->inputs[i].sha256 ? c->inputs[i].sha256 : "";
		if (!m->h->sandboxed && !m->h->drop && !shown && symlink(source, m->paths[i]) < 0)
			return err_sys(err, "cannot link input \"%.100s\"", name);
	}
	add_bind(m, arena_printf(m->a, "%s/%s/out", m->h->cfg->work, workdir), JOBTYPE_OUT, true);
	return RC_OK;
}

/* Show a directory of programs, or only the one file if the directory holds more than programs. */
static void add_programs(struct making *m, const char *directory, const char *program)
{
	size_t used = strlen(m->visible);

	if (!sandbox_wants(directory))
		return;
	if (host_private(m->h, directory)) {
		if (program)
			add_bind(m, program, program, false);
		return;
	}
	add_bind(m, directory, directory, false);
	if (!strchr(directory, ':'))
		snprintf(m->visible + used, sizeof m->visible - used, "%s:", directory);
}

/* What a command may see besides its program and its files. */
static enum rc add_visible(struct making *m, const struct jobtype *type, struct err *err)
{
	struct stat st;

	if (m->h->cfg->scripts_dir && stat(m->h->cfg->scripts_dir, &st) == 0 && S_ISDIR(st.st_mode))
		add_programs(m, m->h->cfg->scripts_dir, NULL);
	for (const char **r = type->read; r && *r; r++) {
		if (!m->order->shown && access(*r, F_OK) < 0)
			return err_sys(err, "cannot show \"%.100s\" to the command", *r);
		add_bind(m, *r, *r, false);
	}
	return RC_OK;
}

static enum rc add_command(
    struct making *m, const struct claim *c, const struct jobtype *type, struct err *err)
{
	struct jobtype_run run = {.inputs = m->inputs,
	    .output = m->out,
	    .values = m->order->values,
	    .name = c->input_count ? c->inputs[0].name : c->job.name};
	const char **argv, *program;
	char *directory;
	enum rc rc = jobtype_argv(type, &run, m->a, &argv, err);

	if (rc)
		return rc;
	m->p->argv = argv;
	program = jobtype_program(m->h->cfg, argv[0], m->a);
	if (!program && m->order->shown)
		return add_visible(m, type, err);
	if (!program)
		return err_set(err, RC_NOTFOUND, "program \"%.100s\" is not there", argv[0]);
	/* Relative directories of the configuration mean nothing in there. */
	if (*program != '/' && !(program = realpath(program, arena_alloc(m->a, PATH_MAX))))
		return err_sys(err, "cannot find program \"%.100s\"", argv[0]);
	argv[0] = program;
	directory = arena_strdup(m->a, program);
	*strrchr(directory, '/') = '\0';
	add_programs(m, *directory ? directory : "/", program);
	return add_visible(m, type, err);
}

static void add_environment(struct making *m, const struct claim *c)
{
	const char **params = jobtype_environment(m->order->type, m->order->values, m->a);
	const char **env = arena_zalloc(m->a, (16 + PARAMS_MAX) * sizeof *env);
	size_t n = 0;

	env[n++] = arena_printf(m->a, "PATH=%s" PATHS, m->visible);
	env[n++] = "HOME=/tmp";
	env[n++] = "TMPDIR=/tmp";
	env[n++] = "LANG=C.UTF-8";
	env[n++] = "USER=job";
	env[n++] = "LOGNAME=job";
	env[n++] = arena_printf(m->a, "DROPMILL_JOB=%s", c->job.uuid);
	env[n++] = arena_printf(m->a, "DROPMILL_ATTEMPT=%" PRId64, c->job.attempt);
	env[n++] = arena_printf(m->a, "DROPMILL_INPUT=%s", m->inputs[0] ? m->inputs[0] : "");
	env[n++] = arena_printf(m->a, "DROPMILL_OUTPUT=%s", m->out);
	while (*params)
		env[n++] = *params++;
	m->p->env = env;
}

static void add_secrets(struct making *m)
{
	const struct params *params = &m->order->type->params;
	const char **secrets = arena_zalloc(m->a, (params->n + 1) * sizeof *secrets);
	size_t n = 0;

	for (size_t i = 0; i < params->n; i++)
		if (params->list[i].kind == PARAM_KIND_SECRET && m->order->values[i])
			secrets[n++] = m->order->values[i];
	m->p->secrets = secrets;
}

enum rc plan_make(struct plan *p, struct host *h, const struct order *order, const char *workdir,
    struct arena *a, struct err *err)
{
	const struct claim *c = order->claim;
	struct making m = {.p = p,
	    .h = h,
	    .a = a,
	    .order = order,
	    .room = 16,
	    .in = JOBTYPE_IN,
	    .out = JOBTYPE_OUT};
	enum rc rc;

	p->binds = arena_alloc(a, m.room * sizeof *p->binds);
	p->bind_count = 0;
	p->home = "/job";
	if (!h->sandboxed) {
		p->home = h->drop ? STAGE_JOB : arena_printf(a, "%s/%s", h->cfg->work, workdir);
		m.in = arena_printf(a, "%s/in", p->home);
		m.out = arena_printf(a, "%s/out", p->home);
		if (!h->drop && !order->shown && mkdir(m.in, 0700) < 0 && errno != EEXIST)
			return err_sys(err, "cannot make a directory of inputs");
	}
	rc = add_inputs(&m, c, workdir, err);
	if (!rc)
		rc = add_command(&m, c, order->type, err);
	if (!rc)
		add_environment(&m, c);
	if (!rc)
		add_secrets(&m);
	return rc;
}

void plan_wipe(struct plan *p)
{
	for (size_t i = 0; p->secrets && p->secrets[i]; i++) {
		size_t len = strlen(p->secrets[i]);

		for (size_t j = 0; p->env[j]; j++) {
			const char *value = strchr(p->env[j], '=') + 1;

			if (len && strcmp(value, p->secrets[i]) == 0)
				explicit_bzero((char *)value, len);
		}
		explicit_bzero((char *)p->secrets[i], len);
	}
}

void plan_spec(const struct plan *p, const struct host *h, const struct claim *c,
    const struct jobtype *type, const char *cgroup, struct message_spec *spec)
{
	*spec = (struct message_spec){.timeout_ms = type->timeout_ms,
	    .memory_bytes = type->memory_bytes,
	    .output_max_bytes = type->output_max_bytes,
	    .log_max_bytes = h->cfg->log_max_bytes,
	    .sandbox = h->sandboxed,
	    .network = type->network,
	    .items = type->progress == JOBTYPE_PROGRESS_ITEMS,
	    .drop = h->drop,
	    .uid = h->uid,
	    .gid = h->gid};
	memcpy(spec->job, c->job.uuid, sizeof spec->job);
	snprintf(spec->cgroup, sizeof spec->cgroup, "%s", cgroup);
	snprintf(spec->work, sizeof spec->work, "%s", p->home);
}
