/*
 * What page_users.c and page_user.c share.
 */
#ifndef FCGI_USER_H
#define FCGI_USER_H

#include "core/user.h"
#include "fcgi/admin.h"

/* "/admin/users/NAME", in the arena. */
const char *user_path(struct arena *a, const char *name);

/* The input `role`, which is none above the caller's own. RC_INVALID with a sentence. */
enum rc user_role_read(const struct request *r, enum role *out, struct err *err);

/* A link that signs the user in once, to be shown: `name`, `link`, `minutes`. NULL where nobody
 * signs in by one. */
enum rc user_link_view(struct app *app, const struct request *r, const struct user *u,
    struct view **out, struct err *err);

#endif
