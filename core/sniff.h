/*
 * What kind of file this is, by its first bytes.
 *
 * A small table of our own knows the common formats for sure. What it does not know is asked of
 * libmagic, which has met hostile files before and so runs in a child process: the same program,
 * executed anew (it has no descriptor, no environment, no memory of ours), under seccomp and
 * limits. It gets an open descriptor, answers in a word, and is killed when that takes longer than
 * two seconds. Its word is a hint: one that contradicts our table does not count.
 *
 * The child is started when it is first needed and leaves when it has had nothing to do for a
 * while. A program that sniffs begins its main with sniff_child().
 */
#ifndef CORE_SNIFF_H
#define CORE_SNIFF_H

#include "core/rc.h"

#define SNIFF_TYPE_SIZE 128
#define SNIFF_UNKNOWN "application/octet-stream"

struct sniff;

/* Serve as the sniffer child and exit if this process was started as one; return otherwise. */
void sniff_child(int argc, char **argv);

/* Never NULL. */
struct sniff *sniff_open(void);
void sniff_close(struct sniff *s);

/* The content type of an open regular file into out, which is returned: lower case, of a safe form,
 * SNIFF_UNKNOWN if nobody knows or the child failed. The file's offset does not move. */
const char *sniff_type(struct sniff *s, int fd, char out[static SNIFF_TYPE_SIZE]);

#endif
