/*
 * Mustache under a fuzzer: up to three templates parted by a NUL byte, the first rendered with data
 * that has every kind of value, and a second time through a view that was read back from JSON: both
 * must print the same. A fourth part, if there is one, is tried as JSON data.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mustache.h"

static const char sample[] =
    "{\"a\":\"<x>\\n&\",\"b\":{\"a\":1,\"c\":\"q\",\"b\":{\"z\":0.5}},\"l\":[1,\"two\",{\"a\":3,"
    "\"l\":[]}],\"t\":true,"
    "\"f\":false,\"n\":null,\"e\":\"\",\"p\":\"p\",\"q\":\"q\",\"long name of a key\":[[1,2],[]]}";

static void render(
    const struct mustache_set *set, struct arena *a, const char *json, size_t len, struct buf *out)
{
	struct err err;
	struct view *data;
	struct buf again;

	if (view_parse(a, json, len, &data, &err) != RC_OK)
		return;
	buf_init(&again);
	if (mustache_render(mustache_find(set, "t"), data, out, &err) == RC_OK) {
		struct buf text;

		buf_init(&text);
		view_json(data, &text);
		if (view_parse(a, text.data, text.len, &data, &err) != RC_OK ||
		    mustache_render(mustache_find(set, "t"), data, &again, &err) != RC_OK ||
		    again.len != out->len || memcmp(again.data, out->data, out->len) != 0)
			abort();
		buf_release(&text);
	}
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"t", "p", "q"};
	struct mustache_set *set = mustache_set_new();
	const char *at = (const char *)data, *end = at + size;
	struct arena arena;
	struct buf out;
	bool ok = true;
	int part = 0;

	arena_init(&arena);
	buf_init(&out);
	mustache_set_budget(set, 20000);
	for (; at < end && part < 3; part++) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));
		size_t len = (size_t)((nul ? nul : end) - at);
		struct err err;

		if (mustache_set_add(set, names[part], at, len, &err) != RC_OK) {
			if (strncmp(err.text, names[part], 1) != 0)
				abort();
			ok = ok && part > 0;
		}
		at += len + (nul != NULL);
	}
	if (ok && mustache_find(set, "t"))
		render(set, &arena, at < end ? at : sample,
		    at < end ? (size_t)(end - at) : sizeof sample - 1, &out);
	buf_release(&out);
	arena_release(&arena);
	mustache_set_free(set);
	return 0;
}
