/*
 * Sealing and opening secrets.
 *
 * Sealed is base64 of a nonce and a secretbox; within it stands "name=value" and a NUL for each.
 */
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define KEY_BYTES crypto_secretbox_KEYBYTES
#define NONCE_BYTES crypto_secretbox_NONCEBYTES
#define MAC_BYTES crypto_secretbox_MACBYTES
#define BASE64 sodium_base64_VARIANT_ORIGINAL

/* ---- the key ---- */

static enum rc write_key(const char *path, int fd, struct err *err)
{
	unsigned char key[KEY_BYTES];
	bool written;

	randombytes_buf(key, sizeof key);
	written = write(fd, key, sizeof key) == (ssize_t)sizeof key && fchmod(fd, 0640) == 0 &&
		  fsync(fd) == 0;
	sodium_memzero(key, sizeof key);
	return written ? RC_OK : err_sys(err, "cannot write key \"%.150s\"", path);
}

/* Made whole and then given its name: whoever comes second takes the first one's. */
static enum rc make_key(const char *path, struct err *err)
{
	char temp[4096];
	enum rc rc;
	int fd;

	snprintf(temp, sizeof temp, "%s.XXXXXX", path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot make key \"%.150s\"", path);
	rc = write_key(path, fd, err);
	close(fd);
	if (rc == RC_OK && link(temp, path) < 0 && errno != EEXIST)
		rc = err_sys(err, "cannot make key \"%.150s\"", path);
	unlink(temp);
	return rc;
}

static enum rc read_key(
    const struct config *cfg, bool make, unsigned char key[static KEY_BYTES], struct err *err)
{
	const char *path = cfg->secret_key;
	struct stat st;
	ssize_t n;
	int fd;

	if (sodium_init() < 0)
		bug("libsodium does not start");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && make) {
		enum rc rc = make_key(path, err);

		if (rc != RC_OK)
			return rc;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		n = -1;
	else
		n = read(fd, key, KEY_BYTES);
	if (n < 0)
		err_sys(err, "cannot read key \"%.150s\"", path);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return RC_SYS;
	if (n != (ssize_t)KEY_BYTES || st.st_size != (off_t)KEY_BYTES || (st.st_mode & 07)) {
		sodium_memzero(key, KEY_BYTES);
		return err_set(err, RC_SYS,
		    "key \"%.150s\" is not %zu bytes that only its owner and group may read", path,
		    (size_t)KEY_BYTES);
	}
	return RC_OK;
}

/* ---- sealing ---- */

static bool is_secret(const struct params *p, const char *const *values, size_t i)
{
	return p->list[i].kind == PARAM_KIND_SECRET && values[i];
}

static size_t plain_size(const struct params *p, const char *const *values)
{
	size_t size = 0;

	for (size_t i = 0; i < p->n; i++)
		if (is_secret(p, values, i))
			size += strlen(p->list[i].name) + strlen(values[i]) + 2;
	return size;
}

enum rc secret_seal(const struct config *cfg, const struct params *p, const char *const *values,
    struct arena *a, const char **sealed, struct err *err)
{
	size_t size = plain_size(p, values), box_size = NONCE_BYTES + MAC_BYTES + size;
	unsigned char key[KEY_BYTES], *box;
	char *plain, *text;
	enum rc rc;

	*sealed = NULL;
	if (!size)
		return RC_OK;
	rc = read_key(cfg, true, key, err);
	if (rc != RC_OK)
		return rc;
	plain = arena_alloc(a, size);
	box = arena_alloc(a, box_size);
	text = arena_alloc(a, sodium_base64_encoded_len(box_size, BASE64));
	for (size_t i = 0, at = 0; i < p->n; i++)
		if (is_secret(p, values, i))
			at += (size_t)sprintf(plain + at, "%s=%s", p->list[i].name, values[i]) + 1;
	randombytes_buf(box, NONCE_BYTES);
	crypto_secretbox_easy(box + NONCE_BYTES, (unsigned char *)plain, size, box, key);
	sodium_memzero(plain, size);
	sodium_memzero(key, sizeof key);
	sodium_bin2base64(text, sodium_base64_encoded_len(box_size, BASE64), box, box_size, BASE64);
	*sealed = text;
	return RC_OK;
}

