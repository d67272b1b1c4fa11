/*
 * Bins that widen by doubling.
 */
#include "tools/lib/histogram.h"

#include <math.h>
#include <string.h>

#define FINEST 20 /* the first value's bin is 2^-20 of its magnitude wide */
#define COARSE_ENOUGH -1000 /* so that 2^-exponent is a double */

/* One doubling: bins 2k and 2k+1, counted from zero, become bin k. */
static void widen(struct histogram *h)
{
	size_t odd = fmod(h->first, 2) != 0;
	uint64_t wider[HISTOGRAM_BINS] = { 0 };

	for (size_t i = 0; i < HISTOGRAM_BINS; i++)
		wider[(i + odd) / 2] += h->count[i];
	memcpy(h->count, wider, sizeof wider);
	h->first = floor(h->first / 2);
	h->exponent++;
	h->scale /= 2;
}

/* Used bins: the first and one past the last. */
static size_t used(const struct histogram *h, size_t *begin)
{
	size_t end = HISTOGRAM_BINS;

	*begin = 0;
	while (end && !h->count[end - 1])
		end--;
	while (*begin < end && !h->count[*begin])
		++*begin;
	return end;
}

/* Make bin number `at` exist by moving the window, if the used bins and it fit into one. */
static bool reach(struct histogram *h, double at)
{
	size_t begin, end = used(h, &begin);
	double low = h->first + (double)begin, high = h->first + (double)end - 1;

	low = at < low ? at : low;
	high = at > high ? at : high;
	if (high - low >= HISTOGRAM_BINS)
		return false;
	if (low < h->first) {
		size_t by = (size_t)(h->first - low);

		memmove(h->count + by, h->count, (HISTOGRAM_BINS - by) * sizeof *h->count);
		memset(h->count, 0, by * sizeof *h->count);
	} else if (at >= h->first + HISTOGRAM_BINS) {
		memmove(h->count, h->count + begin, (HISTOGRAM_BINS - begin) * sizeof *h->count);
		memset(h->count + HISTOGRAM_BINS - begin, 0, begin * sizeof *h->count);
		low = h->first + (double)begin;
	} else {
		return true;
	}
	h->first = low;
	return true;
}

void histogram_add(struct histogram *h, double value)
{
	double at;

	if (!h->started) {
		int exponent;

		frexp(value, &exponent);
		h->exponent = exponent - FINEST < COARSE_ENOUGH ? COARSE_ENOUGH : exponent - FINEST;
		h->scale = ldexp(1, -h->exponent);
		h->first = floor(value * h->scale);
		h->started = true;
	}
	/* Whole numbers up to 2^53 are exact in a double; beyond that the bins are too fine. */
	while (at = floor(value * h->scale), fabs(at) > 0x1p52)
		widen(h);
	if (at < h->first || at >= h->first + HISTOGRAM_BINS)
		while (!reach(h, at)) {
			widen(h);
			at = floor(value * h->scale);
		}
	h->count[(size_t)(at - h->first)]++;
}

size_t histogram_bins(const struct histogram *h, size_t most, int least_exponent,
    struct histogram_bin *out)
{
	struct histogram copy = *h;
	size_t begin, end, n = 0;

	if (!h->started)
		return 0;
	while (end = used(&copy, &begin), end - begin > most || copy.exponent < least_exponent)
		widen(&copy);
	for (size_t i = begin; i < end; i++)
		out[n++] = (struct histogram_bin){
			.from = ldexp(copy.first + (double)i, copy.exponent),
			.to = ldexp(copy.first + (double)i + 1, copy.exponent),
			.count = copy.count[i],
		};
	return n;
}
