/*
 * Accepting files: one batch of them, each with its job to be.
 */
#include "core/accept.h"

#include <string.h>
#include <sys/stat.h>

#include "core/str.h"

void accept_init(struct accept *ac, struct store *st, const struct jobtypes *types, struct arena *a)
{
	*ac = (struct accept){.store = st, .types = types, .arena = a};
}

static void *grown(struct arena *a, const void *old, size_t size, size_t n, size_t room)
{
	void *p = arena_alloc(a, size * room);

	if (n)
		memcpy(p, old, size * n);
	return p;
}

static void make_room(struct accept *ac)
{
	if (ac->n < ac->room)
		return;
	ac->room = ac->room ? 2 * ac->room : 4;
	ac->jobs = grown(ac->arena, ac->jobs, sizeof *ac->jobs, ac->n, ac->room);
	ac->files = grown(ac->arena, ac->files, sizeof *ac->files, ac->n, ac->room);
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

enum rc accept_add(struct accept *ac, int fd, const struct accept_file *f, struct err *err)
{
	const struct jobtype *type = NULL;
	struct file *file;
	char name[256];
	struct stat st;
	enum rc rc;

	if (!str_clean_name(f->name, f->name_len, name))
		return err_set(err, RC_INVALID, "file name is empty or not UTF-8 text");
	if (fstat(fd, &st) != 0)
		return err_sys(err, "cannot look at \"%.100s\"", name);
	if (st.st_size == 0)
		return err_set(err, RC_INVALID, "file is empty: \"%.100s\"", name);
	rc = pick_type(ac, f, name, &type, err);
	if (rc != RC_OK)
		return rc;
	make_room(ac);
	file = &ac->files[ac->n];
	*file = (struct file){.size_bytes = st.st_size};
	uuid_new(file->uuid);
	rc = store_link(ac->store, fd, file->uuid, err);
	if (rc != RC_OK)
		return rc;
	file->name = arena_strdup(ac->arena, name);
	file->content_type = arena_strdup(ac->arena, f->content_type);
	ac->jobs[ac->n++] = (struct job_new){
	    .name = file->name,
	    .job_type = type->name,
	    .type_version = type->version,
	    .max_retries = type->attempts - 1,
	    .file_count = 1,
	};
	return RC_OK;
}

enum rc accept_sync(struct accept *ac, struct err *err)
{
	return store_sync(ac->store, err);
}

enum rc accept_create(struct accept *ac, struct db *db, const struct scope *sc, struct err *err)
{
	enum rc rc;

	/* The array may have moved while it grew. */
	for (size_t i = 0; i < ac->n; i++)
		ac->jobs[i].files = &ac->files[i];
	rc = job_create(db, sc, ac->jobs, ac->n, err);
	for (size_t i = 0; i < ac->n; i++)
		ac->files[i].job_id = ac->jobs[i].id;
	return rc;
}

void accept_abandon(struct accept *ac)
{
	for (size_t i = 0; i < ac->n; i++)
		store_remove(ac->store, ac->files[i].uuid);
	ac->n = 0;
}
