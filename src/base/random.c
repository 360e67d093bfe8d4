#include "base/random.h"

#include <math.h>

uint32_t tn_random_next(tn_random *r)
{
    const unsigned lane = (unsigned)(r->drawn % 4);
    if (lane == 0)
        r->now = tn_random_at(r->seed, r->purpose, r->stream, r->drawn / 4);
    r->drawn++;
    return r->now.word[lane];
}

uint64_t tn_random_below(tn_random *r, uint64_t limit)
{
    /* Numbers at the top that would make some remainders likelier are drawn again. */
    const uint64_t fair = UINT64_MAX - UINT64_MAX % limit;
    uint64_t x;
    do {
        x = (uint64_t)tn_random_next(r) << 32;
        x |= tn_random_next(r);
    } while (x >= fair);
    return x % limit;
}

double tn_random_real(tn_random *r)
{
    const uint64_t high = tn_random_next(r) >> 5, low = tn_random_next(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

double tn_random_normal(tn_random *r)
{
    /* Box and Muller 1958; 1 - u keeps the logarithm's argument above 0. */
    const double u = 1 - tn_random_real(r), v = tn_random_real(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* The logarithm of a number of Gamma(alpha, 1). Marsaglia and Tsang 2000, for alpha + 1 and carried down by their note 6: in
 * logarithms, since a small alpha makes numbers that a double cannot hold. */
static double log_gamma_number(tn_random *r, double alpha)
{
    const double d = alpha + 1 - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = tn_random_normal(r), v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        const double u = 1 - tn_random_real(r);
        if (v > 0 && log(u) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + log(1 - tn_random_real(r)) / alpha;
    }
}

double tn_random_beta(tn_random *r, double alpha)
{
    const double a = log_gamma_number(r, alpha), b = log_gamma_number(r, alpha);
    return 1 / (1 + exp(b - a));
}

uint64_t tn_hash_text(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}
