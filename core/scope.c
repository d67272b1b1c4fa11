/*
 * Roles by name, and the scope of everybody under `auth = none`.
 */
#include "core/scope.h"

#include <string.h>

const struct scope scope_local = {.org_id = 1,
    .user_id = 1,
    .project_id = 1,
    .home_project = 1,
    .role = ROLE_OPERATOR,
    .user_name = "local",
    .via = "none"};

static const char *const names[ROLE_MAX] = {
    [ROLE_NOBODY] = "",
    [ROLE_VIEWER] = "viewer",
    [ROLE_MEMBER] = "member",
    [ROLE_ADMIN] = "admin",
    [ROLE_OPERATOR] = "operator",
};

const char *role_name(enum role role)
{
	return names[role];
}

enum role role_parse(const char *s)
{
	for (int i = ROLE_VIEWER; i < ROLE_MAX; i++)
		if (strcmp(s, names[i]) == 0)
			return (enum role)i;
	return ROLE_MAX;
}
