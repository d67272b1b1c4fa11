/*
 * dropmill-archive-list: what is in an archive, without unpacking any of it.
 *
 * libarchive reads the list; nothing is written but the list itself. Only formats and filters that
 * are code of that library are switched on, none that would start a program. What a compressed list
 * costs is bounded: so many entries, so many bytes behind it, and then the rest is left out and
 * said to be. Entries go to the files as they are read, so memory does not grow with them.
 */
#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "tools/lib/archive_names.h"
#include "tools/lib/json.h"
#include "tools/lib/tool.h"

#define ENTRIES_MAX 200000
#define BYTES_MAX (INT64_C(16) << 30) /* of a compressed tar that is read through */
#define RATIO_ODD 200
#define BLOCK 65536

static const char usage[] =
    "usage: dropmill-archive-list FILE OUTDIR\n"
    "\n"
    "Lists ZIP, tar (gz, bz2, xz, zst, lz4, lz), 7z, RAR, cab, cpio, ar, ISO 9660 and lha "
    "archives,\n"
    "and single compressed files, into OUTDIR/listing.txt, listing.csv and listing.json. Unpacks\n"
    "nothing.\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 no archive, or damaged or locked, 74 input or output.\n";

struct listing {
	FILE *text, *csv, *json;
	const char *format, *compression; /* static */
	int64_t entries, files, directories, links, size;
	int64_t encrypted, nested, odd[ODD_MAX];
	uint64_t packed;
	bool complete;
};

static FILE *create(const char *outdir, const char *name)
{
	char path[4096];
	FILE *f = str_fmt(path, sizeof path, "%s/%s", outdir, name) ? fopen(path, "we") : NULL;

	if (!f)
		tool_die(EX_IOERR, "cannot write %s", name);
	return f;
}

static struct archive *open_archive(const char *file)
{
	struct archive *a = archive_read_new();

	if (!a)
		tool_die(EX_OSERR, "out of memory");
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_lzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_compress(a);
	/* By its directory at the end alone: one that is cut off has none. */
	archive_read_support_format_zip_seekable(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	archive_read_support_format_7zip(a);
	archive_read_support_format_rar(a);
	archive_read_support_format_rar5(a);
	archive_read_support_format_cab(a);
	archive_read_support_format_cpio(a);
	archive_read_support_format_ar(a);
	archive_read_support_format_iso9660(a);
	archive_read_support_format_lha(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_filename(a, file, BLOCK) != ARCHIVE_OK)
		tool_die(EX_DATAERR, "this is no archive, or a damaged one");
	return a;
}

static const char *kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return "hardlink";
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return "file";
	case AE_IFDIR:
		return "directory";
	case AE_IFLNK:
		return "link";
	default:
		return "special";
	}
}

/* An archive may carry names in any encoding, or in none. */
static const char *name_of(struct archive_entry *e, struct buf *out)
{
	const char *name = archive_entry_pathname_utf8(e);

	if (!name)
		name = archive_entry_pathname(e);
	return archive_name_clean(name ? name : "", out);
}

static unsigned look_for_oddities(struct archive_entry *e, const char *raw)
{
	const char *target = archive_entry_symlink(e);
	unsigned odd = archive_name_oddities(raw);

	if (!target)
		target = archive_entry_hardlink(e);
	if (target && (archive_name_oddities(target) & (ODD_ABSOLUTE | ODD_PARENT)))
		odd |= ODD_LINK;
	if (strcmp(kind_of(e), "special") == 0)
		odd |= ODD_DEVICE;
	if (archive_entry_mode(e) & 06000)
		odd |= ODD_SETUID;
	return odd;
}

static void count(struct listing *l, struct archive_entry *e, unsigned odd, const char *name)
{
	const char *kind = kind_of(e);

	l->entries++;
	l->files += strcmp(kind, "file") == 0;
	l->directories += strcmp(kind, "directory") == 0;
	l->links += strstr(kind, "link") != NULL;
	if (archive_entry_size(e) > 0 &&
	    __builtin_add_overflow(l->size, archive_entry_size(e), &l->size))
		l->size = INT64_MAX;
	l->encrypted += archive_entry_is_encrypted(e) != 0;
	l->nested += strcmp(kind, "file") == 0 && archive_name_nested(name);
	for (int i = 0; i < ODD_MAX; i++)
		l->odd[i] += odd >> i & 1;
}

