/*
 * Writing a zip file: APPNOTE.TXT 6.3 without anything that is not needed to read it anywhere.
 *
 * A local header is written when its entry is complete, into the room that was left for it; so
 * sizes and checksum stand in front of the data, where every reader finds them, the streaming ones
 * too. Zip64 fields stand there only where a size needs them, which is known beforehand.
 */
#include "tools/lib/zipfile.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/str.h"

#define PIECE (1u << 20)
#define LEVEL 6
#define METHOD_STORED 0
#define METHOD_DEFLATED 8
#define FLAG_UTF8 0x0800
#define LOCAL_SIZE 30
#define LOCAL_EXTRA 20 /* Zip64: both sizes */
#define LIMIT32 0xffffffffu
#define LIMIT16 0xffffu
#define UNIX 3
#define MODE (0100644u << 16)

static unsigned char in[PIECE], out[PIECE];

static void put16(struct buf *b, unsigned n)
{
	const char s[] = {(char)n, (char)(n >> 8)};

	buf_add(b, s, sizeof s);
}

static void put32(struct buf *b, uint32_t n)
{
	put16(b, n & LIMIT16);
	put16(b, n >> 16);
}

static void put64(struct buf *b, uint64_t n)
{
	put32(b, n & LIMIT32);
	put32(b, (uint32_t)(n >> 32));
}

/* What does not fit stands in the Zip64 field, and here all ones. */
static uint32_t cut32(uint64_t n)
{
	return n < LIMIT32 ? (uint32_t)n : LIMIT32;
}

static uint32_t dos_time(time_t at)
{
	struct tm t;

	if (!gmtime_r(&at, &t) || t.tm_year < 80)
		return (uint32_t)(1 << 5 | 1) << 16; /* 1 January 1980 */
	return (uint32_t)((t.tm_year - 80) << 9 | (t.tm_mon + 1) << 5 | t.tm_mday) << 16 |
	       (uint32_t)(t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec / 2);
}

void zipfile_init(struct zipfile *z, int fd, time_t at)
{
	*z = (struct zipfile){.fd = fd, .dos_time = dos_time(at)};
	buf_init(&z->directory);
}

void zipfile_release(struct zipfile *z)
{
	buf_release(&z->directory);
}

bool zipfile_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > LIMIT16 || !str_utf8(name, len) || strchr(name, '\\'))
		return false;
	for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
		size_t n = strcspn(at, "/");

		if (!n || (n == 1 && *at == '.') || (n == 2 && memcmp(at, "..", 2) == 0))
			return false;
	}
	return true;
}

static enum rc write_at(int fd, const void *data, size_t len, uint64_t at, struct err *err)
{
	const char *from = data;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n <= 0)
			return err_sys(err, "cannot write the archive");
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return RC_OK;
}

struct entry {
	const char *name;
	uint64_t start, size, packed; /* packed: bytes in the archive */
	uint32_t crc;
	unsigned method;
	bool large; /* the local header has a Zip64 field */
};

static enum rc append(
    struct zipfile *z, struct entry *e, const void *data, size_t len, struct err *err)
{
	enum rc rc = write_at(z->fd, data, len, z->at, err);

	z->at += len;
	e->packed += len;
	return rc;
}

/* Everything the deflater has to say about its input. */
static enum rc drain(struct zipfile *z, struct entry *e, z_stream *s, int flush, struct err *err)
{
	enum rc rc = RC_OK;

	do {
		s->next_out = out;
		s->avail_out = sizeof out;
		if (deflate(s, flush) == Z_STREAM_ERROR)
			return err_set(err, RC_SYS, "cannot deflate");
		rc = append(z, e, out, sizeof out - s->avail_out, err);
	} while (!rc && s->avail_out == 0);
	return rc;
}

/* The bytes of a file, into the archive as the method wants it. */
static enum rc copy(struct zipfile *z, struct entry *e, int from, struct err *err)
{
	z_stream s = {0};
	uint64_t done = 0;
	ssize_t n = 0;
	enum rc rc = RC_OK;

	if (e->method == METHOD_DEFLATED &&
	    deflateInit2(&s, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, RC_SYS, "cannot begin to deflate");
	while (!rc && (n = pread(from, in, sizeof in, (off_t)done)) > 0) {
		done += (uint64_t)n;
		e->crc = (uint32_t)crc32(e->crc, in, (unsigned)n);
		s.next_in = in;
		s.avail_in = (unsigned)n;
		rc = e->method == METHOD_DEFLATED ? drain(z, e, &s, Z_NO_FLUSH, err)
						  : append(z, e, in, (size_t)n, err);
		if (!rc && done > e->size)
			break;
	}
	if (!rc && n < 0)
		rc = err_sys(err, "cannot read \"%.100s\"", e->name);
	if (!rc && done != e->size)
		rc = err_set(err, RC_INVALID, "\"%.100s\" changes while it is read", e->name);
	if (!rc && e->method == METHOD_DEFLATED)
		rc = drain(z, e, &s, Z_FINISH, err);
	if (e->method == METHOD_DEFLATED)
		deflateEnd(&s);
	return rc;
}

/* What local header and directory have in common: version needed up to the length of the name. */
static void put_common(struct buf *b, const struct zipfile *z, const struct entry *e, bool zip64)
{
	put16(b, zip64 ? 45 : 20);
	put16(b, FLAG_UTF8);
	put16(b, e->method);
	put32(b, z->dos_time);
	put32(b, e->crc);
}

static enum rc write_local(struct zipfile *z, const struct entry *e, struct err *err)
{
	struct buf b;
	enum rc rc;

