/*
 * Runs a fuzz target without libFuzzer: each seed as it is, then damaged copies, the same ones in
 * every run. Damage: a few of: bits turned, bytes set to telling values, a piece cut out, a piece
 * copied elsewhere, the end cut off.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fuzz.h"

typedef struct drive {
    tn_random random;
    int seeds;
    long inputs;
} drive;

static size_t below(drive *d, size_t limit)
{
    return (size_t)tn_random_below(&d->random, limit);
}

/* Damages bytes in place once; returns the new size, which is not larger. */
static size_t damage(drive *d, uint8_t *bytes, size_t size)
{
    static const uint8_t telling[] = {0, 1, 0x7F, 0x80, 0xFE, 0xFF};
    const size_t at = below(d, size), other = below(d, size);
    const size_t most = size - (at > other ? at : other);
    const size_t length = 1 + below(d, most < 64 ? most : 64);
    switch (below(d, 6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << below(d, 8));
        return size;
    case 1:
        bytes[at] = telling[below(d, sizeof telling)];
        return size;
    case 2:
        bytes[below(d, size < 64 ? size : 64)] = (uint8_t)below(d, 256); /* headers */
        return size;
    case 3:
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 4:
        memmove(bytes + at, bytes + other, length);
        return size;
    default:
        return below(d, 8) == 0 ? 1 + at : size;
    }
}

static void try_seed(void *arg, const uint8_t *bytes, size_t size)
{
    drive *d = arg;
    LLVMFuzzerTestOneInput(bytes, size);
    d->inputs++;
    for (int i = 0; i < fuzz_rounds; i++, d->inputs++) {
        d->random = tn_random_begin(1, TN_RANDOM_TEST, ((uint64_t)d->seeds << 32) + (uint64_t)i);
        /* A block of its own and of the exact size, so that a sanitizer sees its end. */
        uint8_t *copy = malloc(size), *exact;
        size_t left = size;
        if (!copy)
            abort();
        memcpy(copy, bytes, size);
        for (size_t n = 1 + below(d, 4); n > 0 && left > 1; n--)
            left = damage(d, copy, left);
        if (!(exact = malloc(left ? left : 1)))
            abort();
        memcpy(exact, copy, left);
        free(copy);
        LLVMFuzzerTestOneInput(exact, left);
        free(exact);
    }
    d->seeds++;
}

int main(void)
{
    drive d = {0};
    fuzz_seeds(try_seed, &d);
    printf("%ld inputs from %d seeds\n", d.inputs, d.seeds);
    return d.seeds > 0 ? 0 : 1;
}
