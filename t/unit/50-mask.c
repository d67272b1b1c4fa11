/* Masking of secrets: whole texts and streams that are cut anywhere, against a plain search that
 * has all of the text at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "processor/mask.h"

static struct mask *make(const char *const *secrets, size_t n)
{
	struct mask *m;
	struct err err = {0};

	assert_int_equal(mask_new(secrets, n, &m, &err), RC_OK);
	return m;
}

/* A text given in pieces of this many bytes. */
static void feed_in(const struct mask *m, const char *text, size_t piece, struct buf *out)
{
	struct mask_stream s;
	size_t len = strlen(text);

	mask_stream_init(&s, m);
	for (size_t i = 0; i < len; i += piece)
		mask_feed(&s, text + i, len - i < piece ? len - i : piece, out);
	mask_finish(&s, out);
	mask_stream_release(&s);
}

static void secrets_are_replaced(void **state)
{
	static const char *const secrets[] = {"hunter22", "hunter", "s3cr3t", "cr3tly", "abab", "x",
	    "", "line one\r\nline two\nend", "a\nb\nc"};
	static const struct {
		const char *text, *masked;
	} cases[] = {
	    {"", ""},
	    {"nothing here", "nothing here"},
	    {"hunter22", "•••"},
	    {"my hunter2", "my •••2"},
	    {"hunte", "hunte"},
	    {"hunhunter", "hun•••"},
	    {"two: s3cr3t, s3cr3t", "two: •••, •••"},
	    {"side by side: s3cr3ts3cr3t!", "side by side: •••!"},
	    {"they overlap: s3cr3tly.", "they overlap: •••."},
	    {"itself: ababab ab", "itself: ••• ab"},
	    {"x is too short", "x is too short"},
	    {"line one\nline two\nend\n", "•••\n•••\nend\n"},
	    {"a\nb\nc", "•••"},
	    {"a\nb\n", "a\nb\n"},
	    {"hunterhunter22s3cr3t", "•••"},
	};
	struct mask *m = make(secrets, sizeof secrets / sizeof *secrets);
	struct buf out;

	(void)state;
	buf_init(&out);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece < 12; piece++) {
			buf_clear(&out);
			feed_in(m, cases[i].text, piece, &out);
			assert_string_equal(out.data, cases[i].masked);
		}
	buf_clear(&out);
	mask_text(m, "a NUL \0 hunter", 14, &out);
	assert_int_equal(out.len, 8 + strlen(MASK_TEXT));
	assert_memory_equal(out.data, "a NUL \0 " MASK_TEXT, out.len);
	buf_release(&out);
	mask_free(m);
}

static void nothing_is_held_back_longer_than_it_must(void **state)
{
	static const char *const secrets[] = {"password", "passwords are fun"};
	struct mask *m = make(secrets, 2);
	struct mask_stream s;
	struct buf out;

	(void)state;
	buf_init(&out);
	mask_stream_init(&s, m);
	mask_feed(&s, "the pass", 8, &out);
	assert_string_equal(out.data, "the ");
	mask_feed(&s, "\n", 1, &out);
	assert_string_equal(out.data, "the pass\n");
	mask_feed(&s, "passwords are", 13, &out); /* may still be the longer one */
	assert_string_equal(out.data, "the pass\n");
	mask_feed(&s, " fun", 4, &out); /* cannot become anything more */
	assert_string_equal(out.data, "the pass\n" MASK_TEXT);
	mask_feed(&s, "passwords ar", 12, &out);
	mask_finish(&s, &out);
	assert_string_equal(out.data, "the pass\n" MASK_TEXT "s ar");
	mask_stream_release(&s);
	buf_release(&out);
	mask_free(m);
}

static void bounds(void **state)
{
	static const char *const short_ones[] = {"", "abc", "\n\n\n"};
	struct mask *m = make(short_ones, 3);
	struct buf out;
	struct err err;
	char *text = malloc(MASK_BYTES_MAX + 2);
	const char *long_one[] = {text, "more"};

	(void)state;
	assert_null(m);
	buf_init(&out);
	mask_text(NULL, "as it is", 8, &out);
	assert_string_equal(out.data, "as it is");
	memset(text, 'k', MASK_BYTES_MAX);
	text[MASK_BYTES_MAX] = '\0';
	m = make(long_one, 1);
	buf_clear(&out);
	mask_text(m, text, MASK_BYTES_MAX, &out);
	assert_string_equal(out.data, MASK_TEXT);
	mask_free(m);
	assert_int_equal(mask_new(long_one, 2, &m, &err), RC_LIMIT);
	assert_null(m);
	buf_release(&out);
	free(text);
}

