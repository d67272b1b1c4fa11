/*
 * dropmill-zip: the results of a job in one archive, for whoever wants all of them at once.
 *
 * It knows nothing but a directory, a list of files there and the names they are to have, so it can
 * run with no rights beyond reading them. It looks into no file: bytes are copied, or deflated.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/str.h"
#include "tools/lib/tool.h"
#include "tools/lib/zipfile.h"

static const char usage[] =
    "usage: dropmill-zip [--time SECONDS] DIR <LIST >ARCHIVE\n"
    "\n"
    "Writes a zip file of files in DIR to standard output, which must be a file. LIST holds three\n"
    "texts for each file, each ended by a NUL: its path in DIR, its content type, and its name in\n"
    "the archive. Text is deflated, everything else stored.\n"
    "\n"
    "  --time SECONDS   time of all entries, since 1970 UTC; without it 1 January 1980\n"
    "  --help           this text\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 list, 73 the disk is full, 74 input or output.\n";

/* What gets smaller by deflating. */
static bool is_text(const char *type)
{
	static const char *const others[] = {"application/json", "application/xml",
	    "application/javascript", "application/x-ndjson", "application/rtf",
	    "application/postscript", "image/bmp", "image/x-ms-bmp", "image/svg+xml", "image/tiff"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(type, others[i]) == 0)
			return true;
	return strncmp(type, "text/", 5) == 0;
}

/* One of the three texts; NULL at the end of the list. */
static char *next_text(char **text, size_t *room)
{
	ssize_t n = getdelim(text, room, '\0', stdin);

	if (n <= 0)
		return NULL;
	if ((*text)[n - 1] != '\0')
		tool_die(EX_DATAERR, "the list ends in the middle of a text");
	return *text;
}

static enum rc add(struct zipfile *z, int dir, const char *path, const char *type, const char *name,
    struct err *err)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum rc rc;

	if (fd < 0)
		return err_sys(err, "cannot open \"%.100s\"", path);
	rc = zipfile_add(z, name, fd, is_text(type), err);
	close(fd);
	return rc;
}

static enum rc add_all(struct zipfile *z, int dir, struct err *err)
{
	char *path = NULL, *type = NULL, *name = NULL;
	size_t path_room = 0, type_room = 0, name_room = 0;
	enum rc rc = RC_OK;

	while (!rc && next_text(&path, &path_room)) {
		if (!next_text(&type, &type_room) || !next_text(&name, &name_room))
			tool_die(EX_DATAERR, "the list ends in the middle of a file");
		rc = add(z, dir, path, type, name, err);
	}
	free(path);
	free(type);
	free(name);
	if (!rc && ferror(stdin))
		rc = err_sys(err, "cannot read the list");
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"help", no_argument, NULL, 'h'}, {"time", required_argument, NULL, 't'}, {0}};
	struct zipfile z;
	struct err err;
	int64_t at = 0;
	int dir, c;
	enum rc rc;

	tool_init(usage);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			tool_help();
		if (c != 't' || !str_int(optarg, 0, INT64_C(1) << 40, &at))
			tool_usage("bad option");
	}
	if (argc - optind != 1)
		tool_usage("one directory is expected");
	dir = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		tool_die(EX_IOERR, "cannot open %s: %s", argv[optind], strerror(errno));
	if (lseek(STDOUT_FILENO, 0, SEEK_CUR) != 0)
		tool_die(EX_IOERR, "standard output is not an empty file");
	zipfile_init(&z, STDOUT_FILENO, (time_t)at);
	rc = add_all(&z, dir, &err);
	if (!rc)
		rc = zipfile_finish(&z, &err);
	if (!rc && fdatasync(STDOUT_FILENO) < 0)
		rc = err_sys(&err, "cannot sync the archive");
	zipfile_release(&z);
	close(dir);
	if (rc == RC_LIMIT)
		tool_die(EX_CANTCREAT, "%s", err.text);
	if (rc)
		tool_fail(&err);
	return EX_OK;
}
