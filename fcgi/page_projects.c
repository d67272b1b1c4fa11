/*
 * /projects: what the caller sees; admins make, rename and delete there.
 */
#include "core/project.h"
#include "fcgi/form.h"
#include "fcgi/list.h"
#include "fcgi/once.h"
#include "fcgi/pages.h"

static enum rc projects_view(
    struct app *app, const struct request *r, struct view *v, struct err *err)
{
	struct view *list = view_list(r->arena);
	struct project *all;
	size_t n;
	enum rc rc = project_list(app->db, &r->scope, r->arena, &all, &n, err);

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		view_push(list, project_view(r->arena, &all[i]));
	view_put(v, "projects", list);
	return rc;
}

/* What only the page says; the fault, if any, is about the project `about` (0: a new one). */
static enum rc answer_page(struct app *app, struct request *r, struct response *resp,
    struct view *v, const struct fault *fault, int64_t about, struct err *err)
{
	const struct view *list = view_get(v, "projects");
	bool admin = r->scope.role >= ROLE_ADMIN;

	for (size_t i = 0; i < view_len(list); i++) {
		struct view *p = (struct view *)view_at(list, i);
		int64_t id = view_number(view_get(p, "id"));

		view_ref(p, "url", arena_printf(r->arena, "/?project=%lld", (long long)id));
		view_bool(p, "can_delete",
		    admin && !view_number(view_get(p, "jobs")) && view_len(list) > 1);
		view_bool(p, "is_wrong", about == id);
		view_ref(p, "error", about == id && fault ? fault->sentence : NULL);
		view_ref(p, "new_name",
		    about == id && r->route->inputs ? request_text(r, "name") : NULL);
	}
	view_bool(v, "can_manage", admin);
	view_bool(v, "is_none", view_len(list) == 0);
	fault_put(r, resp, v, about ? NULL : fault);
	if (fault)
		resp->status = fault->status;
	page_view(app, r, v, "Projects", 0);
	return response_html(app, resp, PAGE_PROJECTS, v, err);
}

static enum rc answer_again(struct app *app, struct request *r, struct response *resp,
    const struct fault *fault, int64_t about, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum rc rc = projects_view(app, r, v, err);

	return rc == RC_OK ? answer_page(app, r, resp, v, fault, about, err) : rc;
}

enum rc page_projects_show(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct view *v = view_obj(r->arena);
	enum rc rc = projects_view(app, r, v, err);

	if (rc != RC_OK)
		return rc;
	response_header(resp, "Vary", "HX-Request, Accept");
	if (request_want(r) == WANT_JSON) {
		response_json(resp, v);
		return RC_OK;
	}
	done_put(r, v);
	return answer_page(app, r, resp, v, NULL, 0, err);
}

static const char *name_of(const struct request *r)
{
	const char *name = request_text(r, "name");

	return name ? name : "";
}

/* An admin may be limited to some projects, and the new one is none of them. */
static enum rc create(
    struct app *app, const struct request *r, struct view *answer, struct err *err)
{
	struct project p;
	int64_t id;
	enum rc rc = project_create(app->db, &r->scope, name_of(r), &id, err);

	if (rc != RC_OK)
		return rc;
	rc = project_find(
	    app->db, &r->scope, arena_printf(r->arena, "%lld", (long long)id), r->arena, &p, err);
	if (rc == RC_OK)
		view_put(answer, "project", project_view(r->arena, &p));
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc page_project_create(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	struct once once;
	enum rc rc = once_begin(app, r, resp, &once, err);

	if (rc == RC_OK)
		rc = once_end(app, r, &once, create(app, r, once.answer, err), err);
	if (fault_take(r, resp, "name", &rc, err, &fault))
		return answer_again(app, r, resp, &fault, 0, err);
	if (rc != RC_OK && rc != RC_DONE)
		return rc;
	once_answer(r, resp, &once, "/projects", "project");
	return RC_OK;
}

enum rc page_project_rename(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	struct project p;
	enum rc rc =
	    project_find(app->db, &r->scope, request_capture(r, "project"), r->arena, &p, err);

	if (rc == RC_OK)
		rc = project_rename(app->db, &r->scope, p.id, name_of(r), err);
	if (fault_take(r, resp, "name", &rc, err, &fault))
		return answer_again(app, r, resp, &fault, p.id, err);
	if (rc == RC_OK)
		done_answer(r, resp, "/projects", "renamed");
	return rc;
}

enum rc page_project_delete(
    struct app *app, struct request *r, struct response *resp, struct err *err)
{
	struct fault fault = {0};
	struct project p;
	enum rc rc =
	    project_find(app->db, &r->scope, request_capture(r, "project"), r->arena, &p, err);

	if (rc == RC_OK)
		rc = project_delete(app->db, &r->scope, p.id, err);
	if (fault_take(r, resp, NULL, &rc, err, &fault))
		return answer_again(app, r, resp, &fault, p.id, err);
	if (rc == RC_OK)
		done_answer(r, resp, "/projects", "deleted");
	return rc;
}
