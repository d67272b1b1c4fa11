/*
 * Histogram of doubles whose range is not known beforehand, in one pass and constant memory.
 *
 * Bins are as wide as a power of two and begin at multiples of it. A value outside doubles the
 * width, and neighbours merge, until all fit: every count stays exact for the limits it is shown
 * with.
 */
#ifndef TOOLS_LIB_HISTOGRAM_H
#define TOOLS_LIB_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BINS 64

/* Zeroed by its owner to begin with. Fields are private. */
struct histogram {
	uint64_t count[HISTOGRAM_BINS];
	double first; /* number of the first bin, a whole number: it begins at first * 2^exponent */
	int exponent;
	double scale; /* 2^-exponent */
	bool started;
};

struct histogram_bin {
	double from, to; /* from is in the bin, to is not */
	uint64_t count;
};

void histogram_add(struct histogram *h, double value);

/* At most `most` (2 to HISTOGRAM_BINS) bins that cover all values, in order, empty ones between
 * them included; none narrower than 2^least_exponent (pass INT_MIN for any). Returns how many. */
size_t histogram_bins(const struct histogram *h, size_t most, int least_exponent,
    struct histogram_bin *out);

#endif
