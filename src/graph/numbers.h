/*
 * Numbers by name, wherever they are: what the parameters of a plan begin as. A model (src/model) is one.
 */
#ifndef TN_GRAPH_NUMBERS_H
#define TN_GRAPH_NUMBERS_H

#include <stddef.h>

#include <tenon/tensor.h>

typedef struct tn_numbers tn_numbers;
struct tn_numbers {
    const char *where; /* of errors: the file */
    /* The name of each, NULL past the last. */
    const char *(*name)(const tn_numbers *n, size_t index);
    /* The index of a name, and what shape it has; -1: there is none. */
    ptrdiff_t (*find)(const tn_numbers *n, const char *name, tn_shape *shape);
    /* f32, canonical; several threads may read at once. */
    tn_status (*read)(const tn_numbers *n, size_t index, float *to);
    /* Where they lie as long as the numbers are there, f32, canonical and aligned to 64 bytes; NULL: nowhere so. */
    const float *(*at)(const tn_numbers *n, size_t index);
};

#endif
