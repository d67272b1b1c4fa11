/*
 * JSON: the few pieces the report writers need to put JSON together as text. A tree is not used
 * because figures must come out digit by digit as they were found, however large.
 */
#ifndef TOOLS_LIB_JSON_H
#define TOOLS_LIB_JSON_H

#include <stddef.h>

#include "core/buf.h"

/* Append the bytes as a quoted JSON string. Bytes that are not UTF-8 become U+FFFD, so the result
 * is always valid. */
void json_string(struct buf *out, const char *s, size_t len);

/* The same for a NUL-terminated text; NULL is null. */
void json_text(struct buf *out, const char *s);

/* Append the shortest decimal text that reads back as the same double; null if not finite. */
void json_real(struct buf *out, double value);

#endif
