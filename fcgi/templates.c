/*
 * Compiling the templates by name and hashing what they are made of.
 */
#include "fcgi/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/assets.h"
#include "core/id.h"
#include "core/log.h"
#include "core/version.h"

static const char *const names[TEMPLATE_MAX] = {
    [PAGE_HOME] = "page_home",
    [PAGE_JOB] = "page_job",
    [PAGE_LOG] = "page_log",
    [PAGE_FILES] = "page_files",
    [PAGE_WAIT] = "page_wait",
    [PAGE_ERROR] = "page_error",
    [PAGE_LOGIN] = "page_login",
    [PAGE_DOCS] = "page_docs",
    [PAGE_ACCOUNT] = "page_account",
    [PAGE_PROJECTS] = "page_projects",
    [PAGE_ADMIN] = "page_admin",
    [PAGE_TYPE] = "page_type",
    [PAGE_USERS] = "page_users",
    [PAGE_USER] = "page_user",
    [PAGE_ORGS] = "page_orgs",
    [PAGE_ORG] = "page_org",
    [PAGE_AUDIT] = "page_audit",
    [FRAGMENT_TABLE] = "fragment_table",
    [FRAGMENT_ROW] = "fragment_row",
    [FRAGMENT_DETAIL] = "fragment_detail",
    [FRAGMENT_OPTIONS] = "fragment_options",
    [FRAGMENT_ERROR] = "fragment_error",
};

static void report(void *arg, const char *text)
{
	struct err *err = arg;

	if (!err->text[0])
		err_set(err, RC_INVALID, "%s", text);
}

static void hash_file(EVP_MD_CTX *ctx, const char *path)
{
	char block[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	EVP_DigestUpdate(ctx, path, strlen(path) + 1);
	while ((n = read(fd, block, sizeof block)) > 0)
		EVP_DigestUpdate(ctx, block, (size_t)n);
	close(fd);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum rc make_tag(struct templates *t, const char *dir, struct err *err)
{
	char *paths[] = {(char *)dir, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	FTSENT *entry;

	if (!fts || !ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		return err_sys(err, "cannot read templates '%s'", dir);
	EVP_DigestUpdate(ctx, dropmill_version, strlen(dropmill_version) + 1);
	EVP_DigestUpdate(ctx, asset_id, strlen(asset_id) + 1);
	while ((entry = fts_read(fts)))
		if (entry->fts_info == FTS_F)
			hash_file(ctx, entry->fts_path);
	fts_close(fts);
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	hex_encode(digest, (sizeof t->tag - 1) / 2, t->tag);
	return RC_OK;
}

enum rc templates_open(struct templates *t, const char *dir, struct err *err)
{
	struct err lint = {0};
	enum rc rc;

	*t = (struct templates){.set = mustache_set_new()};
	rc = mustache_set_load_dir(t->set, dir, err);
	for (int i = 0; rc == RC_OK && i < TEMPLATE_MAX; i++) {
		t->by_id[i] = mustache_find(t->set, names[i]);
		if (!t->by_id[i])
			rc = err_set(
			    err, RC_INVALID, "no template %s.mustache in '%s'", names[i], dir);
	}
	if (rc == RC_OK && mustache_set_lint(t->set, NULL, report, &lint) > 0)
		rc = err_set(err, RC_INVALID, "%s", lint.text);
	if (rc == RC_OK)
		rc = make_tag(t, dir, err);
	if (rc != RC_OK)
		templates_close(t);
	return rc;
}

void templates_close(struct templates *t)
{
	if (t->set)
		mustache_set_free(t->set);
	t->set = NULL;
}

enum rc templates_render(const struct templates *t, enum template_id id, const struct view *view,
    struct buf *out, struct err *err)
{
	return mustache_render(t->by_id[id], view, out, err);
}
