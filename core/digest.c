/*
 * Reading files for their digests.
 */
#include "core/digest.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/id.h"

#define READ_BYTES 262144

enum rc digest_file(int fd, char hex[static 65], struct err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	char *block = malloc(READ_BYTES);
	bool ok = ctx && block && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	off_t at = 0;
	ssize_t n = 0;

	while (ok && (n = pread(fd, block, READ_BYTES, at)) > 0) {
		ok = EVP_DigestUpdate(ctx, block, (size_t)n);
		at += n;
	}
	ok = ok && n == 0 && EVP_DigestFinal_ex(ctx, sum, NULL);
	EVP_MD_CTX_free(ctx);
	free(block);
	if (!ok)
		return err_sys(err, "cannot read a file for its digest");
	hex_encode(sum, 32, hex);
	return RC_OK;
}
