/*
 * dropmill-pdf-text: the text of a PDF, page by page, and what the document says of itself.
 *
 * pdfinfo and pdftotext of poppler do the work; this tells progress, says why a document gives no
 * text, and sums up. A page ends with a form feed in the text, as pdftotext has it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/str.h"
#include "tools/lib/json.h"
#include "tools/lib/program.h"
#include "tools/lib/textstat.h"
#include "tools/lib/tool.h"

static const char usage[] =
    "usage: dropmill-pdf-text FILE OUTDIR\n"
    "\n"
    "Writes the text of a PDF to OUTDIR/NAME.txt, with a form feed behind each page, and its "
    "figures\n"
    "to OUTDIR/pdf.json. Needs pdftotext and pdfinfo (Debian: poppler-utils).\n"
    "\n"
    "Exit status: 0 done, also when there is no text, 64 usage, 65 no PDF, damaged or locked,\n"
    "69 a program is missing, 74 input or output.\n";

/* What pdfinfo tells, by its words and by ours. */
static const struct {
	const char *key, *member;
} facts[] = {
    {"Title", "title"},
    {"Author", "author"},
    {"Producer", "producer"},
    {"PDF version", "version"},
    {"Page size", "page_size"},
    {"Encrypted", "encrypted"},
};

static _Noreturn void refuse(const struct buf *said)
{
	if (strstr(said->data, "Incorrect password"))
		tool_die(
		    EX_DATAERR, "the PDF is locked with a password; remove it and upload again");
	if (strstr(said->data, "May not be a PDF") || strstr(said->data, "trailer") ||
	    strstr(said->data, "xref"))
		tool_die(EX_DATAERR, "this is no PDF, or a damaged one");
	tool_die(EX_DATAERR, "the PDF cannot be read: it is damaged or cut off");
}

static int64_t read_info(const char *file, struct buf *said)
{
	const char *const argv[] = {"pdfinfo", "-enc", "UTF-8", file, NULL};
	const char *pages;
	int64_t n = 0;

	tool_progress(0, "looking at the document");
	if (program_run(argv, said) != 0)
		refuse(said);
	pages = program_value(said->data, "Pages");
	if (!pages || !str_int(pages, 0, INT64_MAX, &n) || n == 0)
		tool_die(EX_DATAERR, "the PDF has no pages");
	return n;
}

static void count_text(const char *path, struct textstat *stat)
{
	char block[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		tool_die(EX_DATAERR, "the PDF cannot be read: it is damaged or cut off");
	while ((n = read(fd, block, sizeof block)) > 0)
		textstat_feed(stat, block, (size_t)n);
	textstat_end(stat);
	close(fd);
}

static void write_facts(
    const char *outdir, const struct buf *said, int64_t pages, const struct textstat *stat)
{
	struct buf json;
	struct err err;

	buf_init(&json);
	buf_printf(&json, "{\"pages\":%" PRId64 ",\"words\":%" PRIu64 ",\"lines\":%" PRIu64, pages,
	    stat->words, textstat_lines(stat));
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		const char *value = program_value(said->data, facts[i].key);

		buf_printf(&json, ",\"%s\":", facts[i].member);
		json_text(&json, value && *value ? value : NULL);
	}
	buf_adds(&json, "}\n");
	if (tool_write(outdir, "pdf.json", &json, &err))
		tool_fail(&err);
	buf_release(&json);
}

int main(int argc, char **argv)
{
	char path[4096], name[256], words[32], pages_text[32];
	const char *file, *outdir, *base;
	struct textstat stat = {0};
	struct buf said, talk;
	int64_t pages;

	tool_init(usage);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		tool_help();
	tool_paths(argc, argv, 1, &file, &outdir);
	buf_init(&said);
	buf_init(&talk);
	pages = read_info(file, &said);
	base = tool_basename(file);
	snprintf(name, sizeof name, "%.*s.txt",
	    (int)(strrchr(base, '.') && strrchr(base, '.') != base ? strrchr(base, '.') - base
								   : 240),
	    base);
	if (!str_fmt(path, sizeof path, "%s/%s", outdir, name))
		tool_die(EX_IOERR, "the path of the output is too long");
	tool_progress(10, "reading the text");
	const char *const convert[] = {"pdftotext", "-enc", "UTF-8", "-q", file, path, NULL};
	if (program_run(convert, &talk) != 0)
		tool_die(EX_DATAERR, "the text cannot be read: the PDF is damaged, or forbids it");
	count_text(path, &stat);
	write_facts(outdir, &said, pages, &stat);
	buf_release(&said);
	buf_release(&talk);
	tool_progress(100, "done");
	str_count(pages, pages_text);
	if (!stat.words) {
		unlink(path);
		tool_result(
		    "%s page%s without text: scanned, it seems", pages_text, pages == 1 ? "" : "s");
		return EX_OK;
	}
	tool_result("%s page%s, %s words", pages_text, pages == 1 ? "" : "s",
	    str_count((int64_t)stat.words, words));
	return EX_OK;
}