	buf_init(&b);
	put32(&b, 0x04034b50);
	put_common(&b, z, e, e->large);
	put32(&b, e->large ? LIMIT32 : (uint32_t)e->packed);
	put32(&b, e->large ? LIMIT32 : (uint32_t)e->size);
	put16(&b, (unsigned)strlen(e->name));
	put16(&b, e->large ? LOCAL_EXTRA : 0);
	buf_adds(&b, e->name);
	if (e->large) {
		put16(&b, 1);
		put16(&b, 16);
		put64(&b, e->size);
		put64(&b, e->packed);
	}
	rc = write_at(z->fd, b.data, b.len, e->start, err);
	buf_release(&b);
	return rc;
}

static void add_to_directory(struct zipfile *z, const struct entry *e)
{
	struct buf *b = &z->directory;
	unsigned extra = (e->size >= LIMIT32 ? 8 : 0) + (e->packed >= LIMIT32 ? 8 : 0) +
			 (e->start >= LIMIT32 ? 8 : 0);

	put32(b, 0x02014b50);
	put16(b, UNIX << 8 | (extra ? 45 : 20));
	put_common(b, z, e, extra || e->large);
	put32(b, cut32(e->packed));
	put32(b, cut32(e->size));
	put16(b, (unsigned)strlen(e->name));
	put16(b, extra ? extra + 4 : 0);
	put16(b, 0); /* comment */
	put16(b, 0); /* disk */
	put16(b, 0); /* internal attributes */
	put32(b, MODE);
	put32(b, cut32(e->start));
	buf_adds(b, e->name);
	if (extra) {
		put16(b, 1);
		put16(b, extra);
	}
	if (e->size >= LIMIT32)
		put64(b, e->size);
	if (e->packed >= LIMIT32)
		put64(b, e->packed);
	if (e->start >= LIMIT32)
		put64(b, e->start);
	z->count++;
}

enum rc zipfile_add(struct zipfile *z, const char *name, int from, bool deflated, struct err *err)
{
	struct entry e = {.name = name, .start = z->at};
	struct stat st;
	enum rc rc;

	if (!zipfile_name_valid(name))
		return err_set(err, RC_INVALID, "name is not fit for an archive");
	if (fstat(from, &st) < 0)
		return err_sys(err, "cannot look at \"%.100s\"", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, RC_INVALID, "\"%.100s\" is not a regular file", name);
	e.size = (uint64_t)st.st_size;
	e.method = deflated ? METHOD_DEFLATED : METHOD_STORED;
	/* Deflating what cannot be packed adds five bytes to each 16 KB at most. */
	e.large = e.size >= LIMIT32 - e.size / 1024 - PIECE;
	z->at += LOCAL_SIZE + strlen(name) + (e.large ? LOCAL_EXTRA : 0);
	rc = copy(z, &e, from, err);
	if (!rc)
		rc = write_local(z, &e, err);
	if (!rc)
		add_to_directory(z, &e);
	return rc;
}

/* Zip64's own end, in front of the old one. */
static void put_end64(struct buf *b, const struct zipfile *z, uint64_t size)
{
	uint64_t at = z->at + size;

	put32(b, 0x06064b50);
	put64(b, 44); /* of what follows */
	put16(b, UNIX << 8 | 45);
	put16(b, 45);
	put32(b, 0);
	put32(b, 0);
	put64(b, z->count);
	put64(b, z->count);
	put64(b, size);
	put64(b, z->at);
	put32(b, 0x07064b50);
	put32(b, 0);
	put64(b, at);
	put32(b, 1);
}

enum rc zipfile_finish(struct zipfile *z, struct err *err)
{
	struct buf *b = &z->directory;
	uint64_t size = b->len;
	unsigned count = z->count < LIMIT16 ? (unsigned)z->count : LIMIT16;

	if (z->count >= LIMIT16 || size >= LIMIT32 || z->at >= LIMIT32)
		put_end64(b, z, size);
	put32(b, 0x06054b50);
	put16(b, 0);
	put16(b, 0);
	put16(b, count);
	put16(b, count);
	put32(b, cut32(size));
	put32(b, cut32(z->at));
	put16(b, 0);
	return write_at(z->fd, b->data, b->len, z->at, err);
}
