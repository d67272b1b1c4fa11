/*
 * The two ways in which a process answers requests.
 */
#ifndef FCGI_SERVE_H
#define FCGI_SERVE_H

#include <stdbool.h>

#include "core/config.h"
#include "fcgi/templates.h"

/* One request of a plain CGI environment and standard input, the answer on standard output. Returns
 * the exit code. */
int serve_cgi(const struct config *cfg, const struct templates *t);

/* Requests from the listening socket on descriptor 0, one at a time, until told to stop by SIGTERM
 * or worn out. Writes a byte to ready_fd once everything is open. Returns the exit code. */
int serve_fastcgi(const struct config *cfg, const struct templates *t, int ready_fd);

#endif
