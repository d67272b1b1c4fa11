/*
 * Archive names: what is odd about a name in an archive, and the name as it may be shown.
 */
#ifndef TOOLS_LIB_ARCHIVE_NAMES_H
#define TOOLS_LIB_ARCHIVE_NAMES_H

#include <stdbool.h>

#include "core/buf.h"

/* What would surprise whoever unpacks it (bits). */
enum {
	ODD_ABSOLUTE = 1, /* begins at the root, or at a drive */
	ODD_PARENT = 2,   /* climbs with ".." */
	ODD_LETTERS = 4,  /* control characters, or no UTF-8 */
	ODD_LINK = 8,     /* a link that leads out */
	ODD_DEVICE = 16,
	ODD_SETUID = 32,
};
#define ODD_MAX 6

/* Of a name, or of the target of a link: the first three. */
unsigned archive_name_oddities(const char *name);

/* "absolute path, control characters" of the bits, appended. */
void archive_oddity_words(unsigned odd, struct buf *out);

/* Whether it is called like an archive. */
bool archive_name_nested(const char *name);

/* The name as UTF-8 without control characters: others become '?'. In `out`, borrowed from it. */
const char *archive_name_clean(const char *name, struct buf *out);

/* Appended as a cell of a CSV: quoted where need be, and no spreadsheet takes it for a formula. */
void archive_csv_cell(const char *text, struct buf *out);

#endif
