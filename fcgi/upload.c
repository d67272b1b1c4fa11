/*
 * Taking an upload apart. Nothing is written here, so a body that is refused has cost nothing but
 * its place in the spool.
 */
#include "fcgi/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/secret.h"
#include "core/str.h"
#include "fcgi/body.h"
#include "fcgi/route.h"

#define HASH_WHOLE_MAX 1048576
#define HASH_END_BYTES 65536

/* Fields params.NAME: values for the parameters of the job type. A form sends a checkbox twice. */
#define PARAM_PREFIX "params."
#define GIVEN_MAX (2 * PARAMS_MAX)

static void add_file(struct arena *a, struct upload *up, struct upload_file f)
{
	if (up->n == up->room) {
		size_t room = up->room ? 2 * up->room : 4;
		struct upload_file *grown = arena_alloc(a, room * sizeof *grown);

		if (up->n)
			memcpy(grown, up->files, up->n * sizeof *grown);
		up->files = grown;
		up->room = room;
	}
	up->files[up->n++] = f;
}

/* What can be said of a file before anything is stored. */
static enum rc check_file(
    const struct upload_file *f, const char *field, struct response *resp, struct err *err)
{
	char name[256];

	if (!str_utf8(f->name, f->name_len))
		return response_fail(
		    resp, 422, field, err, "a file name is not UTF-8 text or holds NUL");
	if (!str_clean_name(f->name, f->name_len, name))
		return response_fail(resp, 422, field, err, "a file has no usable name");
	if (f->size == 0)
		return response_fail(resp, 422, field, err, "the file is empty: %.200s", name);
	return RC_OK;
}

/* A value, or (file.name set) a file, for a parameter; the name with its prefix. */
static enum rc add_given(struct arena *a, struct upload *up, const char *name, size_t name_len,
    struct upload_file file, const char *value, size_t value_len, struct response *resp,
    struct err *err)
{
	if (up->given_count == GIVEN_MAX)
		return response_fail(resp, 422, "params", err, "too many parameters");
	if (!up->given) {
		up->given = arena_zalloc(a, GIVEN_MAX * sizeof *up->given);
		up->given_files = arena_zalloc(a, GIVEN_MAX * sizeof *up->given_files);
	}
	up->given_files[up->given_count] = file;
	up->given[up->given_count++] = (struct param_given){
	    .name = name + strlen(PARAM_PREFIX),
	    .name_len = name_len - strlen(PARAM_PREFIX),
	    .value = value,
	    .value_len = value_len,
	    .is_file = file.name != NULL,
	};
	return RC_OK;
}

static enum rc take_part(struct request *r, struct upload *up, const struct part *part,
    struct pairs *fields, struct response *resp, struct err *err)
{
	bool is_param = strncmp(part->name, PARAM_PREFIX, strlen(PARAM_PREFIX)) == 0;
	const struct upload_file none = {0};
	const char *text;
	size_t len;
	enum rc rc;

	if (!part->filename) {
		rc = multipart_field(&up->mp, part, &text, &len, err);
		if (rc == RC_OK && is_param)
			return add_given(r->arena, up, part->name, strlen(part->name), none, text,
			    len, resp, err);
		if (rc == RC_OK)
			rc = pairs_add(
			    fields, part->name, strlen(part->name), text, len, r->arena, err);
		return rc;
	}
	if (!is_param && strcmp(part->name, "files") != 0 && strcmp(part->name, "file") != 0)
		return response_fail(resp, 422, part->name, err,
		    "files go into the field files, not into %.60s", part->name);
	/* A file field in which nothing was chosen. */
	if (!part->filename_len && !part->size)
		return RC_OK;
	struct upload_file f = {part->filename, part->filename_len, part->offset, part->size};
	rc = check_file(&f, is_param ? part->name : "files", resp, err);
	if (rc == RC_OK && is_param)
		return add_given(
		    r->arena, up, part->name, strlen(part->name), f, f.name, f.name_len, resp, err);
	if (rc == RC_OK)
		add_file(r->arena, up, f);
	return rc;
}

