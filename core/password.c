/*
 * Passwords. Places for hashing are locks on files of the run directory: a process that dies gives
 * its place back.
 */
#include "core/password.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "core/str.h"

/* OWASP's figures: 19 MiB, two passes. libsodium has no more than one lane. */
#define HASH_PASSES 2
#define HASH_BYTES (19u << 20)
#define PLACES_MAX 4

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for libsodium's text");

/* ---- what may be one ---- */

/* Lower case, without what people put behind it and between, and with the usual digits read as the
 * letters that they stand for. */
static void plain(const char *s, char *out, size_t size)
{
	static const char from[] = "013457@$!", to[] = "oleastasi";
	size_t n = 0, len = strlen(s);

	while (len && !isalpha((unsigned char)s[len - 1]))
		len--;
	for (; len && n + 1 < size; s++, len--) {
		const char *digit = strchr(from, *s);

		if (digit)
			out[n++] = to[digit - from];
		else if (isalpha((unsigned char)*s))
			out[n++] = (char)tolower((unsigned char)*s);
	}
	out[n] = '\0';
}

/* Of what is tried first, as plain() leaves it. */
static const char *const first_tried[] = {"password", "passwort", "passwd", "qwerty", "qwertz",
    "azerty", "asdfgh", "yxcvbn", "zxcvbn", "letmein", "welcome", "iloveyou", "admin",
    "administrator", "dropmill", "changeme", "secret", "monkey", "dragon", "sunshine", "princess",
    "football", "baseball", "superman", "batman", "trustno", "master", "login", "default", "summer",
    "winter", "spring", "autumn", "hello", "michael", "jordan", "shadow", "starwars", "abcdef",
    "test", "testing", "guest", "root", "toor", "user", "system", "company", "internet", "computer",
    "whatever", "freedom", "pokemon", "liverpool", "chelsea", "arsenal", "password", NULL};

/* Whether `s` is nothing but `word`, once or several times. */
static bool is_only(const char *s, const char *word)
{
	size_t len = strlen(word);

	if (!len || !*s)
		return false;
	while (*s) {
		if (strncmp(s, word, len) != 0)
			return false;
		s += len;
	}
	return true;
}

/* From one byte to the next; digits go round. */
static int step(unsigned char from, unsigned char to)
{
	if (isdigit(from) && isdigit(to))
		return (to - from + 15) % 10 - 5;
	return to - from;
}

/* Runs such as 1234567890, abcdefghij or aaaaaaaaaa: each byte follows its neighbour. */
static bool is_run(const char *s)
{
	int first = step((unsigned char)s[0], (unsigned char)s[1]);

	for (; s[1]; s++)
		if (step((unsigned char)s[0], (unsigned char)s[1]) != first)
			return false;
	return first >= -1 && first <= 1;
}

static size_t distinct(const char *s)
{
	bool seen[256] = {false};
	size_t n = 0;

	for (; *s; s++) {
		n += !seen[(unsigned char)*s];
		seen[(unsigned char)*s] = true;
	}
	return n;
}

enum rc password_check(const char *password, const char *user_name, struct err *err)
{
	size_t len = strlen(password);
	char word[PASSWORD_MAX + 1], name[PASSWORD_MAX + 1];

	if (len < PASSWORD_MIN)
		return err_set(
		    err, RC_INVALID, "a password has %d characters or more", PASSWORD_MIN);
	if (len > PASSWORD_MAX)
		return err_set(err, RC_INVALID, "a password has at most %d bytes", PASSWORD_MAX);
	if (!str_utf8(password, len))
		return err_set(err, RC_INVALID, "the password is not UTF-8 text");
	plain(password, word, sizeof word);
	plain(user_name ? user_name : "", name, sizeof name);
	if (distinct(password) < 5 || is_run(password) || is_only(word, name))
		return err_set(err, RC_INVALID, "that password is too easily guessed");
	for (size_t i = 0; first_tried[i]; i++)
		if (is_only(word, first_tried[i]))
			return err_set(err, RC_INVALID,
			    "that password is among the first that are tried; add a word or two");
	return RC_OK;
}

/* ---- places ---- */

/* A descriptor that holds a place. Where there is no run directory nothing runs, and there is
 * nobody to leave a place to: -1. */
static enum rc take_place(const struct config *cfg, int *fd, struct err *err)
{
	int64_t places = cfg->web_processes / 2;
	char path[4096];

	if (places > PLACES_MAX || places == 0)
		places = places ? PLACES_MAX : 1;
	for (int64_t i = 0; i < places; i++) {
		snprintf(path, sizeof path, "%s/hash.%d.lock", cfg->run_dir, (int)i);
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
		if (*fd < 0 && errno == ENOENT)
			return RC_OK;
		if (*fd < 0)
			return err_sys(err, "cannot open \"%.150s\"", path);
		if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
			return RC_OK;
		close(*fd);
	}
	return err_set(err, RC_BUSY, "too many people are signing in; try again in a moment");
}

static void start_sodium(void)
{
	if (sodium_init() < 0)
		bug("libsodium does not start");
}

enum rc password_hash(const struct config *cfg, const char *password,
    char out[static PASSWORD_HASH_SIZE], struct err *err)
{
	enum rc rc;
	int fd;

	start_sodium();
	rc = take_place(cfg, &fd, err);
	if (rc != RC_OK)
		return rc;
	if (crypto_pwhash_str_alg(out, password, strlen(password), HASH_PASSES, HASH_BYTES,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		rc = err_set(err, RC_BUSY, "not enough memory to hash a password");
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Of 32 random bytes that nobody has kept: as dear to compare with as anybody's. */
static const char nobody[PASSWORD_HASH_SIZE] =
    "$argon2id$v=19$m=19456,t=2,p=1$LQEEAreHdovdGOUqHJ/iJA$"
    "1tp9MEEtgQNsZg/5CRHlHXOo98WLgf5sfhQ7rGhxNDY";

enum rc password_verify(
    const struct config *cfg, const char *hash, const char *password, struct err *err)
{
	enum rc rc;
	int fd;

	start_sodium();
	rc = take_place(cfg, &fd, err);
	if (rc != RC_OK)
		return rc;
	if (crypto_pwhash_str_verify(hash ? hash : nobody, password, strlen(password)) != 0 ||
	    !hash)
		rc = err_set(err, RC_INVALID, "that is not the password");
	if (fd >= 0)
		close(fd);
	return rc;
}
