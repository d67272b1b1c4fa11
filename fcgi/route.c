/*
 * The route table and the search in it. A dozen lines are compared one by one: that costs less than
 * anything cleverer would.
 */
#include "fcgi/route.h"

#include <string.h>

#include "fcgi/form.h"
#include "fcgi/pages.h"

static const char *const orders[] = {"newest", "oldest", NULL};
static const char *const sorts[] = {"-created_at", "created_at", NULL};

#define PROJECT_INPUT                                                      \
	{                                                                  \
		"project", INPUT_TEXT, 1, 100,                             \
		    .doc = "id or name of a project; without it the first" \
	}

#define LIST_INPUTS                                                                       \
	PROJECT_INPUT, {"status", INPUT_STATUS, .doc = "only jobs in this state"},        \
	    {"type", INPUT_TEXT, 1, 100, .doc = "only jobs of this type"},                \
	    {"job_type", INPUT_TEXT, 1, 100, .doc = "another name of type"},              \
	    {"q", INPUT_TEXT, 1, 200, .doc = "part of the name, 3 characters or more"},   \
	    {"order", INPUT_WORD, .words = orders, .doc = "newest first, or oldest"},     \
	    {"sort", INPUT_WORD, .words = sorts, .doc = "another name of order"},         \
	    {"created_after", INPUT_TIME, .max = JOB_AHEAD_MAX_MS,                        \
		.doc = "only jobs made at or after this time"},                           \
	    {"created_before", INPUT_TIME, .max = JOB_AHEAD_MAX_MS,                       \
		.doc = "only jobs made before this time"},                                \
	    {"limit", INPUT_INT, 1, 100, .doc = "rows of a page"},                        \
	    {"after", INPUT_INT, 1, INT64_MAX, .doc = "the page behind this job"},        \
	{                                                                                 \
		"before", INPUT_INT, 1, INT64_MAX, .doc = "the page in front of this job" \
	}

#define NEW_INPUT                                                                                \
	{                                                                                        \
		"new", INPUT_TEXT, 1, 63, .doc = "job type whose options the upload panel shows" \
	}

static const struct input list_inputs[] = {
    LIST_INPUTS,
    {0},
};

static const struct input home_inputs[] = {LIST_INPUTS, NEW_INPUT, {0}};

static const struct input options_inputs[] = {NEW_INPUT, {0}};

static const struct input upload_inputs[] = {
    {"type", INPUT_TEXT, 1, 100, .doc = "job type; without it the file decides"},
    {"job_type", INPUT_TEXT, 1, 100, .doc = "another name of type"},
    {"name", INPUT_TEXT, 1, 255, .doc = "name of the jobs; without it the file's"},
    PROJECT_INPUT,
    {"priority", INPUT_INT, -JOB_PRIORITY_MAX, JOB_PRIORITY_MAX,
	.doc = "the higher goes first; 0 without it"},
    {"run_at", INPUT_TIME, .max = JOB_AHEAD_MAX_MS,
	.doc = "not before: a time in UTC such as 2026-11-22T09:30Z, or from now on such as +30m"},
    {"nonce", INPUT_TEXT, 8, 200, .doc = "of a form: the same one makes its jobs once"},
    {"params", INPUT_OBJECT, .doc = "in JSON: values for the parameters of the type"},
    {0},
};

static const struct input action_inputs[] = {
    {"back", INPUT_TEXT, 1, 2000, .doc = "path to return to when a form was posted"},
    {0},
};

/* Of a job that is moved by hand; a form has the way back besides. */
#define MOVE_INPUTS                                                                     \
	{"status", INPUT_STATUS, .doc = "the state it moves to"},                       \
	    {"progress", INPUT_INT, 0, 100, .doc = "per cent"},                         \
	    {"current_step", INPUT_TEXT, 0, 255, .doc = "what is being done"},          \
	    {"result", INPUT_TEXT, 0, 2000, .doc = "what came of it, in one line"},     \
	    {"error", INPUT_TEXT, 0, 2000, .doc = "why it failed, with status failed"}, \
	    {"error_message", INPUT_TEXT, 0, 2000, .doc = "another name of error"},     \
	{                                                                               \
		"reason", INPUT_TEXT, 0, 500, .doc = "for the history"                  \
	}

