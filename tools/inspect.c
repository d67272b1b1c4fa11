/*
 * dropmill-inspect: what a file is. Type and description by libmagic, size, SHA-256, and the
 * figures its kind has: lines and words of a text, width and height of an image.
 *
 * The file is read once, in pieces; memory does not grow with it. SHA-256 comes from libcrypto
 * because it uses the processor's own instructions for it (here six times the speed of
 * libsodium's).
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <magic.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/id.h"
#include "core/str.h"
#include "tools/lib/encoding.h"
#include "tools/lib/imagehdr.h"
#include "tools/lib/json.h"
#include "tools/lib/textstat.h"
#include "tools/lib/tool.h"

#define PIECE (1u << 20)
#define SHA256_HEX 65

static const char usage[] =
    "usage: dropmill-inspect FILE OUTDIR\n"
    "\n"
    "Writes OUTDIR/inspect.json: what FILE is, its SHA-256, and the figures of its kind.\n"
    "\n"
    "  --help   this text\n"
    "\n"
    "Exit status: 0 done, 64 usage, 74 input or output.\n";

struct findings {
	const char *name;
	uint64_t size;
	char sha256[SHA256_HEX];
	char type[128], description[512];
	bool is_text, is_image;
	enum encoding encoding;
	struct textstat text;
	struct imagehdr image;
};

/* Ask libmagic about the first bytes, with bounds on what it may try. */
static enum rc identify(struct findings *f, const void *data, size_t len, struct err *err)
{
	magic_t magic = magic_open(MAGIC_MIME_TYPE);
	size_t bytes = PIECE;
	const char *answer;
	enum rc rc = RC_SYS;

	if (!magic || magic_load(magic, NULL)) {
		err_set(err, RC_SYS, "cannot load the database of file types: %s",
		    magic ? magic_error(magic) : strerror(errno));
		goto out;
	}
	magic_setparam(magic, MAGIC_PARAM_BYTES_MAX, &bytes);
	answer = magic_buffer(magic, data, len);
	snprintf(f->type, sizeof f->type, "%s", answer ? answer : "application/octet-stream");
	magic_setflags(magic, MAGIC_NONE);
	answer = magic_buffer(magic, data, len);
	snprintf(f->description, sizeof f->description, "%s", answer ? answer : "data");
	magic_setflags(magic, MAGIC_MIME_ENCODING);
	answer = magic_buffer(magic, data, len);
	f->is_text = len && answer && strcmp(answer, "binary") != 0;
	rc = RC_OK;
out:
	if (magic)
		magic_close(magic);
	return rc;
}

/* A reading in progress: everything that sees each piece of the file. */
struct reading {
	EVP_MD_CTX *digest;
	struct encoding_check check;
	struct decoder decoder;
	struct buf decoded;
};

static enum rc first_piece(struct findings *f, struct reading *r, const char *data, size_t len,
    struct err *err)
{
	struct encoding_check check;

	if (identify(f, data, len, err))
		return err->rc;
	f->is_image = imagehdr_read(data, len, &f->image);
	encoding_check_init(&check);
	encoding_check_feed(&check, data, len);
	f->encoding = encoding_check_guess(&check, false);
	f->is_text = len && (f->is_text || f->encoding == ENCODING_UTF16LE ||
	    f->encoding == ENCODING_UTF16BE) && f->encoding != ENCODING_BINARY && !f->is_image;
	decoder_init(&r->decoder, f->encoding);
	return RC_OK;
}

static void next_piece(struct findings *f, struct reading *r, const char *data, size_t len)
{
	if (EVP_DigestUpdate(r->digest, data, len) != 1)
		bug("inspect: digest refused %zu bytes", len);
	if (!f->is_text)
		return;
	encoding_check_feed(&r->check, data, len);
	if (r->decoder.from == ENCODING_UTF16LE || r->decoder.from == ENCODING_UTF16BE) {
		buf_clear(&r->decoded);
		decoder_feed(&r->decoder, data, len, &r->decoded);
		textstat_feed(&f->text, r->decoded.data, r->decoded.len);
	} else {
		textstat_feed(&f->text, data, len);
	}
}

