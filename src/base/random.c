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

uint64_t tn_hash_text(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}