/* "name=value" each, with a NUL: hand them out. */
static void take_values(
    const struct params *p, const char *plain, size_t size, struct arena *a, const char **values)
{
	for (const char *s = plain; s < plain + size; s += strlen(s) + 1) {
		size_t len = strcspn(s, "=");
		const struct param *one = param_find(p, s, len);

		if (one && one->kind == PARAM_KIND_SECRET && s[len])
			values[one - p->list] = arena_strdup(a, s + len + 1);
	}
}

enum rc secret_open(const struct config *cfg, const struct params *p, const char *sealed,
    struct arena *a, const char **values, struct err *err)
{
	unsigned char key[KEY_BYTES], *box = arena_alloc(a, strlen(sealed) + 1);
	size_t box_size, size;
	char *plain;
	bool opened;
	enum rc rc = read_key(cfg, false, key, err);

	if (rc != RC_OK)
		return rc;
	if (sodium_base642bin(
		box, strlen(sealed), sealed, strlen(sealed), NULL, &box_size, NULL, BASE64) < 0 ||
	    box_size < NONCE_BYTES + MAC_BYTES)
		box_size = NONCE_BYTES + MAC_BYTES - 1;
	size = box_size < NONCE_BYTES + MAC_BYTES ? 0 : box_size - NONCE_BYTES - MAC_BYTES;
	plain = arena_zalloc(a, size + 1);
	opened = box_size >= NONCE_BYTES + MAC_BYTES &&
		 crypto_secretbox_open_easy((unsigned char *)plain, box + NONCE_BYTES,
		     box_size - NONCE_BYTES, box, key) == 0;
	sodium_memzero(key, sizeof key);
	if (opened)
		take_values(p, plain, size, a, values);
	sodium_memzero(plain, size);
	return opened ? RC_OK
		      : err_set(
			    err, RC_INVALID, "the secrets of this job were kept under another key");
}

void secret_wipe(const struct params *p, const char **values)
{
	for (size_t i = 0; i < p->n; i++)
		if (is_secret(p, values, i))
			sodium_memzero((char *)values[i], strlen(values[i]));
}

enum rc secret_digest(
    const struct config *cfg, const void *data, size_t len, char out[static 65], struct err *err)
{
	unsigned char key[KEY_BYTES], digest[32];
	enum rc rc = read_key(cfg, true, key, err);

	if (rc != RC_OK)
		return rc;
	crypto_generichash(digest, sizeof digest, data, len, key, sizeof key);
	sodium_memzero(key, sizeof key);
	sodium_bin2hex(out, 65, digest, sizeof digest);
	return RC_OK;
}

/* ---- in the database ---- */

enum rc secret_store(
    struct db *db, int64_t org_id, int64_t job_id, const char *sealed, struct err *err)
{
	return db_exec(
	    db, SQL_SECRET_INSERT, DB_ARGS(DB_INT(org_id), DB_INT(job_id), DB_TEXT(sealed)), err);
}

enum rc secret_load(struct db *db, int64_t org_id, int64_t job_id, struct arena *a,
    const char **sealed, struct err *err)
{
	struct db_cursor cur;
	enum rc rc =
	    db_one(db, &cur, SQL_SECRET_OF_JOB, DB_ARGS(DB_INT(org_id), DB_INT(job_id)), err);

	*sealed = NULL;
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	*sealed = arena_strdup(a, db_text(&cur, 0, NULL));
	db_finish(&cur);
	return RC_OK;
}

enum rc secret_erase(struct db *db, int64_t org_id, int64_t job_id, struct err *err)
{
	return db_exec(db, SQL_SECRET_DELETE, DB_ARGS(DB_INT(org_id), DB_INT(job_id)), err);
}
