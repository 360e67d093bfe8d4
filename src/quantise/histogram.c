#include "quantise/histogram.h"

#include <math.h>
#include <string.h>

enum {
    FEWEST = 16,
    THRESHOLDS = 256 /* that are tried: from the 16th part of the largest number up */
};

static void grow(tn_histogram *h, int exponent)
{
    const int shift = exponent - h->exponent;
    for (int i = 0; i < TN_BINS; i++) {
        const int64_t count = h->bin[i];
        h->bin[i] = 0;
        h->bin[shift < 31 ? i >> shift : 0] += count;
    }
    h->exponent = exponent;
}

bool tn_histogram_add(tn_histogram *h, const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double size = fabs((double)x[i]);
        int exponent;
        if (!isfinite(size))
            return false;
        if (size == 0) /* without error, whatever the scale */
            continue;
        (void)frexp(size, &exponent);
        if (!h->begun)
            h->exponent = exponent;
        h->begun = true;
        if (exponent > h->exponent)
            grow(h, exponent);
        h->bin[(int)ldexp(size, 12 - h->exponent)]++;
    }
    return true;
}

/* The squared error, in bins, of what lies in the middle of its bin. */
static double error_of(const tn_histogram *h, double scale, int most)
{
    double sum = 0;
    for (int i = 0; i < TN_BINS; i++) {
        const double x = i + 0.5, whole = fmin(rint(x / scale), most), off = x - whole * scale;
        sum += (double)h->bin[i] * off * off;
    }
    return sum;
}

float tn_histogram_scale(const tn_histogram *h, int most)
{
    _Static_assert(TN_BINS == 1 << 12, "as tn_histogram_add() has it");
    int end = TN_BINS;
    while (end > 0 && h->bin[end - 1] == 0)
        end--;
    if (end == 0)
        return 1.0F / (float)most;
    double best = 0, least = INFINITY;
    for (int i = THRESHOLDS; i >= FEWEST; i--) {
        const double scale = (double)end * i / THRESHOLDS / most, error = error_of(h, scale, most);
        if (error < least) {
            least = error;
            best = scale;
        }
    }
    return (float)ldexp(best, h->exponent - 12);
}
