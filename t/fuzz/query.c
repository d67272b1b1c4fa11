/*
 * Fuzzes what the head of a request is made of. The first byte chooses: a query string or form, a
 * Cookie header, or a whole environment of lines NAME=value, which goes through request_read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/query.h"
#include "fcgi/request.h"
#include "fcgi/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_pairs(const struct pairs *pairs, size_t size)
{
	size_t total = 0;

	check(pairs->n <= PAIRS_MAX);
	for (size_t i = 0; i < pairs->n; i++) {
		const struct pair *p = &pairs->list[i];
		const struct pair *found;
		bool again;

		check(p->name[p->name_len] == '\0' && p->value[p->value_len] == '\0');
		total += p->name_len + p->value_len;
		found = pairs_find(pairs, p->name, &again);
		check(strlen(p->name) != p->name_len || (found && found <= p));
	}
	check(total <= size);
}

/* No ".", "..", NUL or empty part gets through, and redirects stay here. */
static void check_request(const struct request *r)
{
	const char *uri = request_param(r, PARAM_URI), *local = request_local_path(r, "", uri);

	for (size_t i = 0; i < r->segments; i++) {
		check(r->segment_len[i] > 0 && strlen(r->segment[i]) == r->segment_len[i]);
		check(strcmp(r->segment[i], ".") != 0 && strcmp(r->segment[i], "..") != 0);
	}
	check(strlen(r->id) > 0 && strlen(r->id) <= REQUEST_ID_MAX);
	check(!local || (local[0] == '/' && local[1] != '/' && local[1] != '\\' &&
			    !strpbrk(local, "\r\n\t ")));
	request_want(r);
	request_media_type(r);
}

static void fuzz_request(char *text, struct arena *a)
{
	char *env[64], *save = NULL;
	struct request r;
	struct err err = {0};
	unsigned allowed;
	size_t n = 0;

	for (char *line = strtok_r(text, "\n", &save); line && n < 63;
	     line = strtok_r(NULL, "\n", &save))
		env[n++] = line;
	env[n] = NULL;
	request_init(&r, a, (struct body_source){0});
	if (request_read(&r, env, &err) != RC_OK) {
		check(err.text[0] != '\0' && r.id[0]);
		return;
	}
	check_request(&r);
	/* A route is found only for a method of its own. */
	r.route = route_find(&r, &allowed);
	check(!r.route || (r.route->methods | METHOD_HEAD) & r.method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pairs pairs = {0};
	struct err err = {0};
	struct arena a;
	enum rc rc = RC_OK;

	if (!size)
		return 0;
	arena_init(&a);
	const char *text = (const char *)data + 1;
	switch (data[0] % 3) {
	case 0:
		rc = query_parse(&pairs, text, size - 1, &a, &err);
		break;
	case 1:
		rc = cookie_parse(&pairs, text, size - 1, &a, &err);
		break;
	default:
		fuzz_request(arena_strndup(&a, text, size - 1), &a);
	}
	check(rc == RC_OK || err.text[0]);
	check_pairs(&pairs, size);
	arena_release(&a);
	return 0;
}
