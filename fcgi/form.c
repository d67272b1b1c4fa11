/*
 * What was wrong with a form, and what was done by it.
 */
#include "fcgi/form.h"

#include <string.h>

#include "fcgi/route.h"

/* ---- what was wrong ---- */

static int fault_status(enum rc rc)
{
	switch (rc) {
	case RC_INVALID:
	case RC_DENIED:
		return 422;
	case RC_CONFLICT:
		return 409;
	case RC_LIMIT:
		return 429;
	case RC_BUSY:
		return 503;
	default:
		return 0;
	}
}

bool fault_take(const struct request *r, struct response *resp, const char *field, enum rc *rc,
    struct err *err, struct fault *out)
{
	int64_t wait_s = out->wait_s;

	/* A status of its own choice is no matter of the form. */
	if (!fault_status(*rc) || resp->why.status)
		return false;
	if (*rc == RC_BUSY && !wait_s)
		wait_s = 2;
	*out = (struct fault){.field = field,
	    .status = fault_status(*rc),
	    .sentence = arena_strdup(r->arena, err->text),
	    .wait_s = wait_s};
	if (request_want(r) != WANT_JSON)
		return true;
	*rc = response_fail(resp, out->status, field, err, "%s", out->sentence);
	if (wait_s)
		resp->why.retry = arena_printf(r->arena, "%lld", (long long)wait_s);
	return false;
}

static bool is_secret(const char *name)
{
	return strcmp(name, "password") == 0 || strcmp(name, "current") == 0;
}

void fault_put(
    const struct request *r, struct response *resp, struct view *page, const struct fault *f)
{
	struct view *errors = view_obj(r->arena), *sent = view_obj(r->arena);
	const struct input *in = r->route->inputs;

	view_put(page, "errors", errors);
	view_put(page, "sent", sent);
	if (!f || !f->field)
		return;
	view_ref(errors, f->field, f->sentence);
	for (size_t i = 0; in && in[i].name; i++)
		if (r->value[i].given && !is_secret(in[i].name))
			view_ref(sent, in[i].name, r->value[i].text);
	resp->status = f->status;
	if (f->wait_s)
		response_header(resp, "Retry-After", "%lld", (long long)f->wait_s);
}

/* ---- what was done ---- */

const char *const done_words[] = {"password", "session", "sessions", "token", "project", "renamed",
    "deleted", "user", "role", "disabled", "enabled", "projects", "org", "quota", "paused",
    "resumed", NULL};

static const char *const sentences[] = {
    "The password is set. All your other sessions have ended.",
    "The session has ended.",
    "All your other sessions have ended.",
    "The token is revoked.",
    "The project is there.",
    "The project has its new name.",
    "The project is deleted.",
    "The user is there.",
    "The role is changed.",
    "The user is disabled: signed out everywhere, and the tokens are refused.",
    "The user is enabled.",
    "What the user sees is changed.",
    "The organisation is there.",
    "The limits are changed.",
    "The type is paused: its jobs wait.",
    "The type is resumed.",
};
_Static_assert(sizeof sentences / sizeof *sentences + 1 == sizeof done_words / sizeof *done_words,
    "a sentence for each word");

void done_put(const struct request *r, struct view *page)
{
	int64_t word = request_int(r, "done", -1);

	view_ref(page, "done", word < 0 ? NULL : sentences[word]);
}

void done_answer(const struct request *r, struct response *resp, const char *path, const char *word)
{
	if (request_want(r) == WANT_JSON)
		resp->status = 204;
	else
		response_redirect(resp, arena_join(r->arena, path, "?done=", word, NULL));
}

bool form_checked(const struct request *r, const char *name)
{
	const char *text = request_text(r, name);

	return text && strcmp(text, "no") != 0;
}
