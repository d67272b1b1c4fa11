/*
 * dropmill submit on this machine: files go into the queue by the same steps as an upload
 * (core/accept.h). Either all files become jobs or none does; with --wait those that are refused
 * count as failed, and the others go on.
 *
 * The files are opened before anything else, as whoever called: root may submit what only root can
 * read, though the state belongs to somebody else. They are copied, since the store's files never
 * change and the caller's may.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/copy.h"
#include "cli/submit.h"
#include "core/accept.h"
#include "core/doorbell.h"
#include "core/sniff.h"

/* A file that became no job, and why. */
struct refusal {
	const char *name, *why;
};

struct local {
	struct submission *s;
	int *given_fds; /* parallel to given; -1: no file */
	struct refusal *refused;
	size_t refused_count;
	struct sniff *sniff;
	struct store store;
	struct jobtypes types;
	struct accept accept;
};

/* Which parameters are files is known once the database is open, and that is as somebody else: open
 * whatever is the path of one. */
static void open_given(struct local *l)
{
	struct stat st;

	l->given_fds = arena_alloc(&cli.arena, (l->s->given.n + 1) * sizeof *l->given_fds);
	for (size_t i = 0; i < l->s->given.n; i++) {
		int fd = open(l->s->given.list[i].value, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
			close(fd);
			fd = -1;
		}
		l->given_fds[i] = fd;
	}
}

/* Room for what comes and for what disk_low keeps free. */
static enum rc check_room(struct local *l, struct err *err)
{
	int64_t room, need = 0;
	enum rc rc = store_free(&l->store, &room, err);

	for (size_t i = 0; i < l->s->n; i++)
		need += l->s->sizes[i];
	if (rc == RC_OK && room - need < cli_config()->disk_low_bytes)
		rc = err_set(err, RC_LIMIT, "not enough room on the disk of \"%.150s\" (disk_low)",
		    cli_config()->store);
	return rc;
}

/* Copy the files among the parameters, as the type declares them. */
static enum rc take_given(struct local *l, struct err *err)
{
	const struct jobtype *type = l->s->type ? jobtype_find(&l->types, l->s->type) : NULL;
	const char **types = arena_zalloc(&cli.arena, (l->s->given.n + 1) * sizeof *types);
	enum rc rc = RC_OK;

	if (type)
		cli_params_mark_files(&l->s->given, &type->params);
	for (size_t i = 0; i < l->s->given.n && rc == RC_OK; i++) {
		const struct param_given *g = &l->s->given.list[i];
		char seen[SNIFF_TYPE_SIZE];
		int fd;

		if (!g->is_file)
			continue;
		if (l->given_fds[i] < 0)
			cli_fail(EX_NOINPUT, "cannot open \"%s\"", g->value);
		rc = store_temp(&l->store, &fd, err);
		if (rc == RC_OK)
			rc = copy_bytes(l->given_fds[i], fd, -1, NULL, g->value, err);
		if (rc != RC_OK)
			break;
		l->given_fds[i] = fd;
		types[i] = arena_strdup(&cli.arena, sniff_type(l->sniff, fd, seen));
	}
	accept_params(&l->accept, &(struct accept_params){.given = l->s->given.list,
				      .n = l->s->given.n,
				      .fds = l->given_fds,
				      .content_types = types});
	return rc;
}

static enum rc take_file(struct local *l, size_t i, struct err *err)
{
	const char *path = l->s->paths[i], *name = submit_name(path);
	char type[SNIFF_TYPE_SIZE];
	int fd;
	enum rc rc = store_temp(&l->store, &fd, err);

	if (rc != RC_OK)
		return rc;
	rc = copy_bytes(l->s->fds[i], fd, -1, NULL, path, err);
	if (rc == RC_OK)
		rc = accept_add(&l->accept, fd,
		    &(struct accept_file){
			.name = name,
			.name_len = strlen(name),
			.content_type = sniff_type(l->sniff, fd, type),
			.job_type = l->s->type,
		    },
		    err);
	close(fd);
	return rc;
}

/* Take the file, or note that it is refused where that is not the end of all. */
static enum rc try_file(struct local *l, size_t i, struct err *err)
{
	enum rc rc = take_file(l, i, err);

	if (rc != RC_INVALID || !l->s->wait || l->s->n == 1 || l->refused_count + 1 == l->s->n)
		return rc;
	l->refused[l->refused_count++] =
	    (struct refusal){submit_name(l->s->paths[i]), arena_strdup(&cli.arena, err->text)};
	return RC_OK;
}

static enum rc take_all(struct local *l, struct err *err)
{
	struct db *db;
	enum rc rc = check_room(l, err);

	if (rc == RC_OK)
		rc = take_given(l, err);
	for (size_t i = 0; rc == RC_OK && i < l->s->n; i++)
		rc = try_file(l, i, err);
	for (size_t i = 0; rc == RC_OK && i < l->accept.n; i++) {
		l->accept.jobs[i].priority = l->s->priority;
		l->accept.jobs[i].run_at = l->s->run_at;
	}
	if (rc == RC_OK)
		rc = accept_sync(&l->accept, err);
	if (rc == RC_OK) {
		db = cli_db();
		rc = db_begin(db, err);
		if (rc == RC_OK)
			rc = accept_create(&l->accept, db, cli_scope(), err);
		if (rc == RC_OK)
			return db_commit_durable(db, err);
		db_rollback(db);
	}
	accept_abandon(&l->accept);
	return rc;
}

static enum rc put_into_queue(struct local *l, struct err *err)
{
	enum rc rc = jobtype_load_db(cli_db(), &cli.arena, &l->types, err);

	if (rc == RC_OK)
		rc = store_open(cli_config(), &l->store, err);
	if (rc != RC_OK)
		return rc;
	l->sniff = sniff_open();
	accept_init(&l->accept, cli_config(), &l->store, &l->types, &cli.arena);
	rc = take_all(l, err);
	sniff_close(l->sniff);
	store_close(&l->store);
	if (rc == RC_OK)
		doorbell_ring(cli_config());
	return rc;
}

static void fill_board(const struct local *l, struct board *b)
{
	size_t made = l->accept.n;

	board_open(b, made + l->refused_count, l->s->wait);
	for (size_t i = 0; i < made; i++) {
		b->list[i].id = l->accept.jobs[i].id;
		b->list[i].uuid = l->accept.jobs[i].uuid;
		b->list[i].name = l->accept.jobs[i].name;
	}
	for (size_t i = 0; i < l->refused_count; i++) {
		b->list[made + i].name = l->refused[i].name;
		board_refuse(b, &b->list[made + i], l->refused[i].why);
	}
}

int submit_local(struct submission *s, struct board *b)
{
	struct local *l = arena_zalloc(&cli.arena, sizeof *l);
	struct err err;

	l->s = s;
	l->refused = arena_alloc(&cli.arena, s->n * sizeof *l->refused);
	open_given(l);
	if (put_into_queue(l, &err) != RC_OK) {
		*b = (struct board){0};
		return cli_report(&err);
	}
	fill_board(l, b);
	return EX_OK;
}
