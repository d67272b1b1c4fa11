/*
 * Programs and packages. Only what the shipped types ask for, and what sites are likely to.
 */
#include "cli/packages.h"

#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *program, *package;
} list[] = {
    {"vipsthumbnail", "libvips-tools"},
    {"pdftotext", "poppler-utils"},
    {"pdfinfo", "poppler-utils"},
    {"soffice", "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"},
    {"convert", "imagemagick"},
    {"ffmpeg", "ffmpeg"},
    {"pandoc", "pandoc"},
    {"tesseract", "tesseract-ocr"},
    {"qpdf", "qpdf"},
    {"gs", "ghostscript"},
};

static const char *package_of(const char *program)
{
	const char *slash = strrchr(program, '/');

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (strcmp(list[i].program, slash ? slash + 1 : program) == 0)
			return list[i].package;
	return NULL;
}

const char *packages_advice(const struct jobtype *t)
{
	const char *missing = jobtype_missing(cli_config(), t, &cli.arena);
	const char *package = missing ? package_of(missing) : NULL;

	if (!missing)
		return NULL;
	if (package)
		return arena_printf(&cli.arena, "apt-get install %s", package);
	return arena_printf(
	    &cli.arena, "put %s where the job type looks for it (docs/JOB-TYPES.md)", missing);
}
