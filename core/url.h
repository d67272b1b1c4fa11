/*
 * Parts of URLs, made safe. Every URL a page or an answer carries is built with these.
 */
#ifndef CORE_URL_H
#define CORE_URL_H

#include "core/arena.h"

/* Percent-encoded copy in the arena: everything but unreserved characters (RFC 3986), "/" too. */
char *url_escape(struct arena *a, const char *s);

/* The same, but "/" stays: for a path of several segments. */
char *url_escape_path(struct arena *a, const char *s);

#endif
