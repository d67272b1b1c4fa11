/*
 * Requests that make something once.
 */
#include "fcgi/once.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/idempotency.h"
#include "core/identity.h"
#include "fcgi/form.h"

#define KEY_MAX 200

enum rc once_key(const struct request *r, struct response *resp, const char **key, struct err *err)
{
	const char *said = request_param(r, PARAM_IDEMPOTENCY_KEY);

	*key = NULL;
	if (!*said)
		return RC_OK;
	if (strlen(said) > KEY_MAX)
		return response_fail(resp, 422, "Idempotency-Key", err,
		    "Idempotency-Key is longer than %d characters", KEY_MAX);
	for (const char *p = said; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			return response_fail(resp, 422, "Idempotency-Key", err,
			    "Idempotency-Key must be plain ASCII");
	*key = arena_printf(r->arena, "key %lld %s", (long long)r->scope.user_id, said);
	return RC_OK;
}

enum rc once_lookup(struct app *app, const struct request *r, const struct once *o,
    struct response *resp, const char **json, struct err *err)
{
	enum rc rc;

	if (!o->key)
		return RC_NOTFOUND;
	rc = idempotency_lookup(app->db, &r->scope, o->key, o->hash, r->arena, json, err);
	if (rc == RC_INVALID)
		return response_fail(
		    resp, 422, "Idempotency-Key", err, "%s", arena_strdup(r->arena, err->text));
	if (rc == RC_OK)
		response_header(resp, "Idempotent-Replayed", "true");
	return rc;
}

static void push_pairs(struct arena *a, struct view *list, const struct pairs *pairs)
{
	struct view *sent = view_list(a);

	for (size_t i = 0; i < pairs->n; i++) {
		view_push_str(sent, pairs->list[i].name);
		view_push_str(sent, pairs->list[i].value);
	}
	view_push(list, sent);
}

/* Of all that a form says: method, path, and both kinds of fields in their order. */
static void hash_form(const struct request *r, char out[static 65])
{
	struct view *all = view_list(r->arena);
	struct buf text;

	view_push_str(all, request_param(r, PARAM_METHOD));
	view_push_str(all, r->path);
	push_pairs(r->arena, all, &r->query);
	push_pairs(r->arena, all, &r->form);
	buf_init(&text);
	view_json(all, &text);
	identity_hash(text.data, out);
	buf_release(&text);
}

enum rc once_begin(struct app *app, const struct request *r, struct response *resp, struct once *o,
    struct err *err)
{
	const char *json;
	enum rc rc;

	*o = (struct once){.answer = view_obj(r->arena)};
	rc = once_key(r, resp, &o->key, err);
	if (rc != RC_OK)
		return rc;
	hash_form(r, o->hash);
	rc = db_begin_joint(app->db, err);
	if (rc != RC_OK)
		return rc;
	/* Within the transaction: who comes at the same time waits for it and finds the answer. */
	rc = once_lookup(app, r, o, resp, &json, err);
	if (rc == RC_NOTFOUND)
		return RC_OK;
	db_rollback(app->db);
	if (rc == RC_OK)
		rc = view_parse(r->arena, json, strlen(json), &o->answer, err);
	return rc == RC_OK ? RC_DONE : rc;
}

enum rc once_end(
    struct app *app, const struct request *r, struct once *o, enum rc rc, struct err *err)
{
	struct buf text;

	if (rc == RC_OK && o->key) {
		buf_init(&text);
		view_json(o->answer, &text);
		rc = idempotency_store(app->db, &r->scope, o->key, o->hash, text.data, err);
		buf_release(&text);
	}
	return db_end(app->db, rc, err);
}

void once_answer(const struct request *r, struct response *resp, const struct once *o,
    const char *path, const char *word)
{
	if (request_want(r) != WANT_JSON) {
		done_answer(r, resp, path, word);
		return;
	}
	resp->status = 201;
	response_json(resp, o->answer);
}

enum rc once_told(
    struct response *resp, const struct once *o, struct err *err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	resp->why.made = o->answer;
	return response_fail(resp, 409, NULL, err,
	    "a request with this Idempotency-Key has made %s; that is shown once", text);
}
