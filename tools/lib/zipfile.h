/*
 * Zipfile: writing an archive in one pass, to a file of any size.
 *
 * The same entries give the same bytes: times are the caller's, and nothing of the machine goes in.
 * Names are UTF-8 and say so. Entries and archives past the old limits are written as Zip64. Text
 * is deflated, everything else stored as it is: what is large is as a rule packed already.
 */
#ifndef TOOLS_LIB_ZIPFILE_H
#define TOOLS_LIB_ZIPFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/buf.h"
#include "core/rc.h"

struct zipfile {
	int fd; /* borrowed; seekable, at its beginning, and nobody else writes to it */
	uint64_t at;
	struct buf directory; /* of what was added so far */
	uint64_t count;
	uint32_t dos_time;
};

/* Begin; every entry bears the time (UTC). Pair with zipfile_release. */
void zipfile_init(struct zipfile *z, int fd, time_t at);
void zipfile_release(struct zipfile *z);

/* Whether a name can stand in an archive: UTF-8, relative, no empty component, none that is "." or
 * "..", no backslash, at most 65,535 bytes. */
bool zipfile_name_valid(const char *name);

/* Add the regular file open at `from`, read from its beginning to its end. RC_INVALID: the name, or
 * it is no regular file, or its size changes while it is read; RC_LIMIT: the disk is full; RC_SYS.
 * After a failure the archive is of no use. */
enum rc zipfile_add(struct zipfile *z, const char *name, int from, bool deflated, struct err *err);

/* Write the directory. The archive is complete, and not synced. */
enum rc zipfile_finish(struct zipfile *z, struct err *err);

#endif
