/*
 * Counter-based random numbers: Philox4x32-10.
 *
 * A number is a function of (key, counter) alone, so any thread, and any device, computes any of them
 * on its own and all agree. No state, nothing to seed, nothing to save.
 *   Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */
#ifndef TN_RANDOM_H
#define TN_RANDOM_H

#include <stdint.h>

/* What numbers are drawn for: the high word of the counter, so that no two purposes share any. */
typedef enum tn_random_purpose {
    TN_RANDOM_INIT,    /* stream: hash of the parameter's name */
    TN_RANDOM_DROPOUT, /* stream: hash of the node's name and the step */
    TN_RANDOM_SHUFFLE, /* stream: epoch */
    TN_RANDOM_AUGMENT, /* stream: epoch and place in it */
    TN_RANDOM_SPLIT,   /* stream: class */
    TN_RANDOM_TEST,    /* for tests and made-up data */
    TN_RANDOM_SOURCE,  /* stream: epoch and place in it */
    TN_RANDOM_MIXUP,   /* stream: epoch and batch in it */
    TN_RANDOM_CHECK    /* pairs of pictures that are compared to learn how alike a set is */
} tn_random_purpose;

typedef struct tn_random4 {
    uint32_t word[4];
} tn_random4;

/* The plain function, ten rounds. */
static inline tn_random4 tn_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high)
{
    uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
    uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xD2511F53) * c0, b = UINT64_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    return (tn_random4){{c0, c1, c2, c3}};
}

/* Four numbers of one stream of one purpose. `stream` has 56 bits. */
static inline tn_random4 tn_random_at(uint64_t seed, tn_random_purpose purpose, uint64_t stream,
                                      uint64_t index)
{
    return tn_philox(seed, index,
                     ((uint64_t)purpose << 56) | (stream & UINT64_C(0xFFFFFFFFFFFFFF)));
}

/* [0, 1), every multiple of 2^-24 equally likely: exact in float and the same everywhere. */
static inline float tn_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* For code that draws one number after another. */
typedef struct tn_random {
    uint64_t seed, stream, drawn;
    tn_random_purpose purpose;
    tn_random4 now;
} tn_random;

static inline tn_random tn_random_begin(uint64_t seed, tn_random_purpose purpose, uint64_t stream)
{
    return (tn_random){.seed = seed, .stream = stream, .purpose = purpose};
}

uint32_t tn_random_next(tn_random *r);                  /* 32 bits */
uint64_t tn_random_below(tn_random *r, uint64_t limit); /* [0, limit), unbiased; limit > 0 */
double tn_random_real(tn_random *r);                    /* [0, 1) */
double tn_random_normal(tn_random *r);                  /* mean 0, deviation 1 */
double tn_random_beta(tn_random *r, double alpha); /* [0, 1], of Beta(alpha, alpha); alpha > 0 */

/* FNV-1a of a text: names become streams, so that adding a layer moves no other layer's numbers. */
uint64_t tn_hash_text(const char *text);

#endif
