/*
 * dropmill-thumbnail: a small picture of a large one.
 *
 * vipsthumbnail does the work. Which of its readers sees a file is decided here, by the first
 * bytes: a picture in one of the formats named below, or nothing. Its readers that are programs of
 * their own kind (SVG, PDF, PostScript, everything of ImageMagick) are switched off besides.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/str.h"
#include "tools/lib/imagehdr.h"
#include "tools/lib/program.h"
#include "tools/lib/tool.h"

/* More is a mistake or a bomb. */
#define PIXELS_MAX 400000000u
#define HEAD_BYTES (1 << 20)

static const char usage[] =
    "usage: dropmill-thumbnail [--size N] FILE OUTDIR\n"
    "\n"
    "Writes OUTDIR/NAME-N.jpg, or .png for what may be transparent: the picture, upright, without\n"
    "metadata, at most N pixels wide and high (400). Takes PNG, JPEG, GIF, WebP, TIFF, HEIC and "
    "AVIF.\n"
    "Needs vipsthumbnail (Debian: libvips-tools).\n"
    "\n"
    "  --size N   16 to 4096 (DROPMILL_PARAM_SIZE)\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 no picture, damaged or too large, 69 a program is missing,\n"
    "74 input or output.\n";

/* A format by its first bytes; name and size come from the header where we read it ourselves. */
static const struct {
	const char *name, *extension;
	size_t at, len;
	const char *magic;
} formats[] = {
    {"PNG", ".png", 0, 8, "\x89PNG\r\n\x1a\n"},
    {"JPEG", ".jpg", 0, 3, "\xff\xd8\xff"},
    {"GIF", ".png", 0, 4, "GIF8"},
    {"WebP", ".png", 8, 4, "WEBP"},
    {"TIFF", ".jpg", 0, 4, "II*\0"},
    {"TIFF", ".jpg", 0, 4, "MM\0*"},
    {"HEIC", ".jpg", 4, 7, "ftyphei"},
    {"HEIC", ".jpg", 4, 7, "ftypmif"},
    {"AVIF", ".jpg", 4, 7, "ftypavi"},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The first bytes of a file. Borrowed until the next call. */
static const unsigned char *head_of(const char *path, size_t *len)
{
	static unsigned char head[HEAD_BYTES];
	struct err err;
	uint64_t size;
	ssize_t n;
	int fd;

	*len = 0;
	if (tool_open(path, &fd, &size, &err))
		tool_fail(&err);
	while (*len < sizeof head && (n = read(fd, head + *len, sizeof head - *len)) > 0)
		*len += (size_t)n;
	close(fd);
	return head;
}

static size_t find_format(const unsigned char *head, size_t len)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (len >= formats[i].at + formats[i].len &&
		    memcmp(head + formats[i].at, formats[i].magic, formats[i].len) == 0)
			return i;
	tool_die(EX_DATAERR, "this is no picture in a format that is taken");
}

static void check_size(const struct imagehdr *h)
{
	uint64_t pixels = (uint64_t)h->width * h->height;
	char text[32], most[32];

	if (pixels > PIXELS_MAX)
		tool_die(EX_DATAERR, "the picture has %s million pixels; %s million are taken",
		    str_count((int64_t)(pixels / 1000000), text),
		    str_count(PIXELS_MAX / 1000000, most));
}

/* OUTDIR/NAME-N.EXT */
static void output_path(char *out, size_t size, const char *outdir, const char *file,
    const char *side, const char *extension)
{
	const char *base = tool_basename(file), *dot = strrchr(base, '.');
	int len = dot && dot != base ? (int)(dot - base) : (int)strlen(base);

	if (!str_fmt(
		out, size, "%s/%.*s-%s%s", outdir, len > 230 ? 230 : len, base, side, extension))
		tool_die(EX_IOERR, "the path of the output is too long");
}

/* vips makes what it can of a picture that ends too soon, and only says so. */
static bool is_cut(const char *said)
{
	static const char *const words[] = {"not enough data", "remature end", "runcated",
	    "read error", "unexpected end", "corrupt"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(said, words[i]))
			return true;
	return false;
}

/* A name of ours for the input. */
static void name_source(char *out, size_t size, const char *file)
{
	static char dir[4096];
	const char *tmp = getenv("TMPDIR");

	if (!str_fmt(dir, sizeof dir, "%s/thumbnail-XXXXXX", tmp ? tmp : "/tmp") || !mkdtemp(dir) ||
	    !str_fmt(out, size, "%s/input", dir) || symlink(file, out) != 0)
		tool_die(EX_IOERR, "cannot make a link in %s", tmp ? tmp : "/tmp");
	strcat(out, "[fail_on=error]");
}

static _Noreturn void refuse(const struct buf *said)
{
	printf("%.2000s\n", said->data);
	fflush(stdout);
	tool_die(EX_DATAERR, "the picture cannot be read: it is damaged or cut off");
}

static const char *read_size(int argc, char **argv)
{
	static const struct option options[] = {
	    {"size", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *side = tool_param("SIZE");
	int64_t n;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			side = optarg;
		else if (c == 'h')
			tool_help();
		else
			tool_usage("unknown option or missing value: %s", argv[optind - 1]);
	}
	if (side && !str_int(side, 16, 4096, &n))
		tool_usage("SIZE must be a whole number from 16 to 4096, not \"%s\"", side);
	return side ? side : "400";
}

int main(int argc, char **argv)
{
	char path[4096], plain[4096], target[4200], source[4200], bounds[32];
	const char *file, *outdir, *side;
	struct imagehdr before = {0}, after = {0};
	const unsigned char *head;
	struct buf said;
	size_t format, len;

	tool_init(usage);
	side = read_size(argc, argv);
	tool_paths(argc, argv, optind, &file, &outdir);
	head = head_of(file, &len);
	format = find_format(head, len);
	if (imagehdr_read(head, len, &before))
		check_size(&before);
	output_path(path, sizeof path, outdir, file, side, formats[format].extension);
	/* vips reads options from names, so it is shown none that somebody chose. */
	snprintf(plain, sizeof plain, "%s/thumbnail%s", outdir, formats[format].extension);
	snprintf(target, sizeof target, "%s[%sstrip]", plain,
	    strcmp(formats[format].extension, ".jpg") == 0 ? "Q=85,optimize_coding," : "");
	name_source(source, sizeof source, file);
	snprintf(bounds, sizeof bounds, "%sx%s>", side, side);
	tool_progress(0, "making it smaller");
	setenv("VIPS_BLOCK_UNTRUSTED", "1", 1);
	setenv("VIPS_CONCURRENCY", "1", 1);
	const char *const small[] = {"vipsthumbnail", "--size", bounds, "-o", target, source, NULL};
	buf_init(&said);
	if (program_run(small, &said) != 0 || is_cut(said.data) || rename(plain, path) != 0)
		refuse(&said);
	buf_release(&said);
	head = head_of(path, &len);
	if (!imagehdr_read(head, len, &after))
		tool_die(EX_SOFTWARE, "vipsthumbnail wrote something that is no picture");
	tool_progress(100, "done");
	if (before.format)
		tool_result("%" PRIu32 " x %" PRIu32 ", from %" PRIu32 " x %" PRIu32 " %s",
		    after.width, after.height, before.width, before.height, formats[format].name);
	else
		tool_result("%" PRIu32 " x %" PRIu32 ", from %s", after.width, after.height,
		    formats[format].name);
	return EX_OK;
}
