/*
 * Fuzzes multipart bodies as a handler reads them: the first line is the Content-Type, the rest the
 * body. Whatever is accepted must hold: parts follow one another within the body, a delimiter
 * stands behind each and none inside, names are what str_utf8 takes, and a copy has the bytes of
 * the part.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/str.h"
#include "fcgi/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int body_fd(const uint8_t *data, size_t size)
{
	int fd = memfd_create("body", MFD_CLOEXEC);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void check_part(
    struct multipart *mp, const struct part *part, const uint8_t *body, size_t size)
{
	size_t at = (size_t)part->offset, len = (size_t)part->size;
	size_t delimiter_at =
	    len ? at + len
		: (memcmp(body + at, mp->delimiter, mp->delimiter_len) == 0 ? at : at - 2);
	struct err err;
	const char *text;
	size_t text_len;

	check(part->offset > 0 && part->size >= 0 && at + len <= size);
	check(delimiter_at + mp->delimiter_len <= size);
	check(memcmp(body + delimiter_at, mp->delimiter, mp->delimiter_len) == 0);
	check(!memmem(body + at, len, mp->delimiter, mp->delimiter_len));
	check(str_utf8(part->name, strlen(part->name)));
	check(!part->filename || (strlen(part->filename) == part->filename_len &&
				     str_utf8(part->filename, part->filename_len)));
	if (multipart_field(mp, part, &text, &text_len, &err) == RC_OK)
		check(text_len == len && memcmp(text, body + at, len) == 0);
	else
		check(len > MULTIPART_FIELD_MAX);
}

static void check_copy(struct multipart *mp, const struct part *part, const uint8_t *body)
{
	int to = memfd_create("copy", MFD_CLOEXEC);
	char *copy = malloc((size_t)part->size + 1);
	struct err err;

	check(to >= 0 && copy);
	check(multipart_copy(mp, part, to, &err) == RC_OK);
	check(pread(to, copy, (size_t)part->size + 1, 0) == part->size);
	check(memcmp(copy, body + part->offset, (size_t)part->size) == 0);
	free(copy);
	close(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size), *body = line ? line + 1 : data + size;
	size_t body_size = (size_t)(data + size - body);
	struct multipart mp;
	struct part part;
	struct arena a;
	struct err err = {0};
	int64_t last = 0;
	char *type;
	int fd;
	enum rc rc;

	arena_init(&a);
	type = arena_strndup(&a, (const char *)data, line ? (size_t)(line - data) : size);
	fd = body_fd(body, body_size);
	rc = multipart_open(&mp, fd, (int64_t)body_size, type, &a, &err);
	if (rc == RC_OK) {
		while ((rc = multipart_next(&mp, &part, &err)) == RC_OK) {
			check(part.offset > last);
			last = part.offset + part.size;
			check_part(&mp, &part, body, body_size);
			if (part.filename && mp.parts < 4)
				check_copy(&mp, &part, body);
		}
		check(rc == RC_DONE || err.text[0]);
		multipart_close(&mp);
	} else {
		check(err.text[0] != '\0');
	}
	close(fd);
	arena_release(&a);
	return 0;
}