static void write_entry(struct listing *l, struct archive_entry *e, unsigned odd, const char *name)
{
	const char *kind = kind_of(e), *target = archive_entry_symlink(e);
	int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : -1;
	char when[CLOCK_ISO_SIZE] = "";
	struct buf line, words;

	buf_init(&line);
	buf_init(&words);
	/* Times of before 1970 and of far-off years are a matter of the archive's maker. */
	if (archive_entry_mtime_is_set(e) && archive_entry_mtime(e) >= 0 &&
	    archive_entry_mtime(e) < INT64_C(253402300800))
		clock_iso((int64_t)archive_entry_mtime(e) * 1000, when);
	archive_oddity_words(odd, &words);
	fprintf(l->text, "%c %12" PRId64 "  %-19.19s  %s%s%s%s\n",
	    strcmp(kind, "file") == 0 ? '-' : kind[0], size < 0 ? 0 : size, when, name,
	    archive_entry_is_encrypted(e) ? "  [encrypted]" : "", words.len ? "  !! " : "",
	    words.data);
	buf_printf(&line, "%s{\"name\":", l->entries > 1 ? ",\n" : "\n");
	json_text(&line, name);
	buf_printf(&line, ",\"kind\":\"%s\",\"size\":", kind);
	size < 0 ? buf_adds(&line, "null") : buf_printf(&line, "%" PRId64, size);
	buf_adds(&line, ",\"modified\":");
	json_text(&line, *when ? when : NULL);
	if (target) {
		struct buf clean;

		buf_init(&clean);
		buf_adds(&line, ",\"target\":");
		json_text(&line, archive_name_clean(target, &clean));
		buf_release(&clean);
	}
	buf_printf(
	    &line, ",\"encrypted\":%s,\"odd\":", archive_entry_is_encrypted(e) ? "true" : "false");
	json_text(&line, words.len ? words.data : NULL);
	buf_addc(&line, '}');
	fwrite(line.data, 1, line.len, l->json);
	buf_clear(&line);
	archive_csv_cell(name, &line);
	fprintf(l->csv, "%s,%s,%" PRId64 ",%s,%s,%s\r\n", line.data, kind, size < 0 ? 0 : size,
	    when, archive_entry_is_encrypted(e) ? "yes" : "no", words.data);
	buf_release(&line);
	buf_release(&words);
}

static _Noreturn void refuse(struct archive *a, const struct listing *l)
{
	const char *why = archive_error_string(a);
	char n[32];

	if (why && (strstr(why, "ncrypt") || strstr(why, "assphrase")))
		tool_die(EX_DATAERR, "even the list of its files is locked with a password");
	if (!l->entries)
		tool_die(EX_DATAERR, "this is no archive, or a damaged one");
	tool_die(EX_DATAERR, "the archive is damaged or cut off after %s entr%s",
	    str_count(l->entries, n), l->entries == 1 ? "y" : "ies");
}

/* What everything else is not may be read as "raw": only a compressed single file is. */
static void check_raw(struct archive *a, struct archive_entry *e, const char *file)
{
	const char *base = tool_basename(file), *dot = strrchr(base, '.');
	char name[256];

	if (archive_format(a) != ARCHIVE_FORMAT_RAW)
		return;
	if (archive_filter_count(a) < 2)
		tool_die(EX_DATAERR, "this is no archive, or a damaged one");
	snprintf(name, sizeof name, "%.*s", dot && dot != base ? (int)(dot - base) : 200, base);
	archive_entry_set_pathname_utf8(e, name);
}

/* Reading on is how the size of such a file is known. */
static void measure_raw(struct archive *a, struct archive_entry *e)
{
	static char block[BLOCK];
	int64_t size = 0;
	ssize_t n;

	while (size < BYTES_MAX && (n = archive_read_data(a, block, sizeof block)) > 0)
		size += n;
	archive_entry_set_size(e, size);
}

/* What people call it. */
static const char *format_name(struct archive *a)
{
	switch (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) {
	case ARCHIVE_FORMAT_ZIP:
		return "ZIP";
	case ARCHIVE_FORMAT_TAR:
		return "tar";
	case ARCHIVE_FORMAT_7ZIP:
		return "7z";
	case ARCHIVE_FORMAT_RAR:
	case ARCHIVE_FORMAT_RAR_V5:
		return "RAR";
	case ARCHIVE_FORMAT_CAB:
		return "cab";
	case ARCHIVE_FORMAT_CPIO:
		return "cpio";
	case ARCHIVE_FORMAT_AR:
		return "ar";
	case ARCHIVE_FORMAT_ISO9660:
		return "ISO 9660";
	case ARCHIVE_FORMAT_LHA:
		return "lha";
	case ARCHIVE_FORMAT_RAW:
		return "compressed";
	default:
		return "empty";
	}
}

static const char *filter_name(struct archive *a)
{
	switch (archive_filter_code(a, 0)) {
	case ARCHIVE_FILTER_GZIP:
		return "gzip";
	case ARCHIVE_FILTER_BZIP2:
		return "bzip2";
	case ARCHIVE_FILTER_XZ:
		return "xz";
	case ARCHIVE_FILTER_ZSTD:
		return "zstd";
	case ARCHIVE_FILTER_NONE:
		return "none";
	default:
		return "other";
	}
}

