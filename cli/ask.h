/*
 * Secrets that a person types, or that a script hands over on standard input: never on a command
 * line, where everybody on the machine can read them.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "core/password.h"

/* A password for a user from standard input: its first line, or, from a terminal, asked for twice
 * with the echo off. Ends the program with 64 if none comes, 65 if it may not be one. The caller
 * wipes it. */
void ask_password(const char *user, char out[static PASSWORD_MAX + 1]);

/* The hash of one that ask_password gives; waits a few seconds for a place to make it. */
void ask_password_hash(const char *user, char hash[static PASSWORD_HASH_SIZE]);

#endif