static enum rc read_parts(struct request *r, struct upload *up, struct pairs *fields,
    struct response *resp, struct err *err)
{
	struct part part;
	enum rc rc = multipart_open(
	    &up->mp, up->fd, up->size, request_param(r, PARAM_CONTENT_TYPE), r->arena, err);

	while (rc == RC_OK && (rc = multipart_next(&up->mp, &part, err)) == RC_OK)
		rc = take_part(r, up, &part, fields, resp, err);
	if (rc == RC_DONE)
		return RC_OK;
	if (resp->why.status || (rc != RC_INVALID && rc != RC_LIMIT))
		return rc;
	return response_fail(
	    resp, rc == RC_LIMIT ? 413 : 400, NULL, err, "%s", arena_strdup(r->arena, err->text));
}

/* Parameters of a raw upload. */
static enum rc read_query(
    struct request *r, struct upload *up, struct response *resp, struct err *err)
{
	const struct upload_file none = {0};
	enum rc rc = RC_OK;

	for (size_t i = 0; i < r->query.n && rc == RC_OK; i++) {
		const struct pair *p = &r->query.list[i];

		if (strncmp(p->name, PARAM_PREFIX, strlen(PARAM_PREFIX)) == 0)
			rc = add_given(r->arena, up, p->name, p->name_len, none, p->value,
			    p->value_len, resp, err);
	}
	return rc;
}

static enum rc read_body(
    struct request *r, struct upload *up, struct response *resp, struct err *err)
{
	struct pairs fields = {0};
	const char *field = NULL;
	enum rc rc;

	if (up->raw) {
		struct upload_file f = {.name = request_capture(r, "filename"), .size = up->size};

		f.name_len = strlen(f.name);
		rc = check_file(&f, "files", resp, err);
		if (rc == RC_OK)
			add_file(r->arena, up, f);
		return rc == RC_OK ? read_query(r, up, resp, err) : rc;
	}
	if (strcmp(request_media_type(r), "multipart/form-data") != 0)
		return response_fail(resp, 415, NULL, err, "the body must be multipart/form-data");
	rc = read_parts(r, up, &fields, resp, err);
	if (rc != RC_OK)
		return rc;
	rc = input_check(r->route->inputs, &fields, r->arena, r->value, &field, err);
	if (rc == RC_INVALID)
		rc = response_fail(resp, 422, field, err, "%s", arena_strdup(r->arena, err->text));
	if (rc == RC_OK && !up->n)
		rc = response_fail(resp, 422, "files", err, "no file was sent");
	return rc;
}

enum rc upload_open(
    struct app *app, struct request *r, struct upload *up, struct response *resp, struct err *err)
{
	enum rc rc;

	*up = (struct upload){.fd = -1, .raw = r->method == METHOD_PUT};
	rc = body_open(app, r, &up->fd, &up->size, resp, err);
	return rc == RC_OK ? read_body(r, up, resp, err) : rc;
}

enum rc upload_params(struct request *r, struct upload *up, struct response *resp, struct err *err)
{
	const struct view *params = view_get(r->json, "params");
	const struct upload_file none = {0};
	const char *name;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && params && (name = view_name(params, i)); i++) {
		const struct view *member = view_get(params, name);
		const char *key = arena_join(r->arena, PARAM_PREFIX, name, NULL);

		if (view_type(member) != VIEW_STR)
			return response_fail(resp, 422, key, err, "%.70s must be a text", key);
		rc = add_given(r->arena, up, key, strlen(key), none,
		    arena_strdup(r->arena, view_text(member)), view_len(member), resp, err);
	}
	return rc;
}

