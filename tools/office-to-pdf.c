/*
 * dropmill-office-to-pdf: a document, sheet or presentation as PDF.
 *
 * LibreOffice does the work, without a window and with a profile of its own that is gone with the
 * job. It ends with 0 whatever happens, so what counts is whether there is a PDF.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/str.h"
#include "tools/lib/program.h"
#include "tools/lib/tool.h"

static const char usage[] =
    "usage: dropmill-office-to-pdf FILE OUTDIR\n"
    "\n"
    "Writes OUTDIR/NAME.pdf. Takes what LibreOffice opens: ODF, Word, Excel, PowerPoint, RTF.\n"
    "Needs soffice (Debian: libreoffice-writer-nogui libreoffice-calc-nogui\n"
    "libreoffice-impress-nogui).\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 no document, damaged or locked, 69 a program is missing,\n"
    "74 input or output.\n";

/* The one PDF in the output directory. Static; NULL: there is none. */
static const char *find_pdf(const char *outdir)
{
	static char name[256];
	DIR *dir = opendir(outdir);
	struct dirent *d;
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		size_t len = strlen(d->d_name);

		found = len > 4 && strcmp(d->d_name + len - 4, ".pdf") == 0 &&
			snprintf(name, sizeof name, "%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found ? name : NULL;
}

/* How many pages it has, if pdfinfo is there to tell; NULL otherwise. */
static const char *pages_of(const char *outdir, const char *name, struct buf *said)
{
	char path[4096];
	const char *const argv[] = {"pdfinfo", path, NULL};

	if (access("/usr/bin/pdfinfo", X_OK) != 0 ||
	    !str_fmt(path, sizeof path, "%s/%s", outdir, name))
		return NULL;
	buf_clear(said);
	return program_run(argv, said) == 0 ? program_value(said->data, "Pages") : NULL;
}

int main(int argc, char **argv)
{
	char profile[4096];
	const char *file, *outdir, *name, *pages, *tmp = getenv("TMPDIR");
	struct buf said;
	struct err err;
	uint64_t size;
	int fd;

	tool_init(usage);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		tool_help();
	tool_paths(argc, argv, 1, &file, &outdir);
	if (tool_open(file, &fd, &size, &err))
		tool_fail(&err);
	close(fd);
	snprintf(profile, sizeof profile, "-env:UserInstallation=file://%s/office-%d",
	    tmp ? tmp : "/tmp", (int)getpid());
	tool_progress(5, "opening the document");
	const char *const convert[] = {"soffice", profile, "--headless", "--norestore", "--nologo",
	    "--nodefault", "--nolockcheck", "--convert-to", "pdf", "--outdir", outdir, file, NULL};
	buf_init(&said);
	if (program_run(convert, &said) >= 128)
		tool_die(EX_DATAERR, "LibreOffice crashed over this document");
	fwrite(said.data, 1, said.len, stdout);
	name = find_pdf(outdir);
	if (!name)
		tool_die(EX_DATAERR,
		    "LibreOffice cannot open it: damaged, locked with a password, or no document");
	pages = pages_of(outdir, name, &said);
	tool_progress(100, "done");
	if (pages)
		tool_result("PDF, %s page%s", pages, strcmp(pages, "1") == 0 ? "" : "s");
	else
		tool_result("PDF");
	return EX_OK;
}
