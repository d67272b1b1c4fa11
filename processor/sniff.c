/*
 * Outputs are downloads: without better knowledge they are bytes.
 */
#include "processor/sniff.h"

#include <stdio.h>

void sniff_output(int fd, const char *name, char *out, size_t size)
{
	(void)fd;
	(void)name;
	snprintf(out, size, "application/octet-stream");
}
