/*
 * Names in archives, which anybody may have chosen.
 */
#include "tools/lib/archive_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"

static const char *const oddities[ODD_MAX] = {"absolute path", "leads upwards", "odd characters",
    "link that leads out", "device", "set-user-id"};

static bool climbs(const char *name)
{
	for (const char *p = name; (p = strstr(p, "..")); p += 2)
		if ((p == name || strchr("/\\", p[-1])) && (!p[2] || strchr("/\\", p[2])))
			return true;
	return false;
}

unsigned archive_name_oddities(const char *name)
{
	unsigned odd = 0;

	if (name[0] == '/' || name[0] == '\\' ||
	    (isalpha((unsigned char)name[0]) && name[1] == ':'))
		odd |= ODD_ABSOLUTE;
	if (climbs(name))
		odd |= ODD_PARENT;
	if (!str_utf8(name, strlen(name)))
		odd |= ODD_LETTERS;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			odd |= ODD_LETTERS;
	return odd;
}

void archive_oddity_words(unsigned odd, struct buf *out)
{
	for (int i = 0; i < ODD_MAX; i++)
		if (odd >> i & 1)
			buf_printf(out, "%s%s", out->len ? "; " : "", oddities[i]);
}

bool archive_name_nested(const char *name)
{
	static const char *const list[] = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst",
	    ".7z", ".rar", ".cab", ".iso", ".jar", ".lha", ".lzh"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof list / sizeof *list; i++)
		if (strcasecmp(dot, list[i]) == 0)
			return true;
	return false;
}

const char *archive_name_clean(const char *name, struct buf *out)
{
	bool text = str_utf8(name, strlen(name));

	buf_clear(out);
	for (const char *p = name; *p; p++)
		buf_addc(out,
		    (unsigned char)*p < 0x20 || *p == 0x7f || (!text && (*p & 0x80)) ? '?' : *p);
	return out->data;
}

void archive_csv_cell(const char *text, struct buf *out)
{
	buf_addc(out, '"');
	if (*text && strchr("=+-@", *text))
		buf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '"')
			buf_addc(out, '"');
		buf_addc(out, *text);
	}
	buf_addc(out, '"');
}