/* What a search in the whole text makes of it. */
static void plainly(const char *const *secrets, size_t n, const char *text, struct buf *out)
{
	size_t len = strlen(text);
	bool *covered = calloc(len + 1, sizeof *covered);

	for (size_t k = 0; k < n; k++)
		for (const char *at = text; (at = strstr(at, secrets[k])); at++)
			memset(covered + (at - text), 1, strlen(secrets[k]));
	for (size_t i = 0; i < len; i++) {
		if (!covered[i])
			buf_addc(out, text[i]);
		else if (!i || !covered[i - 1])
			buf_adds(out, MASK_TEXT);
	}
	free(covered);
}

static void random_texts_are_masked_as_a_plain_search_would(void **state)
{
	struct buf got, want;

	(void)state;
	srandom(20260101);
	buf_init(&got);
	buf_init(&want);
	for (int round = 0; round < 3000; round++) {
		char words[6][16], text[200];
		const char *secrets[6];
		size_t n = 1 + (size_t)random() % 6, len = (size_t)random() % (sizeof text - 1);
		struct mask *m;

		for (size_t i = 0; i < n; i++) {
			size_t size = MASK_MIN + (size_t)random() % 9;

			for (size_t k = 0; k < size; k++)
				words[i][k] = (char)('a' + random() % 2);
			words[i][size] = '\0';
			secrets[i] = words[i];
		}
		for (size_t i = 0; i < len; i++)
			text[i] = (char)('a' + (random() % 16 ? random() % 2 : 2));
		text[len] = '\0';
		m = make(secrets, n);
		buf_clear(&got);
		buf_clear(&want);
		feed_in(m, text, 1 + (size_t)random() % 20, &got);
		plainly(secrets, n, text, &want);
		assert_string_equal(got.data, want.data);
		mask_free(m);
	}
	buf_release(&got);
	buf_release(&want);
}

/* Not a timed test: the worst text for a filter that compared every secret anew would take hours.
 */
static void megabytes_pass_quickly(void **state)
{
	enum { SIZE = 16 << 20, PIECE = 65536 };
	char *secret = malloc(32769), *text = malloc(PIECE);
	const char *secrets[] = {secret, "aaaaaaab", "aaaaab"};
	struct mask_stream s;
	struct mask *m;
	struct buf out;
	int64_t before = clock_boot_ms();

	(void)state;
	memset(secret, 'a', 32768);
	strcpy(secret + 32767, "b");
	memset(text, 'a', PIECE);
	m = make(secrets, 3);
	buf_init(&out);
	mask_stream_init(&s, m);
	for (int i = 0; i < SIZE / PIECE; i++) {
		buf_clear(&out);
		mask_feed(&s, text, PIECE, &out);
	}
	print_message("# the worst: %lld MiB/s\n",
	    (long long)((SIZE >> 20) * 1000 / (clock_boot_ms() - before + 1)));
	mask_stream_release(&s);
	mask_free(m);
	m = make((const char *const[]){"correct horse battery"}, 1);
	for (int i = 0; i < PIECE; i++)
		text[i] = (char)(i % 64 == 63 ? '\n' : ' ' + i % 90);
	before = clock_boot_ms();
	mask_stream_init(&s, m);
	for (int i = 0; i < SIZE / PIECE; i++) {
		buf_clear(&out);
		mask_feed(&s, text, PIECE, &out);
	}
	print_message("# an ordinary log: %lld MiB/s\n",
	    (long long)((SIZE >> 20) * 1000 / (clock_boot_ms() - before + 1)));
	mask_stream_release(&s);
	buf_release(&out);
	mask_free(m);
	free(secret);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_are_replaced),
	    cmocka_unit_test(nothing_is_held_back_longer_than_it_must),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(random_texts_are_masked_as_a_plain_search_would),
	    cmocka_unit_test(megabytes_pass_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
