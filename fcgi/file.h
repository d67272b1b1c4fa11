/*
 * Sending a file of the store: its tag, and the hand-over to nginx.
 */
#ifndef FCGI_FILE_H
#define FCGI_FILE_H

#include "core/job.h"
#include "fcgi/response.h"

/* An attachment under a name; 304 if the client has it already. The caller has checked that the
 * file is the caller's. */
void file_send(
    const struct request *r, struct response *resp, const struct file *f, const char *name);

#endif
