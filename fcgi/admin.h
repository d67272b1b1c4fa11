/*
 * What the pages of administration share: whose organisation somebody may manage, and the tabs.
 */
#ifndef FCGI_ADMIN_H
#define FCGI_ADMIN_H

#include "core/org.h"
#include "fcgi/app.h"
#include "fcgi/form.h"

/* The organisations that the caller manages: an operator all, an admin their own. */
enum rc admin_orgs(
    struct app *app, const struct request *r, struct org **out, size_t *n, struct err *err);
/* One of those, by name or id. RC_NOTFOUND: another, or none. */
enum rc admin_org(
    struct app *app, const struct request *r, const char *key, struct org *out, struct err *err);

/* 0, which is any, for an operator; else the caller's own. */
int64_t admin_reach(const struct request *r);

/* Members of a page of administration: `tabs`, `is_operator`, and those of every page. */
void admin_page(struct app *app, const struct request *r, struct view *v, const char *title);

/* Roles up to the caller's own, as a select has them: `name`, `is_selected`. */
struct view *admin_roles(const struct request *r, const char *selected);
/* Organisations that the caller manages, likewise; `selected` is a name, or NULL for the own one.
 */
struct view *admin_org_choices(
    const struct request *r, const struct org *orgs, size_t n, const char *selected);

#endif
