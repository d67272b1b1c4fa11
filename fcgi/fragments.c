/*
 * Keeping renderings: a short list, searched from one end to the other.
 */
#include "fcgi/fragments.h"

#include <stdlib.h>
#include <string.h>

#include "core/rc.h"

static struct fragment *find(struct fragments *f, const char *view)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i].view, view) == 0)
			return &f->list[i];
	return NULL;
}

const struct buf *fragments_get(struct fragments *f, const char *view, int64_t version)
{
	struct fragment *e = find(f, view);

	if (!e || e->version != version)
		return NULL;
	e->used = ++f->clock;
	return &e->html;
}

static struct fragment *oldest(struct fragments *f)
{
	struct fragment *e = &f->list[0];

	for (size_t i = 1; i < f->n; i++)
		if (f->list[i].used < e->used)
			e = &f->list[i];
	return e;
}

void fragments_put(struct fragments *f, const char *view, int64_t version, const struct buf *html)
{
	struct fragment *e = find(f, view);

	if (html->len > FRAGMENT_BYTES_MAX || !f->most)
		return;
	if (!e) {
		if (f->n < f->most) {
			e = &f->list[f->n++];
			*e = (struct fragment){0};
			buf_init(&e->html);
		} else {
			e = oldest(f);
			free(e->view);
		}
		e->view = strdup(view);
		if (!e->view)
			bug("fragments: out of memory");
	}
	e->version = version;
	e->used = ++f->clock;
	buf_clear(&e->html);
	buf_add(&e->html, html->data, html->len);
}

void fragments_release(struct fragments *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].view);
		buf_release(&f->list[i].html);
	}
	*f = (struct fragments){0};
}
