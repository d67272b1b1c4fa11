/*
 * The templates, compiled once before the first request.
 */
#ifndef FCGI_TEMPLATES_H
#define FCGI_TEMPLATES_H

#include "core/buf.h"
#include "core/mustache.h"
#include "core/rc.h"
#include "core/view.h"

enum template_id {
	PAGE_HOME,
	PAGE_JOB,
	PAGE_LOG,
	PAGE_FILES,
	PAGE_WAIT,
	PAGE_ERROR,
	PAGE_LOGIN,
	PAGE_DOCS,
	PAGE_ACCOUNT,
	PAGE_PROJECTS,
	PAGE_ADMIN,
	PAGE_TYPE,
	PAGE_USERS,
	PAGE_USER,
	PAGE_ORGS,
	PAGE_ORG,
	PAGE_AUDIT,
	FRAGMENT_TABLE,
	FRAGMENT_ROW,
	FRAGMENT_DETAIL,
	FRAGMENT_OPTIONS,
	FRAGMENT_ERROR,
	TEMPLATE_MAX
};

struct templates {
	struct mustache_set *set;
	const struct mustache *by_id[TEMPLATE_MAX];
	char tag[17]; /* hash of all templates, program version and assets: what a rendering depends
		       * on besides its data */
};

/* Compile all of `dir`. RC_INVALID: an error in one (file:line:column), one is missing, or one
 * names a partial that does not exist. */
enum rc templates_open(struct templates *t, const char *dir, struct err *err);
void templates_close(struct templates *t);

/* Append the rendering to out. */
enum rc templates_render(const struct templates *t, enum template_id id, const struct view *view,
    struct buf *out, struct err *err);

#endif
