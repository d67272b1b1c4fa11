/*
 * dropmill submit at a server. Each file is a request of its own, so that one that is refused does
 * not keep the others: PUT, or a form when parameters go with it, since addresses end up in logs.
 * With --together all files are one form, of which a type with inputs = many makes one job.
 *
 * Every request carries a key of its own: sent again after a lost connection it makes no second
 * job.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/remote.h"
#include "cli/source.h"
#include "cli/submit.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/url.h"

/* ---- what goes with a file ---- */

/* The query of a raw upload. */
static const char *query(const struct submission *s, struct arena *a)
{
	const char *q = remote_project(a, '&');
	char at[CLOCK_ISO_SIZE];

	if (s->type)
		q = arena_join(a, q, "&type=", url_escape(a, s->type), NULL);
	if (s->priority)
		q = arena_printf(a, "%s&priority=%lld", q, (long long)s->priority);
	if (s->run_at)
		q = arena_join(a, q, "&run_at=", clock_iso(s->run_at, at), NULL);
	return *q ? arena_join(a, "?", q + 1, NULL) : "";
}

/* A parameter as a part; "@PATH" is a file. */
static struct http_part param_part(const struct param_given *g)
{
	struct http_part part = {
	    .name = arena_join(&cli.arena, "params.", g->name, NULL), .value = g->value};
	struct stat st;

	if (*g->value != '@')
		return part;
	part.fd = open(g->value + 1, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (part.fd < 0 || fstat(part.fd, &st) != 0)
		cli_fail(EX_NOINPUT, "cannot open \"%s\": %s", g->value + 1, strerror(errno));
	if (!S_ISREG(st.st_mode))
		cli_fail(EX_NOINPUT, "not a regular file: \"%s\"", g->value + 1);
	part.filename = submit_name(g->value + 1);
	part.size = st.st_size;
	part.value = NULL;
	return part;
}

/* Room for options, parameters, and as many files. */
static struct http_part *option_parts(const struct submission *s, size_t files, size_t *n)
{
	struct arena *a = &cli.arena;
	struct http_part *parts = arena_alloc(a, (4 + s->given.n + files) * sizeof *parts);
	char at[CLOCK_ISO_SIZE];

	*n = 0;
	if (s->type)
		parts[(*n)++] = (struct http_part){.name = "type", .value = s->type};
	if (cli.project)
		parts[(*n)++] = (struct http_part){.name = "project", .value = cli.project};
	if (s->priority)
		parts[(*n)++] = (struct http_part){
		    .name = "priority", .value = arena_printf(a, "%lld", (long long)s->priority)};
	if (s->run_at)
		parts[(*n)++] = (struct http_part){
		    .name = "run_at", .value = arena_strdup(a, clock_iso(s->run_at, at))};
	for (size_t i = 0; i < s->given.n; i++)
		parts[(*n)++] = param_part(&s->given.list[i]);
	return parts;
}

static struct http_part file_part(const struct submission *s, size_t i)
{
	return (struct http_part){.name = "files",
	    .filename = submit_name(s->paths[i]),
	    .fd = s->fds[i],
	    .size = s->sizes[i]};
}

/* ---- a request ---- */

/* Whom to tell of what has been sent. */
struct listener {
	struct board *board;
	struct entry *entry;
};

static void hear(void *ctx, int64_t bytes)
{
	struct listener *l = ctx;

	l->entry->sent = bytes > l->entry->size ? l->entry->size : bytes;
	board_draw(l->board);
}

/* The `count` files from number `first` on, by one request; the jobs that they became. */
static enum rc send_files(const struct submission *s, size_t first, size_t count,
    struct listener *l, const struct view **jobs, struct err *err)
{
	struct http_part file = file_part(s, first), *parts;
	char key[UUID_SIZE];
	struct http_answer answer;
	struct http_request r = {.key = uuid_new(key), .sent = hear, .ctx = l};
	enum rc rc;

	if (s->given.n || s->together) {
		parts = option_parts(s, count, &r.part_count);
		for (size_t i = 0; i < count; i++)
			parts[r.part_count++] = file_part(s, first + i);
		r.method = "POST";
		r.path = "/jobs";
		r.parts = parts;
	} else {
		r.method = "PUT";
		r.path = arena_join(&cli.arena, "/jobs/upload/",
		    url_escape(&cli.arena, file.filename), query(s, &cli.arena), NULL);
		r.file = &file;
	}
	rc = http_ask(&r, &cli.arena, &answer, err);
	if (rc != RC_OK)
		return rc;
	*jobs = view_get(answer.json, "jobs");
	return view_len(*jobs) ? RC_OK
			       : err_set(err, RC_DB, "the server's answer to an upload has no job");
}

static void take_job(struct entry *e, const struct view *job)
{
	e->job = job;
	e->id = number_of(job, "id");
	e->uuid = text_of(job, "uuid");
	e->name = text_of(job, "name");
}

/* ---- all of them ---- */

/* Whether a failure is about this file, and others may fare better. */
static bool is_refusal(enum rc rc)
{
	return rc == RC_INVALID || rc == RC_LIMIT;
}

static int send_each(const struct submission *s, struct board *b)
{
	enum rc last = RC_OK;
	struct err err;

	for (size_t i = 0; i < s->n; i++) {
		struct entry *e = &b->list[i];
		const struct view *jobs;
		enum rc rc = send_files(s, i, 1, &(struct listener){b, e}, &jobs, &err);

		if (rc == RC_OK) {
			take_job(e, view_at(jobs, 0));
			continue;
		}
		if (!is_refusal(rc))
			return cli_report(&err);
		board_refuse(b, e, err.text);
		last = rc;
	}
	/* Who waits is told of it in the end, unless there is nothing to wait for. */
	return s->wait && b->ended < b->n ? EX_OK : cli_exit_code(last);
}

static int send_together(const struct submission *s, struct board *b)
{
	struct entry all = {.name = arena_printf(&cli.arena, "%zu files", s->n)};
	const struct view *jobs;
	struct err err;

	board_open(b, 1, s->wait);
	b->list[0] = all;
	for (size_t i = 0; i < s->n; i++)
		b->list[0].size += s->sizes[i];
	if (send_files(s, 0, s->n, &(struct listener){b, &b->list[0]}, &jobs, &err) != RC_OK)
		return cli_report(&err);
	board_open(b, view_len(jobs), s->wait);
	for (size_t i = 0; i < b->n; i++)
		take_job(&b->list[i], view_at(jobs, i));
	return EX_OK;
}

int submit_remote(struct submission *s, struct board *b)
{
	if (s->together)
		return send_together(s, b);
	board_open(b, s->n, s->wait);
	for (size_t i = 0; i < s->n; i++) {
		b->list[i].name = submit_name(s->paths[i]);
		b->list[i].size = s->sizes[i];
	}
	board_draw(b);
	return send_each(s, b);
}