static ssize_t read_piece(int fd, char *data)
{
	size_t have = 0;
	ssize_t n;

	while (have < PIECE) {
		n = read(fd, data + have, PIECE - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static void conclude(struct findings *f, struct reading *r)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(r->digest, digest, &len) != 1 || len != SHA256_HEX / 2)
		bug("inspect: digest failed");
	hex_encode(digest, len, f->sha256);
	textstat_end(&f->text);
	if (f->is_text)
		f->encoding = encoding_check_guess(&r->check, true);
	f->is_text = f->is_text && f->encoding != ENCODING_BINARY;
}

static enum rc read_all(struct findings *f, int fd, uint64_t size, struct err *err)
{
	struct reading r = { .digest = EVP_MD_CTX_new() };
	char *data = malloc(PIECE);
	enum rc rc = RC_OK;
	ssize_t n;

	buf_init(&r.decoded);
	encoding_check_init(&r.check);
	if (!data || !r.digest || EVP_DigestInit_ex(r.digest, EVP_sha256(), NULL) != 1)
		tool_die(EX_OSERR, "cannot start: out of memory or no SHA-256");
	do {
		n = read_piece(fd, data);
		if (n < 0) {
			rc = err_sys(err, "cannot read \"%s\"", f->name);
			break;
		}
		if (!f->size && (rc = first_piece(f, &r, data, (size_t)n, err)))
			break;
		next_piece(f, &r, data, (size_t)n);
		f->size += (uint64_t)n;
		tool_progress_bytes(0, 99, f->size, size, "reading");
	} while (n == PIECE);
	if (!rc)
		conclude(f, &r);
	EVP_MD_CTX_free(r.digest);
	buf_release(&r.decoded);
	free(data);
	return rc;
}

static bool counts_chars(const struct findings *f)
{
	return f->encoding != ENCODING_LATIN1 && f->encoding != ENCODING_WINDOWS_1252;
}

static void write_json(const struct findings *f, struct buf *out)
{
	buf_adds(out, "{\n  \"name\": ");
	json_text(out, f->name);
	buf_printf(out, ",\n  \"size\": %" PRIu64 ",\n  \"sha256\": \"%s\",\n  \"type\": ", f->size,
	    f->sha256);
	json_text(out, f->type);
	buf_adds(out, ",\n  \"description\": ");
	json_text(out, f->description);
	if (f->is_text)
		buf_printf(out, ",\n  \"text\": {\"encoding\": \"%s\", \"lines\": %" PRIu64
		    ", \"words\": %" PRIu64 ", \"longest_line\": %" PRIu64 "}",
		    encoding_name(f->encoding), textstat_lines(&f->text), f->text.words,
		    counts_chars(f) ? f->text.longest_chars : f->text.longest_bytes);
	if (f->is_image)
		buf_printf(out, ",\n  \"image\": {\"format\": \"%s\", \"width\": %" PRIu32
		    ", \"height\": %" PRIu32 "}", f->image.format, f->image.width, f->image.height);
	buf_adds(out, "\n}\n");
}

/* "PNG image": the image's format, or the first clause of libmagic's description. */
static void kind(const struct findings *f, char *out, size_t size)
{
	size_t len = strcspn(f->description, ",;(\\");

	if (f->is_image) {
		snprintf(out, size, "%s image", f->image.format);
		return;
	}
	while (len && f->description[len - 1] == ' ')
		len--;
	if (len > 5 && !memcmp(f->description + len - 5, " data", 5))
		len -= 5;
	snprintf(out, size, "%.*s", len ? (int)len : 4, len ? f->description : "data");
}

static void tell(const struct findings *f)
{
	char what[64], bytes[16], figures[64] = "";

	kind(f, what, sizeof what);
	str_bytes((int64_t)f->size, bytes);
	if (f->is_image)
		snprintf(figures, sizeof figures, ", %" PRIu32 " x %" PRIu32, f->image.width,
		    f->image.height);
	else if (f->is_text)
		snprintf(figures, sizeof figures, ", %" PRIu64 " line%s", textstat_lines(&f->text),
		    textstat_lines(&f->text) == 1 ? "" : "s");
	tool_progress(100, "done");
	tool_result("%s, %s%s, sha256 %.8s…", what, bytes, figures, f->sha256);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct findings f = { 0 };
	const char *file, *outdir;
	struct err err;
	struct buf json;
	uint64_t size;
	int c, fd;

	tool_init(usage);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			tool_help();
		tool_usage("unknown option: %s", argv[optind - 1]);
	}
	tool_paths(argc, argv, optind, &file, &outdir);
	f.name = tool_basename(file);
	if (tool_open(file, &fd, &size, &err) || read_all(&f, fd, size, &err))
		tool_fail(&err);
	close(fd);
	buf_init(&json);
	write_json(&f, &json);
	if (tool_write(outdir, "inspect.json", &json, &err))
		tool_fail(&err);
	buf_release(&json);
	tell(&f);
	return 0;
}
