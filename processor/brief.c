/*
 * Taking the brief apart. It comes from the supervisor, which is trusted; the bounds are there all
 * the same, since a word of it may come from a definition that nobody looked at.
 */
#include "processor/brief.h"

#include <string.h>

#define ROOM 32 /* of a list at first; then it doubles */

/* A list of n elements with room for one more, and a zeroed one behind that. */
static void *grow(struct arena *a, void *list, size_t n, size_t element)
{
	bool full = n >= ROOM && (n & (n - 1)) == 0;
	char *more;

	if (list && !full)
		return list;
	more = arena_zalloc(a, ((n ? 2 * n : ROOM) + 1) * element);
	if (n)
		memcpy(more, list, n * element);
	return more;
}

static enum rc take_word(
    struct arena *a, char ***list, size_t *n, const struct message *m, struct err *err)
{
	if (*n >= BRIEF_WORDS_MAX)
		return err_set(err, RC_LIMIT, "too many arguments");
	*list = grow(a, *list, *n, sizeof **list);
	(*list)[(*n)++] = arena_strdup(a, m->u.text);
	return RC_OK;
}

static enum rc take_bind(
    struct brief *b, struct arena *a, const struct message_bind *bind, struct err *err)
{
	if (b->bind_count >= BRIEF_BINDS_MAX)
		return err_set(err, RC_LIMIT, "too many mounts");
	b->binds = grow(a, b->binds, b->bind_count, sizeof *b->binds);
	b->binds[b->bind_count++] =
	    (struct sandbox_bind){arena_strdup(a, bind->source), arena_strdup(a, bind->dest),
		bind->writable, bind->input, arena_strdup(a, bind->sha256)};
	return RC_OK;
}

enum rc brief_read(int fd, struct brief *b, struct arena *a, struct err *err)
{
	static struct message m;
	enum rc rc;

	while (!(rc = message_receive(fd, &m, err))) {
		if (m.type == MESSAGE_SPEC)
			b->spec = m.u.spec;
		else if (m.type == MESSAGE_ARG)
			rc = take_word(a, &b->argv, &b->argc, &m, err);
		else if (m.type == MESSAGE_ENV)
			rc = take_word(a, &b->env, &b->envc, &m, err);
		else if (m.type == MESSAGE_SECRET)
			rc = take_word(a, &b->secrets, &b->secret_count, &m, err);
		else if (m.type == MESSAGE_BIND)
			rc = take_bind(b, a, &m.u.bind, err);
		else if (m.type == MESSAGE_FILTER)
			buf_add(&b->filter, m.u.text, m.size);
		else if (m.type == MESSAGE_START)
			return b->argc && b->envc && *b->spec.job
				   ? RC_OK
				   : err_set(err, RC_INVALID, "incomplete description");
		else
			rc = err_set(err, RC_INVALID, "unexpected message %u", m.type);
		if (rc)
			return rc;
	}
	return rc;
}
