/*
 * Strict readers of the small texts that arrive from outside: numbers, sizes, durations, UTF-8.
 * Each takes the whole string or nothing: no leading blanks, no trailing rest, no overflow.
 */
#ifndef CORE_STR_H
#define CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal integer within [min, max]; false leaves *out alone. */
bool str_int(const char *s, int64_t min, int64_t max, int64_t *out);

/* "30s", "2m", "1h", "30d", "500ms"; a bare number is seconds. Milliseconds in *out. */
bool str_duration(const char *s, int64_t *out_ms);

/* "64K", "512M", "2G", "1T" (powers of 1024), a trailing "B" or "iB" allowed; a bare number is
 * bytes. */
bool str_size(const char *s, int64_t *out_bytes);

/* "yes/no", "true/false", "on/off", "1/0". */
bool str_bool(const char *s, bool *out);

/* Well-formed UTF-8 (no surrogates, no overlong forms) without NUL. */
bool str_utf8(const char *s, size_t len);
/* How many bytes of UTF-8 text are at most `most`, in whole characters. */
size_t str_cut(const char *s, size_t most);

/* 1 to `most` bytes of UTF-8 text without control characters: what may be a name. */
bool str_label(const char *s, size_t most);

/* Whether a list of words parted by blanks has that one (`len` bytes), in either case. */
bool str_listed(const char *list, const char *word, size_t len);

/* Leave out what is not: of a text that was cut, a piece of a character. */
void str_mend(char *s);

/* Make a display name of an uploaded name: the part after the last / or \, control characters and
 * the marks that turn text direction removed, invalid UTF-8 refused, cut to 255 bytes at a
 * character boundary. out holds 256. False: nothing usable is left (empty, ".", "..") or not UTF-8.
 */
bool str_clean_name(const char *s, size_t len, char out[static 256]);

/* "1.4 MB"-like text of a byte count (powers of 1000, one decimal under 10), into out. */
char *str_bytes(int64_t bytes, char out[static 16]);

/* "1,234,567", into out. */
char *str_count(int64_t n, char out[static 32]);

/* snprintf into a fixed buffer; false if it did not fit. */
bool str_fmt(char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));

#endif
