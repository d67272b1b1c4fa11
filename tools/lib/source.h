/*
 * Source: a text file read as a stream of UTF-8, whatever encoding it is in.
 *
 * Opening reads the whole file once to find out the encoding (it runs at the speed of the disk); a
 * byte order mark is left out of the stream. UTF-8 is handed on without a copy in between.
 */
#ifndef TOOLS_LIB_SOURCE_H
#define TOOLS_LIB_SOURCE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/rc.h"
#include "tools/lib/encoding.h"

/* Embedded by its owner; fields are read, not written, from outside. */
struct source {
	int fd;
	uint64_t size, offset; /* of the file, in bytes, before conversion */
	enum encoding encoding;
	bool marked; /* there was a byte order mark */
	struct decoder decoder;
	struct buf decoded;
	size_t decoded_at;
	bool at_end;
};

/* Called while the file is looked through for its encoding, now and then. */
typedef void source_progress(uint64_t done, uint64_t total);

/* RC_INVALID when the file is empty or not text, RC_SYS when it cannot be read. After success pair
 * with source_close. */
enum rc source_open(struct source *s, const char *path, source_progress *progress, struct err *err);

/* Up to cap bytes of UTF-8; 0 at the end, -1 with errno when reading failed. */
ssize_t source_read(void *source, char *to, size_t cap);

/* Start again at the beginning. */
enum rc source_rewind(struct source *s, struct err *err);

void source_close(struct source *s);

#endif
