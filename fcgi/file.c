/*
 * Sending files.
 */
#include "fcgi/file.h"

#include <stdio.h>
#include <string.h>

#include "core/store.h"

/* A strong tag, since the same address may one day give the output of another run. A file of the
 * store never changes, so its name there is as good as a digest that is not known yet. */
static bool file_unchanged(const struct request *r, struct response *resp, const struct file *f)
{
	char etag[72];

	snprintf(etag, sizeof etag, "\"%.64s\"", f->sha256 ? f->sha256 : f->uuid);
	response_header(resp, "ETag", "%s", etag);
	if (!strstr(request_param(r, PARAM_IF_NONE_MATCH), etag))
		return false;
	resp->status = 304;
	return true;
}

void file_send(
    const struct request *r, struct response *resp, const struct file *f, const char *name)
{
	char uri[64];

	if (!file_unchanged(r, resp, f))
		response_file(resp, store_uri(f->uuid, uri), name, f->content_type);
}
