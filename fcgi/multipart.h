/*
 * multipart/form-data (RFC 7578), read from a file in windows of bounded size.
 *
 * The framing is the one piece of unvetted bytes that a process with a database handle parses, so
 * it is strict: what is not exactly as browsers and curl write it is refused with a sentence, never
 * guessed at. Contents of files are not looked at, only their place is found; the caller copies
 * them.
 */
#ifndef FCGI_MULTIPART_H
#define FCGI_MULTIPART_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/rc.h"

#define MULTIPART_PARTS_MAX 1000
#define MULTIPART_HEADER_MAX 8192
#define MULTIPART_FIELD_MAX 65536
#define MULTIPART_BOUNDARY_MAX 70

/* One part. Texts are in the arena and end in a NUL that is not counted; they hold no NUL and are
 * UTF-8. */
struct part {
	const char *name;
	const char
	    *filename; /* NULL: a field, not a file; "" : a file field in which none was chosen */
	size_t filename_len;
	int64_t offset, size; /* of the content in the body */
};

struct multipart {
	int fd;
	int64_t size, at; /* at: where the next part's headers begin */
	struct arena *arena;
	char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--boundary" */
	size_t delimiter_len;
	int parts;
	bool done;
	char *window; /* WINDOW bytes at window_at, window_len of them good */
	int64_t window_at;
	size_t window_len;
};

/* The boundary is taken from the Content-Type. RC_INVALID: it is not multipart/form-data with a
 * proper boundary, or the body does not begin with it. Pair with multipart_close. */
enum rc multipart_open(struct multipart *mp, int fd, int64_t size, const char *content_type,
    struct arena *a, struct err *err);
void multipart_close(struct multipart *mp);

/* The next part; RC_DONE behind the last. RC_INVALID: malformed, cut off; RC_LIMIT: too many parts
 * or too large a header; RC_SYS: reading failed. */
enum rc multipart_next(struct multipart *mp, struct part *part, struct err *err);

/* The content of a field. RC_LIMIT past MULTIPART_FIELD_MAX. The text may hold anything. */
enum rc multipart_field(
    struct multipart *mp, const struct part *part, const char **text, size_t *len, struct err *err);

/* Copy the content of a part into a file that is open for writing, inside the kernel. */
enum rc multipart_copy(struct multipart *mp, const struct part *part, int to, struct err *err);

#endif
