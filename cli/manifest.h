/*
 * What a backup consists of: the names in it, the list of their checksums as sha256sum(1) writes
 * and checks it, and what `manifest.json` says of the whole.
 */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include <stdint.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/config.h"
#include "core/id.h"

#define MANIFEST_FORMAT 1
#define MANIFEST_FILE "manifest.json"
#define MANIFEST_SUMS "SHA256SUMS"

/* Things in a backup. Of them, directories of the site's own files are `area`s. */
enum part { PART_DATABASE, PART_CONFIG, PART_KEY, PART_FILE, PART_LOG, PART_AREA, PART_MAX };

#define AREAS 3
/* The name of an area in a backup, and the directory it is of: the last of those that the key
 * names, for the ones before it come with the program. In the arena. */
const char *area_name(size_t i);
const char *area_path(const struct config *cfg, size_t i, struct arena *a);

/* A name in a backup, taken apart. */
struct item {
	enum part part;
	char uuid[UUID_SIZE]; /* PART_FILE, and PART_LOG: of the job */
	int slot;             /* PART_LOG */
	size_t area;          /* PART_AREA */
	const char *path;     /* PART_AREA: within it; borrowed */
};

/* Names at the top; the others by printf'ing store_name and the like behind "store/". */
#define ITEM_DATABASE "dropmill.db"
#define ITEM_CONFIG "dropmill.conf"
#define ITEM_KEY "secret.key"

/* False: not a name that a backup may hold. */
bool item_parse(const char *name, struct item *out);

/* The whole. */
struct manifest {
	int64_t schema, created_at, jobs, files, bytes; /* files and bytes: of all that is listed */
	const char *program;
	char sums[65]; /* SHA-256 of the list, in hex */
};
enum rc manifest_write(int dir, const struct manifest *m, struct err *err);
/* RC_INVALID: it is not one of ours, or of a format that we do not know. */
enum rc manifest_read(int dir, struct arena *a, struct manifest *out, struct err *err);

/* One line of the list. */
struct sum {
	char hex[65];
	char *name; /* valid until the next line is read */
};
void sums_write(FILE *out, const char *hex, const char *name);
/* RC_DONE at the end; RC_INVALID: not such a line. *line and *size belong to getline(3). */
enum rc sums_read(FILE *in, char **line, size_t *size, struct sum *out, struct err *err);

#endif