static void read_entries(struct listing *l, struct archive *a, const char *file)
{
	struct archive_entry *e;
	struct buf clean;
	int rc;

	buf_init(&clean);
	while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		const char *raw, *name;
		unsigned odd;

		check_raw(a, e, file);
		if (archive_format(a) == ARCHIVE_FORMAT_RAW)
			measure_raw(a, e);
		raw = archive_entry_pathname(e);
		name = name_of(e, &clean);
		odd = look_for_oddities(e, raw ? raw : name);
		count(l, e, odd, name);
		write_entry(l, e, odd, name);
		tool_progress_bytes(
		    0, 98, (uint64_t)archive_filter_bytes(a, -1), l->packed, "reading the list");
		if (l->entries == ENTRIES_MAX || archive_filter_bytes(a, 0) > BYTES_MAX) {
			l->complete = false;
			break;
		}
	}
	if (rc != ARCHIVE_EOF && l->complete)
		refuse(a, l);
	l->format = format_name(a);
	l->compression = filter_name(a);
	buf_release(&clean);
}

static void write_summary(struct listing *l, double ratio)
{
	struct buf words;

	buf_init(&words);
	fprintf(l->json,
	    "\n],\"format\":\"%s\",\"compression\":\"%s\",\"entries\":%" PRId64
	    ",\"files\":%" PRId64 ",\"directories\":%" PRId64 ",\"links\":%" PRId64
	    ",\"size\":%" PRId64 ",\"packed\":%" PRIu64 ",\"ratio\":%.2f,\"encrypted\":%" PRId64
	    ",\"nested\":%" PRId64 ",\"complete\":%s,\"odd\":{",
	    l->format, l->compression, l->entries, l->files, l->directories, l->links, l->size,
	    l->packed, ratio, l->encrypted, l->nested, l->complete ? "true" : "false");
	for (int i = 0; i < ODD_MAX; i++) {
		buf_clear(&words);
		archive_oddity_words(1u << i, &words);
		fprintf(l->json, "%s\"%s\":%" PRId64, i ? "," : "", words.data, l->odd[i]);
	}
	fputs("}}\n", l->json);
	buf_release(&words);
}

static int64_t odd_total(const struct listing *l)
{
	int64_t n = 0;

	for (int i = 0; i < ODD_MAX; i++)
		n += l->odd[i];
	return n;
}

static void tell(const struct listing *l, double ratio)
{
	char n[32], size[16];
	struct buf more;

	buf_init(&more);
	if (!l->complete)
		buf_adds(&more, ", and more that was not read");
	if (ratio >= RATIO_ODD)
		buf_printf(&more, ", %.0f times its packed size: perhaps a bomb", ratio);
	if (l->encrypted)
		buf_printf(&more, ", %s locked with a password", str_count(l->encrypted, n));
	if (l->nested)
		buf_printf(&more, ", %s archive%s inside", str_count(l->nested, n),
		    l->nested == 1 ? "" : "s");
	if (odd_total(l))
		buf_printf(&more, ", %s suspicious", str_count(odd_total(l), n));
	tool_result("%s: %s file%s, %s unpacked%s", l->format, str_count(l->files, n),
	    l->files == 1 ? "" : "s", str_bytes(l->size, size), more.data);
	buf_release(&more);
}

int main(int argc, char **argv)
{
	struct listing l = {.complete = true};
	const char *file, *outdir;
	struct archive *a;
	struct err err;
	double ratio;
	int fd;

	tool_init(usage);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		tool_help();
	tool_paths(argc, argv, 1, &file, &outdir);
	setlocale(LC_CTYPE, "C.UTF-8");
	if (tool_open(file, &fd, &l.packed, &err))
		tool_fail(&err);
	close(fd);
	tool_progress(0, "opening the archive");
	a = open_archive(file);
	l.text = create(outdir, "listing.txt");
	l.csv = create(outdir, "listing.csv");
	l.json = create(outdir, "listing.json");
	fputs("name,kind,size,modified,encrypted,suspicious\r\n", l.csv);
	fputs("{\"list\":[", l.json);
	read_entries(&l, a, file);
	ratio = l.packed ? (double)l.size / (double)l.packed : 0;
	write_summary(&l, ratio);
	if (fclose(l.text) | fclose(l.csv) | fclose(l.json))
		tool_die(EX_IOERR, "cannot write the list");
	archive_read_free(a);
	tool_progress(100, "done");
	tell(&l, ratio);
	return EX_OK;
}
