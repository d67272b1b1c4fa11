/*
 * Organisations as the pages of administration show them: page_orgs.c, and the overview.
 */
#ifndef FCGI_ORG_H
#define FCGI_ORG_H

#include "fcgi/admin.h"

/* One with limits and use, and for pages the figures as texts. */
enum rc org_full_view(struct app *app, const struct request *r, const struct org *org,
    struct view **out, struct err *err);

/* `orgs` that the caller manages. */
enum rc orgs_put(struct app *app, const struct request *r, struct view *v, struct err *err);

#endif
