/*
 * The content type of an output, as the runner sees it.
 */
#ifndef PROCESSOR_SNIFF_H
#define PROCESSOR_SNIFF_H

#include <stddef.h>

/* Content type of the regular file open at fd, never empty. */
void sniff_output(int fd, const char *name, char *out, size_t size);

#endif
