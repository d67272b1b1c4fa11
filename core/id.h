/*
 * Random tokens and UUIDs (version 7, RFC 9562: the first 48 bits are the time in milliseconds,
 * so they sort by age).
 */
#ifndef CORE_ID_H
#define CORE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_SIZE 37  /* 36 characters and NUL */
#define TOKEN_SIZE 33 /* 32 hex digits (128 bits) and NUL */

/* A new lower-case UUID into out, which is also returned. */
char *uuid_new(char out[static UUID_SIZE]);

/* The same from a given time and randomness, of which 74 bits are used. */
char *uuid_make(int64_t wall_ms, const unsigned char random[static 10], char out[static UUID_SIZE]);

/* Whether s is 36 characters of the form 8-4-4-4-12 in hex, either case. */
bool uuid_valid(const char *s);

/* 128 random bits as hex. */
char *token_new(char out[static TOKEN_SIZE]);

/* Lower-case hex of `len` bytes; out holds 2*len+1. */
char *hex_encode(const void *data, size_t len, char *out);

#endif
