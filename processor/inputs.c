/*
 * Reading inputs.
 */
#include "processor/inputs.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/id.h"

#define READ_BYTES (256 * 1024)

/* Whether the work may go on: whoever waits at the descriptor is heard first. */
static bool may_go_on(const struct inputs_check *check)
{
	struct pollfd p = {check->watch, POLLIN, 0};

	return poll(&p, 1, 0) <= 0 || check->pause(check->context);
}

static enum rc digest(int fd, const struct inputs_check *check, char hex[static 65])
{
	static char block[READ_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), on = true;
	ssize_t n = 0;

	while (ok && (on = may_go_on(check)) && (n = read(fd, block, sizeof block)) > 0)
		ok = EVP_DigestUpdate(ctx, block, (size_t)n);
	ok = ok && n == 0 && EVP_DigestFinal_ex(ctx, sum, NULL);
	EVP_MD_CTX_free(ctx);
	if (!on)
		return RC_BUSY;
	if (ok)
		hex_encode(sum, 32, hex);
	return ok ? RC_OK : RC_SYS;
}

enum rc inputs_check(
    const struct sandbox_bind *binds, size_t n, const struct inputs_check *check, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = strrchr(binds[i].dest, '/') + 1;
		char hex[65];
		enum rc rc;
		int fd;

		if (!binds[i].input)
			continue;
		fd = open(binds[i].source, O_RDONLY | O_CLOEXEC);
		rc = fd < 0 ? RC_SYS : digest(fd, check, hex);
		if (rc == RC_SYS)
			rc = err_sys(err, "cannot read input \"%.200s\"", name);
		if (fd >= 0)
			close(fd);
		if (rc)
			return rc;
		if (!*binds[i].sha256)
			check->found(check->context, binds[i].input, hex);
		else if (strcmp(hex, binds[i].sha256) != 0)
			return err_set(err, RC_INVALID,
			    "input \"%.200s\" is not the file any more that was uploaded (its "
			    "SHA-256 has changed)",
			    name);
	}
	return RC_OK;
}
