/* Encodings told apart and decoded, image headers, text figures, JSON strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/lib/encoding.h"
#include "tools/lib/imagehdr.h"
#include "tools/lib/json.h"
#include "tools/lib/textstat.h"

#define BYTES(s) (s), sizeof(s) - 1

static const struct {
	const char *name, *bytes;
	size_t len;
	enum encoding encoding;
	const char *utf8;
} samples[] = {
	{ "plain", BYTES("abc\n"), ENCODING_ASCII, "abc\n" },
	{ "utf-8", BYTES("12345678 Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80"), ENCODING_UTF8,
	    "12345678 Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "overlong", BYTES("\xc0\xaf"), ENCODING_LATIN1, "\xc3\x80\xc2\xaf" },
	{ "surrogate in utf-8", BYTES("a\xed\xa0\x80"), ENCODING_WINDOWS_1252,
	    "a\xc3\xad\xc2\xa0\xe2\x82\xac" },
	{ "past the last character", BYTES("\xf4\x90\x80\x80"), ENCODING_LATIN1,
	    "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80" },
	{ "cut off", BYTES("Z\xc3"), ENCODING_LATIN1, "Z\xc3\x83" },
	{ "latin-1", BYTES("M\xfcller"), ENCODING_LATIN1, "M\xc3\xbcller" },
	{ "windows", BYTES("\x80 5, \x93quoted\x94"), ENCODING_WINDOWS_1252,
	    "\xe2\x82\xac 5, \xe2\x80\x9cquoted\xe2\x80\x9d" },
	{ "utf-16le", BYTES("\xff\xfe" "a\0\xfc\0\x3d\xd8\x00\xde"), ENCODING_UTF16LE,
	    "\xef\xbb\xbf" "a\xc3\xbc\xf0\x9f\x98\x80" },
	{ "utf-16be", BYTES("\xfe\xff\0a\x20\xac"), ENCODING_UTF16BE,
	    "\xef\xbb\xbf" "a\xe2\x82\xac" },
	{ "utf-16le without mark", BYTES("i\0d\0,\0x\0\n\0"), ENCODING_UTF16LE, "id,x\n" },
	{ "utf-16be without mark", BYTES("\0i\0d\0,\0x\0\n"), ENCODING_UTF16BE, "id,x\n" },
	{ "lone surrogates", BYTES("\xff\xfe\x00\xdc\x00\xd8" "a\0\x00\xd8"), ENCODING_UTF16LE,
	    "\xef\xbb\xbf\xef\xbf\xbd\xef\xbf\xbd" "a\xef\xbf\xbd" },
	{ "half a unit", BYTES("\xff\xfe" "a\0b"), ENCODING_UTF16LE,
	    "\xef\xbb\xbf" "a\xef\xbf\xbd" },
	{ "utf-32", BYTES("\xff\xfe\0\0a\0\0\0"), ENCODING_BINARY, NULL },
	{ "a zero byte", BYTES("abcdefghijk\0lm"), ENCODING_BINARY, NULL },
};

static void encodings_are_told_and_decoded(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out);
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		for (size_t piece = 1; piece < 20; piece += 3) {
			struct encoding_check check;
			struct decoder decoder;

			encoding_check_init(&check);
			for (size_t at = 0; at < samples[i].len; at += piece)
				encoding_check_feed(&check, samples[i].bytes + at,
				    samples[i].len - at < piece ? samples[i].len - at : piece);
			assert_string_equal(encoding_name(encoding_check_guess(&check, true)),
			    encoding_name(samples[i].encoding));
			if (!samples[i].utf8)
				continue;
			buf_clear(&out);
			decoder_init(&decoder, samples[i].encoding);
			for (size_t at = 0; at < samples[i].len; at += piece)
				decoder_feed(&decoder, samples[i].bytes + at,
				    samples[i].len - at < piece ? samples[i].len - at : piece,
				    &out);
			decoder_end(&decoder, &out);
			assert_string_equal(out.data, samples[i].utf8);
		}
	buf_release(&out);
}

static void a_zero_byte_is_located(void **state)
{
	char text[1000];
	struct encoding_check check;

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t at = 0; at < sizeof text; at += 7) {
		text[at] = '\0';
		encoding_check_init(&check);
		encoding_check_feed(&check, text, 500);
		encoding_check_feed(&check, text + 500, 500);
		assert_int_equal(check.nul_at, at);
		text[at] = 'a';
	}
}

#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0"
#define JPEG "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xff\xe1\0\6Exif\xff\xc4\0\4\0\0" \
             "\xff\xc2\0\x0b\x08\x03\0\x04\0\1\1\x11\0"

static const struct {
	const char *format, *bytes;
	size_t len; /* and no byte less */
	uint32_t width, height;
} images[] = {
    {"PNG", PNG, 24, 640, 480},
    {"GIF", BYTES("GIF89a\x40\x01\xc8\0"), 320, 200},
    {"BMP", BYTES("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x64\0\0\0\xce\xff\xff\xff"), 100, 50},
    {"BMP", BYTES("BM\0\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x64\0\x32\0\1\0\x18\0"), 100, 50},
    {"WebP", BYTES("RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x09\x40"), 16, 9},
    {"WebP", BYTES("RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x0f\0\x02\0\0\0\0\0\0"), 16, 9},
    {"WebP", BYTES("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x07\0\x37\x04\0"), 1920, 1080},
    {"JPEG", JPEG, sizeof JPEG - 1 - 4, 1024, 768},
};

