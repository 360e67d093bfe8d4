/*
 * MNIST's files: idx, plain or packed by gzip. http://yann.lecun.com/exdb/mnist (at its end).
 *
 *     images: 0x00000803, count, height, width, then count * height * width bytes
 *     labels: 0x00000801, count, then count bytes;   all numbers 4 bytes, big endian
 */
#ifndef EXAMPLES_IDX_H
#define EXAMPLES_IDX_H

#include <tenon/source.h>

typedef struct idx {
    int64_t count, height, width;
    uint8_t *images; /* count x height x width */
    uint8_t *labels; /* count */
} idx;

/* DIR/<part>-images-idx3-ubyte and -labels-idx1-ubyte, with ".gz" or without; ends the program with
 * status 2 and a sentence if they are not there or not whole. */
void idx_open(idx *set, const char *folder, const char *part);
void idx_close(idx *set);

/* Rows of an image, height x width x 1, and its label; for as long as the set is open. */
tn_source idx_source(const idx *set, const char *name);

#endif
