/*
 * dropmill render: one template, data on standard input, the result on standard output.
 *
 * Nothing is printed unless all of it could be rendered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/mustache.h"

#define DATA_BYTES_MAX (256u << 20)

static int usage(void)
{
	fputs("usage: dropmill render FILE [--partials DIR] < data.json\n", stderr);
	return EX_USAGE;
}

static int complain(const struct err *err, const char *place)
{
	fprintf(stderr, "%s%s\n", place, err->text);
	return err->rc == RC_SYS ? EX_NOINPUT : EX_DATAERR;
}

static enum rc read_data(struct buf *out, struct err *err)
{
	ssize_t got;

	while ((got = read(STDIN_FILENO, buf_reserve(out, 65536), 65536)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "cannot read");
		out->len += (size_t)got;
		if (out->len > DATA_BYTES_MAX)
			return err_set(
			    err, RC_LIMIT, "1:1: larger than %u MiB", DATA_BYTES_MAX >> 20);
	}
	return RC_OK;
}

static int write_all(const struct buf *out)
{
	if (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout) != 0) {
		perror("dropmill: cannot write");
		return EX_IOERR;
	}
	return EX_OK;
}

static int render(const char *file, const char *partials)
{
	struct mustache_set *set = mustache_set_new();
	const struct mustache *tmpl;
	struct err err = {0};
	struct buf in, out;
	struct arena arena;
	struct view *data;
	int code;

	arena_init(&arena);
	buf_init(&in);
	buf_init(&out);
	if (mustache_set_load_file(set, file, partials, &tmpl, &err) != RC_OK)
		code = complain(&err, "");
	else if (read_data(&in, &err) != RC_OK ||
		 view_parse(&arena, in.data, in.len, &data, &err) != RC_OK)
		code = complain(&err, err.rc == RC_SYS ? "<stdin>: " : "<stdin>:");
	else if (mustache_render(tmpl, data, &out, &err) != RC_OK)
		code = complain(&err, "");
	else
		code = write_all(&out);
	buf_release(&out);
	buf_release(&in);
	arena_release(&arena);
	mustache_set_free(set);
	return code;
}

int cmd_render(int argc, char **argv)
{
	const char *file = NULL, *partials = NULL;
	bool options = true;
	char *dir = NULL;
	int code;

	for (int i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && strcmp(argv[i], "--partials") == 0 && i + 1 < argc && !partials)
			partials = argv[++i];
		else if (options && strncmp(argv[i], "--partials=", 11) == 0 && !partials)
			partials = argv[i] + 11;
		else if ((options && argv[i][0] == '-' && argv[i][1]) || file)
			return usage();
		else
			file = argv[i];
	}
	if (!file || !*file)
		return usage();
	if (!partials) {
		const char *slash = strrchr(file, '/');

		dir =
		    slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : strdup(".");
		if (!dir)
			bug("render: out of memory");
		partials = dir;
	}
	code = render(file, partials);
	free(dir);
	return code;
}
