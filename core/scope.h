/*
 * Who asks, what they may, and which rows exist for them.
 *
 * Every function that touches the data of an org takes the scope; org_id and user_id come from the
 * session or token alone, never from what somebody sent.
 */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include <stdint.h>

/* Each may what those before it may. Viewers read, members upload and act on jobs, admins manage
 * the org, operators manage the site. */
enum role { ROLE_NOBODY, ROLE_VIEWER, ROLE_MEMBER, ROLE_ADMIN, ROLE_OPERATOR, ROLE_MAX };

struct scope {
	int64_t org_id, user_id;
	int64_t project_id;   /* the one that is looked at, or that new jobs belong to */
	int64_t home_project; /* the one that is meant when none is named */
	int64_t limited;      /* user_id again if the user sees only some projects, else 0 */
	enum role role;
	const char *user_name; /* for created_by and the history */
	/* For the audit log; NULL is as good as "". */
	const char *via;     /* session, token NAME, link, password, proxy, none, cli */
	const char *address; /* where from; "": this host */
	const char *request; /* id */
};

/* The scope of `auth = none`: org 1, project 1, user 1, made by the first migration. */
extern const struct scope scope_local;

/* "viewer", "member", "admin", "operator"; ROLE_NOBODY is "". */
const char *role_name(enum role role);
/* ROLE_MAX: no such role. */
enum role role_parse(const char *s);

#endif