static const struct input move_inputs[] = {MOVE_INPUTS, {0}};

static const struct input move_form_inputs[] = {
    MOVE_INPUTS,
    {"back", INPUT_TEXT, 1, 2000, .doc = "path to return to when a form was posted"},
    {0},
};

#define LEASE_INPUTS                                                                            \
	{"lease_token", INPUT_TEXT, 32, 32, .doc = "of the claim, which gave it out"},          \
	    {"lease_seconds", INPUT_INT, 10, 3600,                                              \
		.doc = "until the job is given to somebody else, unless this comes again; 60"}, \
	{                                                                                       \
		"worker", INPUT_TEXT, 1, 100, .doc = "what the program calls itself"            \
	}

static const struct input claim_inputs[] = {
    {"types", INPUT_NAMES, 1, 2000, .doc = "job types with runner = external; without it all"},
    {"want", INPUT_INT, 1, 100, .doc = "how many at most; 1"},
    {"lease_seconds", INPUT_INT, 10, 3600, .doc = "until a job is given to somebody else; 60"},
    {"worker", INPUT_TEXT, 1, 100, .doc = "what the program calls itself"},
    {0},
};

static const struct input heartbeat_inputs[] = {LEASE_INPUTS, {0}};

static const struct input news_inputs[] = {
    LEASE_INPUTS,
    {"progress", INPUT_INT, 0, 100, .doc = "per cent"},
    {"current_step", INPUT_TEXT, 0, 255, .doc = "what is being done"},
    {"total_items", INPUT_INT, 0, INT64_MAX, .doc = "how many there are to do"},
    {"processed_items", INPUT_INT, 0, INT64_MAX, .doc = "how many are done"},
    {"rejected_items", INPUT_INT, 0, INT64_MAX, .doc = "how many of those were refused"},
    {0},
};

static const struct input complete_inputs[] = {
    LEASE_INPUTS,
    {"result", INPUT_TEXT, 0, 2000, .doc = "what came of it, in one line"},
    {0},
};

static const char *const yes_no[] = {"no", "yes", NULL};

static const struct input fail_inputs[] = {
    LEASE_INPUTS,
    {"error", INPUT_TEXT, 0, 2000, .doc = "why, in words that a person understands"},
    {"error_message", INPUT_TEXT, 0, 2000, .doc = "another name of error"},
    {"retry", INPUT_WORD, .words = yes_no,
	.doc = "yes: try it again later, as often as the type says"},
    {0},
};

static const char *const bulk_actions[] = {"cancel", "retry", "pause", "resume", "delete", NULL};

static const struct input bulk_inputs[] = {
    {"action", INPUT_WORD, .words = bulk_actions, .doc = "what is done to each"},
    {"ids", INPUT_NAMES, 1, 20000,
	.doc = "numbers or UUIDs of jobs; a form may send ids[] for each"},
    {"all", INPUT_WORD, .words = yes_no, .doc = "yes: to all that match status, type and q"},
    {"status", INPUT_STATUS, .doc = "with all: only jobs in this state"},
    {"type", INPUT_TEXT, 1, 100, .doc = "with all: only jobs of this type"},
    {"q", INPUT_TEXT, 1, 200, .doc = "with all: part of the name, 3 characters or more"},
    PROJECT_INPUT,
    {0},
};

static const struct input admit_inputs[] = {
    {"size", INPUT_INT, 0, INT64_MAX, .doc = "bytes of the file"},
    {0},
};

static const struct input login_inputs[] = {
    {"next", INPUT_TEXT, 1, 2000, .doc = "path to go on to"},
    {"user", INPUT_TEXT, 1, 200, .doc = "user name"},
    {"password", INPUT_TEXT, 1, 1000, .doc = "password"},
    {0},
};

static const char *const log_formats[] = {"text", NULL};

static const char *const file_kinds[] = {"out", "in", NULL};

