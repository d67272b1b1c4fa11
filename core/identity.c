/*
 * Who somebody is, and the secrets by which they say so: 32 random bytes in base64url. The database
 * is searched by their SHA-256, so neither a copy of it nor the time of a search tells one.
 */
#include "core/identity.h"

#include <string.h>

#include <sodium.h>

#include "core/clock.h"
#include "core/id.h"
#include "core/log.h"

#define SECRET_BYTES 32
#define SEEN_EVERY_MS INT64_C(60000)

_Static_assert(IDENTITY_HASH_SIZE == 2 * crypto_hash_sha256_BYTES + 1, "hex of SHA-256");

void identity_hash(const char *secret, char out[static IDENTITY_HASH_SIZE])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)secret, strlen(secret));
	hex_encode(digest, sizeof digest, out);
}

void identity_secret(const char *prefix, char out[static SECRET_SIZE])
{
	unsigned char random[SECRET_BYTES];
	size_t len = strlen(prefix);

	if (sodium_init() < 0)
		bug("libsodium does not start");
	randombytes_buf(random, sizeof random);
	memcpy(out, prefix, len);
	sodium_bin2base64(out + len, SECRET_SIZE - len, random, sizeof random,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof random);
}

void identity_read(const struct db_cursor *cur, struct arena *a, struct identity *out)
{
	*out = (struct identity){
	    .scope =
		{
		    .user_id = db_int(cur, 0),
		    .org_id = db_int(cur, 1),
		    .user_name = arena_strdup(a, db_text(cur, 2, NULL)),
		    .role = role_parse(db_text(cur, 3, NULL)),
		    .limited = db_int(cur, 4) ? db_int(cur, 0) : 0,
		    .home_project = db_int(cur, 6),
		    .project_id = db_int(cur, 6),
		},
	    .scopes = SCOPE_ALL,
	    .has_password = db_int(cur, 5) != 0,
	};
}

enum rc identity_of_user(
    struct db *db, const char *name, struct arena *a, struct identity *out, struct err *err)
{
	struct db_cursor cur;
	enum rc rc = db_one(db, &cur, SQL_USER_IDENTITY, DB_ARGS(DB_TEXT(name)), err);

	if (rc != RC_OK)
		return rc;
	identity_read(&cur, a, out);
	db_finish(&cur);
	return RC_OK;
}

void identity_seen(struct db *db, const struct identity *id)
{
	int64_t now = clock_wall_ms();
	struct err err;
	enum rc rc;

	if ((!id->session_id && !id->token_id) || now - id->seen_at < SEEN_EVERY_MS)
		return;
	rc = db_begin(db, &err);
	if (rc == RC_OK)
		rc = id->session_id ? db_exec(db, SQL_SESSION_SEEN,
					  DB_ARGS(DB_INT(id->session_id), DB_INT(now)), &err)
				    : db_exec(db, SQL_TOKEN_USED,
					  DB_ARGS(DB_INT(id->token_id), DB_INT(now)), &err);
	rc = db_end(db, rc, &err);
	if (rc != RC_OK)
		log_warn("cannot note that a session is used: %s", err.text);
}
