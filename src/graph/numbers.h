/*
 * Numbers by name, wherever they are: what the parameters of a plan begin as. A model (src/model) is one.
 */
#ifndef TN_GRAPH_NUMBERS_H
#define TN_GRAPH_NUMBERS_H

#include <stddef.h>

#include <tenon/sys/kernel.h>

typedef struct tn_numbers tn_numbers;
struct tn_numbers {
    const char *where; /* of errors: the file */
    /* The name of each, NULL past the last. */
    const char *(*name)(const tn_numbers *n, size_t index);
    /* The index of a name, and what shape it has; -1: there is none. */
    ptrdiff_t (*find)(const tn_numbers *n, const char *name, tn_shape *shape);
    /* f32, canonical; several threads may read at once. */
    tn_status (*read)(const tn_numbers *n, size_t index, float *to);
    /* Where they lie as long as the numbers are there; `at` is NULL: nowhere so. */
    tn_stored (*at)(const tn_numbers *n, size_t index);
};

/* The largest number of a row of whole ones: what fake_quant finds that scale of. */
float tn_stored_largest(float scale, float most);
/* What is stored, as f32. */
void tn_stored_read(const tn_stored *s, const tn_shape *shape, float *to);

#endif