static const struct input files_inputs[] = {
    {"kind", INPUT_WORD, .words = file_kinds, .doc = "results, or the inputs"},
    {"limit", INPUT_INT, 1, 1000, .doc = "files of a page"},
    {"after", INPUT_INT, 0, INT64_MAX, .doc = "the page behind this one, as `next` gives it"},
    {0},
};

static const struct input log_inputs[] = {
    {"from", INPUT_INT, 0, INT64_MAX, .doc = "byte to begin at; answers with at most 256 KiB"},
    {"attempt", INPUT_INT, 1, INT64_MAX, .doc = "of which attempt; without it the last"},
    {"format", INPUT_WORD, .words = log_formats, .doc = "text: the whole file, to be kept"},
    {"style", INPUT_TEXT, 1, 64, .doc = "of a view: colours in which it begins, as SGR has them"},
    {0},
};

/* ---- of the pages that manage; what a form got wrong it is told by the handler, on its page ----
 */

static const struct input done_inputs[] = {DONE_INPUT, {0}};

static const struct input password_inputs[] = {
    {"current", INPUT_TEXT, 1, 1000, .doc = "the password so far"},
    {"password", INPUT_TEXT, 1, 1000, .doc = "the new one"},
    {0},
};

static const char *const yes_words[] = {"yes", "no", NULL};
static const char *const expiry_words[] = {"30d", "90d", "1y", "never", NULL};

static const struct input token_inputs[] = {
    {"name", INPUT_TEXT, 1, 1000, .doc = "for people: what uses it"},
    {"read", INPUT_WORD, .words = yes_words, .doc = "may look"},
    {"write", INPUT_WORD, .words = yes_words, .doc = "may upload and act on jobs"},
    {"work", INPUT_WORD, .words = yes_words, .doc = "may take jobs and end them"},
    {"admin", INPUT_WORD, .words = yes_words, .doc = "may all that its user may"},
    {"expires", INPUT_WORD, .words = expiry_words, .doc = "90d without it"},
    {0},
};

static const struct input name_inputs[] = {
    {"name", INPUT_TEXT, 1, 1000, .doc = "what it is called"},
    {0},
};

static const struct input users_inputs[] = {
    {"org", INPUT_TEXT, 1, 100, .doc = "only users of this organisation, by name or id"},
    DONE_INPUT,
    {0},
};

static const struct input user_inputs[] = {
    {"name", INPUT_TEXT, 1, 1000, .doc = "user name"},
    {"role", INPUT_TEXT, 1, 20, .doc = "viewer, member, admin or operator"},
    {"org", INPUT_TEXT, 1, 100, .doc = "organisation, by name or id; without it one's own"},
    {0},
};

static const struct input role_inputs[] = {
    {"role", INPUT_TEXT, 1, 20, .doc = "viewer, member, admin or operator"},
    {0},
};

static const char *const sees_words[] = {"all", "some", NULL};

static const struct input sees_inputs[] = {
    {"sees", INPUT_WORD, .words = sees_words,
	.doc = "all projects, or some: those in the fields `project[]`, by id"},
    {0},
};

static const struct input limits_inputs[] = {
    {"bytes", INPUT_TEXT, 1, 30, .doc = "stored at most, such as 10G; empty: no limit"},
    {"file", INPUT_TEXT, 1, 30, .doc = "of one file, likewise"},
    {"pending", INPUT_TEXT, 1, 30, .doc = "jobs that wait; empty: no limit"},
    {"rate", INPUT_TEXT, 1, 30, .doc = "uploads a minute; empty: no limit"},
    {"cap", INPUT_TEXT, 1, 30, .doc = "jobs that run at once; empty: no limit"},
    {0},
};

static const struct input audit_inputs[] = {
    {"actor", INPUT_TEXT, 1, 100, .doc = "who did it, exactly"},
    {"action", INPUT_TEXT, 1, 60, .doc = "what: job.cancel, or all of a noun: job"},
    {"since", INPUT_TEXT, 1, 40, .doc = "from this time on, UTC: 2026-11-22 or with T09:30Z"},
    {"until", INPUT_TEXT, 1, 40, .doc = "before this time; a day counts to its end"},
    {"org", INPUT_TEXT, 1, 100, .doc = "about this organisation, by name or id"},
    {"limit", INPUT_INT, 1, 1000, .doc = "rows of a page"},
    {"before", INPUT_INT, 1, INT64_MAX, .doc = "rows older than this one"},
    {0},
};

