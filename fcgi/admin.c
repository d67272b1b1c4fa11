/*
 * What the pages of administration share.
 */
#include "fcgi/admin.h"

#include <string.h>

#include "core/str.h"
#include "fcgi/list.h"
#include "fcgi/route.h"

int64_t admin_reach(const struct request *r)
{
	return r->scope.role == ROLE_OPERATOR ? 0 : r->scope.org_id;
}

enum rc admin_orgs(
    struct app *app, const struct request *r, struct org **out, size_t *n, struct err *err)
{
	int64_t only = admin_reach(r);
	enum rc rc = org_list(app->db, r->arena, out, n, err);

	if (rc != RC_OK || !only)
		return rc;
	for (size_t i = 0; i < *n; i++)
		if ((*out)[i].id == only) {
			*out += i;
			*n = 1;
			return RC_OK;
		}
	return err_set(err, RC_NOTFOUND, "no such organisation: %lld", (long long)only);
}

enum rc admin_org(
    struct app *app, const struct request *r, const char *key, struct org *out, struct err *err)
{
	struct org *all;
	int64_t id = 0;
	size_t n;
	enum rc rc = admin_orgs(app, r, &all, &n, err);

	if (rc != RC_OK)
		return rc;
	/* A name goes before an id: one may be all digits. */
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, key) == 0) {
			*out = all[i];
			return RC_OK;
		}
	str_int(key, 1, INT64_MAX, &id);
	for (size_t i = 0; i < n; i++)
		if (all[i].id == id) {
			*out = all[i];
			return RC_OK;
		}
	return err_set(err, RC_NOTFOUND, "no such organisation: \"%.100s\"", key);
}

void admin_page(struct app *app, const struct request *r, struct view *v, const char *title)
{
	static const struct {
		const char *label, *url;
		enum role role;
	} tabs[] = {
	    {"Overview", "/admin", ROLE_ADMIN},
	    {"Users", "/admin/users", ROLE_ADMIN},
	    {"Organisations", "/admin/orgs", ROLE_OPERATOR},
	    {"Audit log", "/admin/audit", ROLE_ADMIN},
	};
	struct view *list = view_list(r->arena);

	for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++) {
		struct view *tab = view_obj(r->arena);
		size_t len = strlen(tabs[i].url);
		const char *rest = r->route->pattern + len;

		if (r->scope.role < tabs[i].role)
			continue;
		view_ref(tab, "label", tabs[i].label);
		view_ref(tab, "url", tabs[i].url);
		/* Only the overview has other tabs below it. */
		view_bool(tab, "is_active",
		    strncmp(r->route->pattern, tabs[i].url, len) == 0 &&
			(!*rest || (*rest == '/' && i > 0) || strncmp(rest, "/types", 6) == 0));
		view_push(list, tab);
	}
	view_put(v, "admin_tabs", list);
	view_bool(v, "is_operator", r->scope.role == ROLE_OPERATOR);
	page_view(app, r, v, title, 0);
}

struct view *admin_roles(const struct request *r, const char *selected)
{
	struct view *list = view_list(r->arena);

	for (int role = ROLE_VIEWER; role <= (int)r->scope.role; role++) {
		const char *name = role_name((enum role)role);
		struct view *v = view_obj(r->arena);

		view_ref(v, "name", name);
		view_bool(v, "is_selected", strcmp(name, selected) == 0);
		view_push(list, v);
	}
	return list;
}

struct view *admin_org_choices(
    const struct request *r, const struct org *orgs, size_t n, const char *selected)
{
	struct view *list = view_list(r->arena);

	for (size_t i = 0; i < n; i++) {
		struct view *v = view_obj(r->arena);

		view_ref(v, "name", orgs[i].name);
		view_bool(v, "is_selected",
		    selected ? strcmp(orgs[i].name, selected) == 0 : orgs[i].id == r->scope.org_id);
		view_push(list, v);
	}
	return list;
}