static void images_have_sizes(void **state)
{
	struct imagehdr found;

	(void)state;
	for (size_t i = 0; i < sizeof images / sizeof *images; i++)
		for (size_t len = 0; len <= images[i].len; len++) {
			/* Exactly as long as it may be looked at. */
			char *copy = malloc(len ? len : 1);

			memcpy(copy, images[i].bytes, len);
			assert_true(imagehdr_read(copy, len, &found) == (len == images[i].len));
			free(copy);
		}
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		assert_true(imagehdr_read(images[i].bytes, images[i].len, &found));
		assert_string_equal(found.format, images[i].format);
		assert_int_equal(found.width, images[i].width);
		assert_int_equal(found.height, images[i].height);
	}
	assert_false(imagehdr_read(BYTES("GIF89a\0\0\xc8\0"), &found));
	assert_false(
	    imagehdr_read(BYTES("\xff\xd8\xff\xe0\0\0\xff\xc0\0\x0b\x08\0\1\0\1"), &found));
}

static void lines_and_words_are_counted(void **state)
{
	static const struct {
		const char *text;
		int lines, words, longest;
	} texts[] = {
		{ "", 0, 0, 0 },
		{ "\n", 1, 0, 0 },
		{ "one", 1, 1, 3 },
		{ "one two\nthree\n", 2, 3, 7 },
		{ "one\r\n\r\ntwo", 3, 2, 3 },
		{ "old\rmac\r", 2, 2, 3 },
		{ "  a \t b  \n", 1, 2, 9 },
		{ "Z\xc3\xbcrich\nx", 2, 2, 6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct textstat t = { 0 };

		for (const char *p = texts[i].text; *p; p++)
			textstat_feed(&t, p, 1);
		textstat_end(&t);
		assert_int_equal(textstat_lines(&t), texts[i].lines);
		assert_int_equal(t.words, texts[i].words);
		assert_int_equal(t.longest_chars, texts[i].longest);
	}
}

static void json_is_always_valid(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out);
	json_string(&out, BYTES("a\"\\\n\x01\x7f\xc3\xbc\xff\xed\xa0\x80\xf0\x9f\x98"));
	assert_string_equal(out.data, "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xbc"
				      "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
				      "\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_clear(&out);
	json_real(&out, 0.1);
	buf_addc(&out, ' ');
	json_real(&out, 5);
	buf_addc(&out, ' ');
	json_real(&out, 1.0 / 3);
	buf_addc(&out, ' ');
	json_real(&out, 1e300 * 1e300);
	assert_string_equal(out.data, "0.1 5 0.3333333333333333 null");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings_are_told_and_decoded),
		cmocka_unit_test(a_zero_byte_is_located),
		cmocka_unit_test(images_have_sizes),
		cmocka_unit_test(lines_and_words_are_counted),
		cmocka_unit_test(json_is_always_valid),
	};

	return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
