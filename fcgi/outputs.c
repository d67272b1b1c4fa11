/*
 * Results sent from elsewhere.
 */
#include "fcgi/outputs.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/jobtype.h"
#include "core/str.h"

enum rc outputs_take(
    struct app *app, struct request *r, struct outputs *o, struct response *resp, struct err *err)
{
	*o = (struct outputs){.up.fd = -1};
	return r->json ? RC_OK : upload_open(app, r, &o->up, resp, err);
}

/* Name, and that it is the only one so called. */
static enum rc name_file(struct request *r, struct outputs *o, const struct upload_file *from,
    struct response *resp, struct err *err)
{
	char clean[256];

	if (!str_clean_name(from->name, from->name_len, clean))
		return response_fail(resp, 422, "files", err, "a file has no usable name");
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->files[i].name, clean) == 0)
			return response_fail(
			    resp, 422, "files", err, "two files are called \"%.100s\"", clean);
	o->files[o->n].name = arena_strdup(r->arena, clean);
	return RC_OK;
}

static enum rc store_one(struct app *app, struct request *r, struct outputs *o,
    const struct upload_file *from, struct response *resp, struct err *err)
{
	struct file *f = &o->files[o->n];
	char seen[SNIFF_TYPE_SIZE], hex[65];
	enum rc rc = name_file(r, o, from, resp, err);
	int fd;

	if (rc == RC_OK)
		rc = upload_file_fd(app, &o->up, from, &fd, err);
	if (rc != RC_OK)
		return rc;
	f->kind = FILE_OUTPUT;
	f->size_bytes = from->size;
	f->content_type = arena_strdup(r->arena, sniff_type(app->sniff, fd, seen));
	uuid_new(f->uuid);
	rc = digest_file(fd, hex, err);
	f->sha256 = arena_strdup(r->arena, hex);
	if (rc == RC_OK)
		rc = store_link(&app->store, fd, f->uuid, err);
	close(fd);
	o->n += rc == RC_OK;
	return rc;
}

enum rc outputs_store(struct app *app, struct request *r, struct outputs *o, const struct job *job,
    struct response *resp, struct err *err)
{
	struct jobtype type;
	int64_t bytes = 0;
	char most[16];
	enum rc rc =
	    jobtype_load_version(app->db, job->job_type, job->type_version, r->arena, &type, err);

	for (size_t i = 0; i < o->up.n; i++)
		bytes += o->up.files[i].size;
	if (rc == RC_OK && bytes > type.output_max_bytes)
		return response_fail(resp, 413, "files", err,
		    "the results are larger than jobs of this type may leave: %s",
		    str_bytes(type.output_max_bytes, most));
	o->files = arena_zalloc(r->arena, (o->up.n + 1) * sizeof *o->files);
	for (size_t i = 0; i < o->up.n && rc == RC_OK; i++)
		rc = store_one(app, r, o, &o->up.files[i], resp, err);
	return rc == RC_OK ? store_sync(&app->store, err) : rc;
}

void outputs_close(struct app *app, struct outputs *o, bool abandon)
{
	for (size_t i = 0; i < o->n && abandon; i++)
		store_remove(&app->store, o->files[i].uuid);
	upload_close(&o->up);
}
