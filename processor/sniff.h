/*
 * The content type of an output, as the runner sees it.
 */
#ifndef PROCESSOR_SNIFF_H
#define PROCESSOR_SNIFF_H

#include <stddef.h>

/* Content type of the file open at fd (whose position may move), never empty. */
void sniff_output(int fd, const char *name, char *out, size_t size);

#endif
