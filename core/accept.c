/*
 * Accepting files: one batch of them, each with its job to be.
 */
#include "core/accept.h"

#include <string.h>
#include <sys/stat.h>

#include "core/audit.h"
#include "core/secret.h"
#include "core/str.h"

void accept_init(struct accept *ac, const struct config *cfg, struct store *st,
    const struct jobtypes *types, struct arena *a)
{
	*ac = (struct accept){.cfg = cfg, .store = st, .types = types, .arena = a};
}

void accept_params(struct accept *ac, const struct accept_params *params)
{
	ac->params = *params;
}

/* The type for a file; *out is set on RC_OK. */
static enum rc pick_type(const struct accept *ac, const struct accept_file *f, const char *name,
    const struct jobtype **out, struct err *err)
{
	if (!ac->types->n)
		return err_set(
		    err, RC_BUSY, "no job type is published yet: has the processor started?");
	if (!f->job_type || !*f->job_type) {
		*out = jobtype_choose(ac->types, f->content_type, name);
		return *out ? RC_OK
			    : err_set(err, RC_INVALID, "no job type takes \"%.100s\" (%.60s)", name,
				  f->content_type);
	}
	*out = jobtype_find(ac->types, f->job_type);
	if (!*out)
		return err_set(err, RC_INVALID, "no such job type: \"%.60s\"", f->job_type);
	if (!(*out)->available)
		return err_set(err, RC_INVALID,
		    "job type \"%s\" is not available: a program it needs is missing",
		    (*out)->name);
	if (!jobtype_accepts(*out, f->content_type, name))
		return err_set(err, RC_INVALID, "job type \"%s\" does not take \"%.60s\" (%.60s)",
		    (*out)->name, name, f->content_type);
	return RC_OK;
}

static enum rc check_size(int fd, const char *name, int64_t *size, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "cannot look at \"%.100s\"", name);
	*size = st.st_size;
	return *size ? RC_OK : err_set(err, RC_INVALID, "file is empty: \"%.100s\"", name);
}

/* Link an open file into the store as a file of `job`; texts borrowed from the arena. */
static enum rc add_file(
    struct accept *ac, int fd, const struct file *about, size_t job, struct err *err)
{
	struct accept_item *item;
	enum rc rc;

	ac->files =
	    arena_room(ac->arena, ac->files, ac->file_count, &ac->file_room, sizeof *ac->files);
	item = &ac->files[ac->file_count];
	*item = (struct accept_item){.file = *about, .job = job};
	uuid_new(item->file.uuid);
	rc = store_link(ac->store, fd, item->file.uuid, err);
	if (rc == RC_OK)
		ac->file_count++;
	return rc;
}

/* Forget the files from `first` on. */
static void drop_files(struct accept *ac, size_t first)
{
	while (ac->file_count > first)
		store_remove(ac->store, ac->files[--ac->file_count].file.uuid);
}

/* The files among the parameters. */
static enum rc add_param_files(
    struct accept *ac, const struct jobtype *type, const char *const *values, struct err *err)
{
	for (size_t i = 0; i < ac->params.n; i++) {
		const struct param_given *g = &ac->params.given[i];
		const struct param *p = param_find(&type->params, g->name, g->name_len);
		struct file file = {0};
		enum rc rc;

		if (!g->is_file || !p)
			continue;
		file.name = values[p - type->params.list];
		file.content_type = arena_strdup(ac->arena, ac->params.content_types[i]);
		file.param = p->name;
		rc = check_size(ac->params.fds[i], file.name, &file.size_bytes, err);
		if (rc == RC_INVALID)
			ac->field = arena_printf(ac->arena, "params.%s", p->name);
		if (rc == RC_OK)
			rc = add_file(ac, ac->params.fds[i], &file, ac->n, err);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* A secret in an address stands in logs and histories already; better that it fails. */
static enum rc check_exposed(struct accept *ac, const struct jobtype *type, struct err *err)
{
	for (size_t i = 0; i < ac->params.n && ac->params.exposed; i++) {
		const struct param_given *g = &ac->params.given[i];
		const struct param *p = param_find(&type->params, g->name, g->name_len);

		if (!p || p->kind != PARAM_KIND_SECRET)
			continue;
		ac->field = arena_printf(ac->arena, "params.%s", p->name);
		return err_set(err, RC_INVALID,
		    "%s must not stand in an address: send it in a form, with POST", p->label);
	}
	return RC_OK;
}

/* One more job, its own file being in the batch already: ac->jobs[ac->n]. */
static enum rc add_job(
    struct accept *ac, const struct jobtype *type, const char *name, struct err *err)
{
	const char **values, *sealed, *field;
	enum rc rc = param_check(
	    &type->params, ac->params.given, ac->params.n, ac->arena, &values, &field, err);

	if (rc == RC_INVALID)
		ac->field = field;
	if (rc == RC_OK)
		rc = check_exposed(ac, type, err);
	if (rc == RC_OK)
		rc = secret_seal(ac->cfg, &type->params, values, ac->arena, &sealed, err);
	if (rc != RC_OK)
		return rc;
	secret_wipe(&type->params, values);
	rc = add_param_files(ac, type, values, err);
	if (rc != RC_OK)
		return rc;
	ac->jobs = arena_room(ac->arena, ac->jobs, ac->n, &ac->room, sizeof *ac->jobs);
	ac->jobs[ac->n++] = (struct job_new){
	    .name = name,
	    .job_type = type->name,
	    .type_version = type->version,
	    .max_retries = type->attempts - 1,
	    .params = params_json(&type->params, values, ac->arena),
	    .sealed = sealed,
	    .manual = type->manual,
	    .keep_ms = type->keep_ms,
	};
	return RC_OK;
}

/* The job of the batch that a file joins; ac->n: it needs one of its own. */
static size_t job_for(const struct accept *ac, const struct jobtype *type)
{
	size_t i = 0;

	while (i < ac->n && (!type->many || strcmp(ac->jobs[i].job_type, type->name) != 0))
		i++;
	return i;
}

/* "a.csv and 2 more" */
static const char *joint_name(const struct accept *ac, size_t job)
{
	const char *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ac->file_count; i++)
		if (ac->files[i].job == job && !ac->files[i].file.param) {
			if (!n++)
				first = ac->files[i].file.name;
		}
	return arena_printf(ac->arena, "%s and %zu more", first, n - 1);
}

enum rc accept_add(struct accept *ac, int fd, const struct accept_file *f, struct err *err)
{
	const struct jobtype *type = NULL;
	size_t before = ac->file_count, job;
	struct file file = {0};
	char name[256];
	enum rc rc;

