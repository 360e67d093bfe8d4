/*
 * Hashes of what a picture looks like: two that differ in few bits are of pictures that look alike.
 *
 *   p  pHash: the 8 x 8 lowest coefficients of the cosine transform of 32 x 32 grey pixels without the mean, each
 *      against their median: 63 bits                                     (Zauner 2010, as the library imagehash has it)
 *   d  dHash: 9 x 8 grey pixels, each against its left neighbour: 64 bits                               (Krawetz 2013)
 *
 * Either alone takes some pictures for others that they are not; the two fail on different ones, so pictures are alike
 * only where both are near. That of the mirrored picture goes with it. Both are made of the same 64 x 64 pixels.
 */
#ifndef TN_DATA_HASH_H
#define TN_DATA_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/status.h>

enum { TN_HASH_SIDE = 64 }; /* pixels */

typedef struct tn_hash {
    uint64_t p, d;
} tn_hash;

typedef struct tn_hashes {
    tn_hash plain, mirror;
} tn_hashes;

/* Brightness by ITU-R BT.601, as Pillow rounds it. */
void tn_hash_grey(const uint8_t *rgb, int pixels, uint8_t *grey);

/* grey: TN_HASH_SIDE x TN_HASH_SIDE. */
tn_hashes tn_hash_of(const uint8_t *grey);

/* In how many bits they differ: the larger of the two numbers. */
int tn_hash_distance(const tn_hash *a, const tn_hash *b);

/* The least of two pictures, either of which may be mirrored. */
int tn_hashes_distance(const tn_hashes *a, const tn_hashes *b);

/*
 * Finds all pairs of pictures that are at most `bits` apart, 0 to 15, in threads. Up to TN_PAIRS_ALL pictures each is
 * compared with each; of more, only those whose pHashes are near in one of four bands of 16 bits: where 64 bits differ
 * in `bits`, some band differs in at most a quarter of that, so none is missed.
 *   found  called by one thread at a time, in no order, and for some pairs more than once
 */
enum { TN_PAIRS_ALL = 20000 };
typedef struct tn_pairs {
    const tn_hashes *hash;
    int64_t count;
    int bits, threads;
    void (*found)(void *arg, int64_t a, int64_t b);
    void *arg;
    bool bands; /* also of few: for tests */
} tn_pairs;

tn_status tn_pairs_find(const tn_pairs *what);

#endif