void upload_close(struct upload *up)
{
	if (up->fd >= 0)
		close(up->fd);
	up->fd = -1;
	multipart_close(&up->mp);
	/* Some may be secrets. */
	for (size_t i = 0; i < up->given_count; i++)
		explicit_bzero((char *)up->given[i].value, up->given[i].value_len);
	up->given_count = 0;
}

enum rc upload_file_fd(
    struct app *app, struct upload *up, const struct upload_file *f, int *fd, struct err *err)
{
	struct part part = {.offset = f->offset, .size = f->size};
	enum rc rc;

	if (up->raw) {
		*fd = fcntl(up->fd, F_DUPFD_CLOEXEC, 3);
		return *fd < 0 ? err_sys(err, "cannot duplicate a descriptor") : RC_OK;
	}
	rc = store_temp(&app->store, fd, err);
	if (rc != RC_OK)
		return rc;
	rc = multipart_copy(&up->mp, &part, *fd, err);
	if (rc != RC_OK) {
		close(*fd);
		*fd = -1;
	}
	return rc;
}

static enum rc hash_range(EVP_MD_CTX *ctx, int fd, int64_t from, int64_t len, struct err *err)
{
	char block[HASH_END_BYTES];

	while (len > 0) {
		ssize_t n = pread(
		    fd, block, len < (int64_t)sizeof block ? (size_t)len : sizeof block, from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "cannot read the body");
		EVP_DigestUpdate(ctx, block, (size_t)n);
		from += n;
		len -= n;
	}
	return RC_OK;
}

/* With its length, so that no two lists of texts run into one. */
static void hash_text(EVP_MD_CTX *ctx, const char *s, size_t len)
{
	EVP_DigestUpdate(ctx, &len, sizeof len);
	EVP_DigestUpdate(ctx, s, len);
}

static enum rc hash_file(
    EVP_MD_CTX *ctx, const struct upload *up, const struct upload_file *f, struct err *err)
{
	bool whole = f->size <= HASH_WHOLE_MAX;
	enum rc rc;

	hash_text(ctx, f->name, f->name_len);
	EVP_DigestUpdate(ctx, &f->size, sizeof f->size);
	rc = hash_range(ctx, up->fd, f->offset, whole ? f->size : HASH_END_BYTES, err);
	if (rc == RC_OK && !whole)
		rc = hash_range(
		    ctx, up->fd, f->offset + f->size - HASH_END_BYTES, HASH_END_BYTES, err);
	return rc;
}

/* Values go in by a digest under the key of secrets: what is stored of a request must not be a
 * means to try passwords. */
static enum rc hash_given(
    EVP_MD_CTX *ctx, const struct app *app, const struct upload *up, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < up->given_count && rc == RC_OK; i++) {
		const struct param_given *g = &up->given[i];
		char digest[65];

		hash_text(ctx, g->name, g->name_len);
		if (g->is_file) {
			rc = hash_file(ctx, up, &up->given_files[i], err);
			continue;
		}
		rc = secret_digest(app->cfg, g->value, g->value_len, digest, err);
		if (rc == RC_OK)
			hash_text(ctx, digest, sizeof digest - 1);
	}
	return rc;
}

enum rc upload_hash(const struct app *app, const struct request *r, const struct upload *up,
    char out[static 65], struct err *err)
{
	static const char *const options[] = {
	    "type", "job_type", "name", "project", "priority", "run_at"};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	enum rc rc = RC_OK;

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		bug("no SHA-256");
	hash_text(ctx, request_param(r, PARAM_METHOD), strlen(request_param(r, PARAM_METHOD)));
	hash_text(ctx, r->path, strlen(r->path));
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const char *s = request_text(r, options[i]);

		hash_text(ctx, s ? s : "", s ? strlen(s) : 0);
	}
	for (size_t i = 0; i < up->n && rc == RC_OK; i++)
		rc = hash_file(ctx, up, &up->files[i], err);
	if (rc == RC_OK)
		rc = hash_given(ctx, app, up, err);
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	hex_encode(digest, 32, out);
	return rc;
}
