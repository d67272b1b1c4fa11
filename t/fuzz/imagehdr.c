/*
 * Fuzzes the readers of image headers: whatever the bytes are, a size that is given is above zero,
 * and nothing past the end is looked at (the sanitizer sees to that).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lib/imagehdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* exactly as long, so that reading on is seen */
	struct imagehdr image;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (imagehdr_read(copy, size, &image) &&
	    (!image.width || !image.height || !image.format || image.width > INT32_MAX))
		abort();
	free(copy);
	return 0;
}
