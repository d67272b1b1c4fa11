/*
 * What page_users.c, page_user.c and page_tokens.c share.
 */
#ifndef FCGI_USER_H
#define FCGI_USER_H

#include "core/user.h"
#include "fcgi/admin.h"

/* "/admin/users/NAME", in the arena. */
const char *user_path(struct arena *a, const char *name);

/* The user that the path names, if the caller manages and may change it; `self`: even if it is the
 * caller. Fails with 404, 403, 409. */
enum rc user_find_below(struct app *app, const struct request *r, bool self, struct response *resp,
    struct user *out, struct err *err);

/* The input `role`, which is none above the caller's own. RC_INVALID with a sentence. */
enum rc user_role_read(const struct request *r, enum role *out, struct err *err);

/* A link that signs the user in once, to be shown: `name`, `link`, `minutes`. NULL where nobody
 * signs in by one. */
enum rc user_link_view(struct app *app, const struct request *r, const struct user *u,
    struct view **out, struct err *err);

#endif
