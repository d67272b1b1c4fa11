/*
 * Typing outputs. Texts by their names: libmagic knows few dialects of them, and asking costs a
 * process. Everything else by core/sniff.h. A type decides how a download is labelled, never what
 * is done with it.
 */
#include "processor/sniff.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/sniff.h"
#include "core/str.h"

static const struct {
	const char *extension, *type;
} texts[] = {
    {".txt", "text/plain"},
    {".log", "text/plain"},
    {".csv", "text/csv"},
    {".tsv", "text/tab-separated-values"},
    {".json", "application/json"},
    {".html", "text/html"},
    {".md", "text/markdown"},
    {".xml", "application/xml"},
};

/* Whether the beginning is text: UTF-8 as far as it goes, without NUL. */
static bool begins_as_text(int fd)
{
	char head[4096];
	ssize_t n = pread(fd, head, sizeof head, 0);

	/* The last character may be cut in two. */
	for (int i = 0; n > 0 && i < 4 && i < n; i++)
		if (str_utf8(head, (size_t)(n - (n == sizeof head ? i : 0))))
			return true;
	return false;
}

void sniff_output(int fd, const char *name, char *out, size_t size)
{
	static struct sniff *sniffer;
	const char *dot = strrchr(name, '.');
	char type[SNIFF_TYPE_SIZE];

	for (size_t i = 0; dot && i < sizeof texts / sizeof *texts; i++)
		if (strcasecmp(dot, texts[i].extension) == 0 && begins_as_text(fd)) {
			snprintf(out, size, "%s", texts[i].type);
			return;
		}
	if (!sniffer)
		sniffer = sniff_open();
	snprintf(out, size, "%s", sniff_type(sniffer, fd, type));
}