const struct route routes[] = {
    {METHOD_GET, "/", page_home_show, ROLE_VIEWER, SCOPE_READ, BODY_NONE, home_inputs,
	"upload panel and job table"},
    {METHOD_POST | ROUTE_ONCE, "/jobs", page_job_create, ROLE_MEMBER, SCOPE_WRITE, BODY_FILE,
	upload_inputs, "upload files as multipart/form-data: one job each"},
    {METHOD_PUT | ROUTE_ONCE, "/jobs/upload/{filename}", page_job_create, ROLE_MEMBER, SCOPE_WRITE,
	BODY_FILE, upload_inputs, "upload one file as the raw body"},
    {METHOD_GET, "/jobs/table", page_jobs_table, ROLE_VIEWER, SCOPE_READ, BODY_NONE, list_inputs,
	"the job table: fragment or JSON"},
    {METHOD_GET, "/jobs/form", page_options_show, ROLE_VIEWER, SCOPE_READ, BODY_NONE,
	options_inputs, "the options of a job type, as fields of the upload form"},
    {METHOD_GET, "/jobs/admit", page_job_admit, ROLE_MEMBER, SCOPE_WRITE, BODY_NONE, admit_inputs,
	"whether an upload would be accepted: 204, or the answer that it would be given"},
    {METHOD_POST, "/jobs/bulk", page_jobs_bulk, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM, bulk_inputs,
	"one action on many jobs, up to 500 at once"},
    {METHOD_GET, "/jobs/{job}", page_job_show, ROLE_VIEWER, SCOPE_READ, BODY_NONE, NULL,
	"one job: row, page or JSON"},
    {METHOD_DELETE, "/jobs/{job}", page_job_delete, ROLE_MEMBER, SCOPE_WRITE, BODY_NONE,
	action_inputs, "delete the job with its files"},
    {METHOD_POST, "/jobs/{job}/retry", page_job_retry, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	action_inputs, "run it again"},
    {METHOD_POST, "/jobs/{job}/cancel", page_job_cancel, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	action_inputs, "stop it"},
    {METHOD_POST, "/jobs/{job}/pause", page_job_pause, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	action_inputs, "freeze it where it is, or keep it from starting"},
    {METHOD_POST, "/jobs/{job}/resume", page_job_resume, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	action_inputs, "let it go on"},
    {METHOD_POST, "/jobs/{job}/delete", page_job_delete, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	action_inputs, "delete the job with its files, for forms"},
    {METHOD_POST, "/jobs/{job}/move", page_job_move, ROLE_MEMBER, SCOPE_WRITE, BODY_FORM,
	move_form_inputs, "move a job that is moved by hand, for forms"},
    {METHOD_GET, "/jobs/{job}/files", page_job_files, ROLE_VIEWER, SCOPE_READ, BODY_NONE,
	files_inputs, "list its results or inputs"},
    {METHOD_GET, "/jobs/{job}/files.zip", page_job_archive, ROLE_VIEWER, SCOPE_READ, BODY_NONE,
	NULL, "download all results in one file; 202 while it is being made"},
    {METHOD_GET, "/jobs/{job}/files/in/{name}", page_file_input, ROLE_VIEWER,
	SCOPE_READ | SCOPE_WORK, BODY_NONE, NULL, "download an input"},
    {METHOD_GET, "/jobs/{job}/files/out/{path}", page_file_output, ROLE_VIEWER, SCOPE_READ,
	BODY_NONE, NULL, "download an output"},
    {METHOD_GET, "/jobs/{job}/log", page_job_log, ROLE_VIEWER, SCOPE_READ, BODY_NONE, log_inputs,
	"what the job has written"},
    {METHOD_GET, "/jobs/{job}/detail", page_job_detail, ROLE_VIEWER, SCOPE_READ, BODY_NONE, NULL,
	"one job with everything, as a fragment for a dialog"},
    {METHOD_POST | ROUTE_ONCE, "/processing_file", api_job_create, ROLE_MEMBER, SCOPE_WRITE,
	BODY_FILE, upload_inputs, "upload a CSV file to be processed"},
    {METHOD_DELETE, "/processing_file/{job}", page_processing_delete, ROLE_MEMBER, SCOPE_WRITE,
	BODY_NONE, action_inputs, "remove the files of a job that has ended, or cancel it"},
    {METHOD_GET, "/processing_file/{job}/detail", page_job_detail, ROLE_VIEWER, SCOPE_READ,
	BODY_NONE, NULL, "one job with everything, as a fragment for a dialog"},
    {METHOD_GET, "/api/jobs", api_jobs_list, ROLE_VIEWER, SCOPE_READ, BODY_NONE, list_inputs,
	"the jobs of a project, newest first"},
    {METHOD_POST | ROUTE_ONCE, "/api/jobs", api_job_create, ROLE_MEMBER, SCOPE_WRITE, BODY_ANY,
	upload_inputs, "make a job, of a name alone or of files"},
    {METHOD_GET, "/api/project/{project}/jobs", api_jobs_list, ROLE_VIEWER, SCOPE_READ, BODY_NONE,
	list_inputs, "the jobs of this project, newest first"},
    {METHOD_POST | ROUTE_ONCE, "/api/project/{project}/jobs", api_project_job_create, ROLE_MEMBER,
	SCOPE_WRITE, BODY_ANY, upload_inputs,
	"make a job in this project, of a name alone or of files"},
    {METHOD_GET, "/api/jobs/{job}/status", api_job_status, ROLE_VIEWER, SCOPE_READ, BODY_NONE, NULL,
	"how far a job is, for pollers"},
    {METHOD_POST, "/api/work/claim", api_work_claim, ROLE_MEMBER, SCOPE_WORK, BODY_JSON,
	claim_inputs, "claim jobs to process them elsewhere"},
    {METHOD_POST, "/api/work/{job}/heartbeat", api_work_heartbeat, ROLE_MEMBER, SCOPE_WORK,
	BODY_JSON, heartbeat_inputs, "renew the lease of a claimed job"},
    {METHOD_POST, "/api/work/{job}/progress", api_work_progress, ROLE_MEMBER, SCOPE_WORK, BODY_JSON,
	news_inputs, "tell how far a claimed job is, and renew its lease"},
    {METHOD_POST, "/api/work/{job}/complete", api_work_complete, ROLE_MEMBER, SCOPE_WORK, BODY_ANY,
	complete_inputs, "end a claimed job well, with its results"},
    {METHOD_POST, "/api/work/{job}/fail", api_work_fail, ROLE_MEMBER, SCOPE_WORK, BODY_JSON,
	fail_inputs, "end a claimed job badly, or give it back"},
    {METHOD_GET, "/api/jobs/{job}", api_job_show, ROLE_VIEWER, SCOPE_READ, BODY_NONE, NULL,
	"one job"},
    {METHOD_PATCH, "/api/jobs/{job}", api_job_move, ROLE_MEMBER, SCOPE_WRITE, BODY_JSON,
	move_inputs, "move a job that is moved by hand: state, progress, step, result"},
    {METHOD_DELETE, "/api/jobs/{job}", page_job_delete, ROLE_MEMBER, SCOPE_WRITE, BODY_NONE,
	action_inputs, "delete the job with its files"},
    {METHOD_GET, "/api/jobs/{job}/statuses", api_job_statuses, ROLE_VIEWER, SCOPE_READ, BODY_NONE,
	NULL, "the history of a job, oldest first"},
    {METHOD_GET, "/login", page_login_show, ROLE_NOBODY, 0, BODY_NONE, login_inputs,
	"the form to sign in"},
    {METHOD_POST, "/login", page_login, ROLE_NOBODY, 0, BODY_FORM, login_inputs,
	"sign in by name and password"},
    {METHOD_GET, "/login/{secret}", page_link_show, ROLE_NOBODY, 0, BODY_NONE, NULL,
	"sign in by a one-time link"},
    {METHOD_POST, "/login/{secret}", page_link_use, ROLE_NOBODY, 0, BODY_FORM, NULL,
	"sign in by a one-time link, for forms"},
    {METHOD_POST, "/logout", page_logout, ROLE_NOBODY, 0, BODY_FORM, NULL, "end the session"},
    {METHOD_GET, "/account", page_account_show, ROLE_VIEWER, SCOPE_ADMIN, BODY_NONE, done_inputs,
	"one's own password, sessions and tokens"},
    {METHOD_POST, "/account/password", page_account_password, ROLE_VIEWER, SCOPE_ADMIN, BODY_FORM,
	password_inputs, "set the password"},
    {METHOD_POST, "/account/sessions/end", page_sessions_end, ROLE_VIEWER, SCOPE_ADMIN, BODY_FORM,
	NULL, "end all of one's other sessions"},
    {METHOD_POST, "/account/sessions/{id}/end", page_session_end, ROLE_VIEWER, SCOPE_ADMIN,
	BODY_FORM, NULL, "end a session of one's own"},
    {METHOD_POST | ROUTE_ONCE, "/account/tokens", page_token_create, ROLE_VIEWER, SCOPE_ADMIN,
	BODY_FORM, token_inputs, "make a token for a program; it is shown once"},
    {METHOD_POST, "/account/tokens/{id}/revoke", page_token_revoke, ROLE_VIEWER, SCOPE_ADMIN,
	BODY_FORM, NULL, "revoke a token"},
    {METHOD_GET, "/projects", page_projects_show, ROLE_VIEWER, SCOPE_READ, BODY_NONE, done_inputs,
	"the projects that one sees"},
    {METHOD_POST | ROUTE_ONCE, "/projects", page_project_create, ROLE_ADMIN, SCOPE_ADMIN, BODY_FORM,
	name_inputs, "make a project"},
    {METHOD_POST, "/projects/{project}/rename", page_project_rename, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, name_inputs, "give a project another name"},
    {METHOD_POST, "/projects/{project}/delete", page_project_delete, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, NULL, "delete a project without jobs"},
    {METHOD_GET, "/admin", page_admin_show, ROLE_ADMIN, SCOPE_ADMIN, BODY_NONE, done_inputs,
	"processors, disk, queue and job types"},
    {METHOD_GET, "/admin/types/{type}", page_type_show, ROLE_ADMIN, SCOPE_ADMIN, BODY_NONE,
	done_inputs, "the definition of a job type"},
    {METHOD_POST, "/admin/types/{type}/pause", page_type_pause, ROLE_OPERATOR, SCOPE_ADMIN,
	BODY_FORM, NULL, "let nobody begin jobs of a type"},
    {METHOD_POST, "/admin/types/{type}/resume", page_type_resume, ROLE_OPERATOR, SCOPE_ADMIN,
	BODY_FORM, NULL, "let its jobs begin again"},
    {METHOD_GET, "/admin/users", page_users_show, ROLE_ADMIN, SCOPE_ADMIN, BODY_NONE, users_inputs,
	"users of the organisation; operators: of all"},
    {METHOD_POST | ROUTE_ONCE, "/admin/users", page_user_create, ROLE_ADMIN, SCOPE_ADMIN, BODY_FORM,
	user_inputs, "make a user; answers with a link that signs in once"},
    {METHOD_GET, "/admin/users/{name}", page_user_show, ROLE_ADMIN, SCOPE_ADMIN, BODY_NONE,
	done_inputs, "one user"},
    {METHOD_POST, "/admin/users/{name}/role", page_user_role, ROLE_ADMIN, SCOPE_ADMIN, BODY_FORM,
	role_inputs, "give a user another role"},
    {METHOD_POST, "/admin/users/{name}/disable", page_user_disable, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, NULL, "end a user's sessions and let none begin"},
    {METHOD_POST, "/admin/users/{name}/enable", page_user_enable, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, NULL, "let a user in again"},
    {METHOD_POST | ROUTE_ONCE, "/admin/users/{name}/link", page_user_link, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, NULL, "make a link that signs a user in once"},
    {METHOD_POST, "/admin/users/{name}/projects", page_user_limit, ROLE_ADMIN, SCOPE_ADMIN,
	BODY_FORM, sees_inputs, "let a user see all projects, or some"},
    {METHOD_POST, "/admin/users/{name}/tokens/{id}/revoke", page_user_token_revoke, ROLE_ADMIN,
	SCOPE_ADMIN, BODY_FORM, NULL, "revoke a token of a user"},
    {METHOD_GET, "/admin/orgs", page_orgs_show, ROLE_OPERATOR, SCOPE_ADMIN, BODY_NONE, done_inputs,
	"organisations with their limits and use"},
    {METHOD_POST | ROUTE_ONCE, "/admin/orgs", page_org_create, ROLE_OPERATOR, SCOPE_ADMIN,
	BODY_FORM, name_inputs, "make an organisation"},
    {METHOD_GET, "/admin/orgs/{org}", page_org_show, ROLE_OPERATOR, SCOPE_ADMIN, BODY_NONE,
	done_inputs, "one organisation"},
    {METHOD_POST, "/admin/orgs/{org}/limits", page_org_limits, ROLE_OPERATOR, SCOPE_ADMIN,
	BODY_FORM, limits_inputs, "what an organisation may have"},
    {METHOD_GET, "/admin/audit", page_audit_show, ROLE_ADMIN, SCOPE_ADMIN, BODY_NONE, audit_inputs,
	"who did what"},
    {METHOD_GET, "/api/openapi.json", api_openapi, ROLE_NOBODY, 0, BODY_NONE, NULL,
	"this document, OpenAPI 3.1"},
    {METHOD_GET, "/docs", page_docs, ROLE_NOBODY, 0, BODY_NONE, NULL, "the API, for people"},
    {METHOD_GET, "/metrics", page_metrics, ROLE_NOBODY, 0, BODY_NONE, NULL,
	"figures of the site, for Prometheus"},
    {METHOD_GET, "/healthz", page_health_live, ROLE_NOBODY, 0, BODY_NONE, NULL,
	"whether this process answers"},
    {METHOD_GET, "/readyz", page_health_ready, ROLE_NOBODY, 0, BODY_NONE, NULL,
	"whether uploads are accepted and processed"},
};
const size_t routes_count = sizeof routes / sizeof *routes;