	ac->field = f->job_type && *f->job_type ? "type" : "files";
	ac->type = NULL;
	if (!str_clean_name(f->name, f->name_len, name))
		return err_set(err, RC_INVALID, "file name is empty or not UTF-8 text");
	rc = check_size(fd, name, &file.size_bytes, err);
	if (rc == RC_OK)
		rc = pick_type(ac, f, name, &type, err);
	if (rc != RC_OK)
		return rc;
	ac->type = type;
	file.name = arena_strdup(ac->arena, name);
	file.content_type = arena_strdup(ac->arena, f->content_type);
	job = job_for(ac, type);
	rc = add_file(ac, fd, &file, job, err);
	if (rc == RC_OK && job == ac->n)
		rc = add_job(ac, type, file.name, err);
	else if (rc == RC_OK)
		ac->jobs[job].name = joint_name(ac, job);
	if (rc != RC_OK)
		drop_files(ac, before);
	return rc;
}

enum rc accept_bare(struct accept *ac, const char *job_type, const char *name, struct err *err)
{
	const char *asked = job_type ? job_type : "manual";
	const struct jobtype *type = jobtype_find(ac->types, asked);

	ac->field = "job_type";
	ac->type = type;
	if (!ac->types->n)
		return err_set(
		    err, RC_BUSY, "no job type is published yet: has the processor started?");
	if (!type)
		return err_set(err, RC_INVALID, "no such job type: \"%.60s\"", asked);
	if (!type->available)
		return err_set(err, RC_INVALID, "job type \"%s\" is not available", type->name);
	if (*type->command)
		return err_set(err, RC_INVALID,
		    "a job of type \"%s\" is made of a file: send one with POST /jobs or "
		    "PUT /jobs/upload/NAME",
		    type->name);
	return add_job(ac, type, name, err);
}

enum rc accept_sync(struct accept *ac, struct err *err)
{
	return store_sync(ac->store, err);
}

/* Files of a job side by side, in the order in which they came. */
static void gather(struct accept *ac, size_t job)
{
	struct file *list = arena_alloc(ac->arena, ac->file_count * sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < ac->file_count; i++)
		if (ac->files[i].job == job)
			list[n++] = ac->files[i].file;
	ac->jobs[job].files = list;
	ac->jobs[job].file_count = n;
}

static enum rc take_quota(
    struct accept *ac, struct db *db, const struct scope *sc, int64_t *bytes, struct err *err)
{
	struct quota_need need = {.jobs = (int64_t)ac->n};

	for (size_t i = 0; i < ac->file_count; i++) {
		need.bytes += ac->files[i].file.size_bytes;
		if (ac->files[i].file.size_bytes > need.largest)
			need.largest = ac->files[i].file.size_bytes;
	}
	*bytes = need.bytes;
	return quota_take(db, sc, &need, &ac->quota, &ac->wait_s, err);
}

/* One row for the batch: its first job, and how many there are. */
static enum rc note(
    const struct accept *ac, struct db *db, const struct scope *sc, int64_t bytes, struct err *err)
{
	struct view *detail = view_obj(ac->arena);

	view_ref(detail, "name", ac->jobs[0].name);
	view_int(detail, "jobs", (int64_t)ac->n);
	view_int(detail, "bytes", bytes);
	return audit_add(db, sc, "job.create",
	    arena_printf(ac->arena, "job %lld", (long long)ac->jobs[0].id), detail, err);
}

enum rc accept_create(struct accept *ac, struct db *db, const struct scope *sc, struct err *err)
{
	int64_t bytes;
	enum rc rc = take_quota(ac, db, sc, &bytes, err);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < ac->n; i++)
		gather(ac, i);
	rc = job_create(db, sc, ac->jobs, ac->n, err);
	for (size_t i = 0; i < ac->n; i++)
		for (size_t k = 0; k < ac->jobs[i].file_count; k++)
			((struct file *)ac->jobs[i].files)[k].job_id = ac->jobs[i].id;
	return rc == RC_OK && ac->n ? note(ac, db, sc, bytes, err) : rc;
}

void accept_abandon(struct accept *ac)
{
	drop_files(ac, 0);
	ac->n = 0;
}
