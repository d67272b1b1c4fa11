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

#include "core/str.h"
#include "fcgi/body.h"
#include "fcgi/route.h"

#define HASH_WHOLE_MAX 1048576
#define HASH_END_BYTES 65536

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
static enum rc check_file(const struct upload_file *f, struct response *resp, struct err *err)
{
	char name[256];

	if (!str_utf8(f->name, f->name_len))
		return response_fail(
		    resp, 422, "files", err, "a file name is not UTF-8 text or holds NUL");
	if (!str_clean_name(f->name, f->name_len, name))
		return response_fail(resp, 422, "files", err, "a file has no usable name");
	if (f->size == 0)
		return response_fail(resp, 422, "files", err, "the file is empty: %.200s", name);
	return RC_OK;
}

static enum rc take_part(struct request *r, struct upload *up, const struct part *part,
    struct pairs *fields, struct response *resp, struct err *err)
{
	const char *text;
	size_t len;
	enum rc rc;

	if (!part->filename) {
		rc = multipart_field(&up->mp, part, &text, &len, err);
		if (rc == RC_OK)
			rc = pairs_add(
			    fields, part->name, strlen(part->name), text, len, r->arena, err);
		return rc;
	}
	if (strcmp(part->name, "files") != 0 && strcmp(part->name, "file") != 0)
		return response_fail(resp, 422, part->name, err,
		    "files go into the field files, not into %.60s", part->name);
	/* A file field in which nothing was chosen. */
	if (!part->filename_len && !part->size)
		return RC_OK;
	struct upload_file f = {part->filename, part->filename_len, part->offset, part->size};
	rc = check_file(&f, resp, err);
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

static enum rc read_body(
    struct request *r, struct upload *up, struct response *resp, struct err *err)
{
	struct pairs fields = {0};
	const char *field = NULL;
	enum rc rc;

	if (up->raw) {
		struct upload_file f = {.name = request_capture(r, "filename"), .size = up->size};

		f.name_len = strlen(f.name);
		rc = check_file(&f, resp, err);
		if (rc == RC_OK)
			add_file(r->arena, up, f);
		return rc;
	}
	if (strcmp(request_media_type(r), "multipart/form-data") != 0)
		return response_fail(resp, 415, NULL, err, "the body must be multipart/form-data");
	rc = read_parts(r, up, &fields, resp, err);
	if (rc != RC_OK)
		return rc;
	if (!up->n)
		return response_fail(resp, 422, "files", err, "no file was sent");
	rc = input_check(r->route->inputs, &fields, r->arena, r->value, &field, err);
	if (rc == RC_INVALID)
		rc = response_fail(resp, 422, field, err, "%s", arena_strdup(r->arena, err->text));
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

void upload_close(struct upload *up)
{
	if (up->fd >= 0)
		close(up->fd);
	up->fd = -1;
	multipart_close(&up->mp);
}

enum rc upload_file_fd(struct app *app, struct upload *up, size_t i, int *fd, struct err *err)
{
	struct part part = {.offset = up->files[i].offset, .size = up->files[i].size};
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

enum rc upload_hash(
    const struct request *r, const struct upload *up, char out[static 65], struct err *err)
{
	static const char *const options[] = {"type", "name", "project", "priority", "run_at"};
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
	for (size_t i = 0; i < up->n && rc == RC_OK; i++) {
		const struct upload_file *f = &up->files[i];
		bool whole = f->size <= HASH_WHOLE_MAX;

		hash_text(ctx, f->name, f->name_len);
		EVP_DigestUpdate(ctx, &f->size, sizeof f->size);
		rc = hash_range(ctx, up->fd, f->offset, whole ? f->size : HASH_END_BYTES, err);
		if (rc == RC_OK && !whole)
			rc = hash_range(
			    ctx, up->fd, f->offset + f->size - HASH_END_BYTES, HASH_END_BYTES, err);
	}
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	hex_encode(digest, 32, out);
	return rc;
}