/* A name that holds a slash came percent-encoded: only an upload's may, and that is cleaned. */
static bool segment_matches(
    const char *pattern, size_t len, const char *segment, size_t segment_len)
{
	if (*pattern != '{')
		return segment_len == len && memcmp(pattern, segment, len) == 0;
	return !memchr(segment, '/', segment_len) || strncmp(pattern, "{filename}", len) == 0;
}

static bool path_matches(const struct request *r, const char *pattern)
{
	size_t i = 0;

	for (pattern++; *pattern; i++) {
		size_t len = strcspn(pattern, "/");

		if (i == r->segments)
			return false;
		if (strncmp(pattern, "{path}", len) == 0 && len)
			return true;
		if (!segment_matches(pattern, len, r->segment[i], r->segment_len[i]))
			return false;
		pattern += len;
		pattern += *pattern == '/';
	}
	return i == r->segments;
}

const struct route *route_find(struct request *r, unsigned *allowed)
{
	bool exact = false;

	*allowed = 0;
	for (size_t i = 0; i < routes_count; i++) {
		unsigned methods =
		    routes[i].methods | (routes[i].methods & METHOD_GET ? METHOD_HEAD : 0);

		bool literal = !strchr(routes[i].pattern, '{');

		/* A path that some route spells out is no capture of another: "table" is never a
		 * job. */
		if ((exact && !literal) || !path_matches(r, routes[i].pattern))
			continue;
		if (methods & r->method)
			return &routes[i];
		*allowed |= methods;
		exact |= literal;
	}
	return NULL;
}

const char *route_methods(unsigned methods, struct arena *a)
{
	static const char *const names[] = {
	    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
	const char *out = "";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (methods & 1u << i)
			out = arena_printf(a, "%s%s%s", out, *out ? ", " : "", names[i]);
	return out;
}
