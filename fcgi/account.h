/*
 * The page of one's own account: password, sessions, tokens. page_account.c makes it, and
 * page_tokens.c shows it too.
 */
#ifndef FCGI_ACCOUNT_H
#define FCGI_ACCOUNT_H

#include "fcgi/app.h"
#include "fcgi/form.h"

/* Whether the caller has an account here; fails with 404 where everybody is the same user. */
enum rc account_check(struct app *app, struct response *resp, struct err *err);

/* The page; a fault and what was made just now (`fresh`) may be NULL. */
enum rc account_page(struct app *app, struct request *r, struct response *resp,
    const struct fault *fault, struct view *fresh, struct err *err);

/* `tokens` of a user: page_tokens.c. */
enum rc tokens_put(struct app *app, struct arena *a, int64_t org_id, int64_t user_id,
    struct view *v, struct err *err);

/* What a browser calls itself in words people know: "Firefox on Linux"; page_account.c. */
const char *agent_words(const char *agent);

#endif
