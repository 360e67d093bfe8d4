/*
 * The answers that the op lab compares with: a case worked out in double.
 */
#ifndef TN_LAB_ANSWERS_H
#define TN_LAB_ANSWERS_H

#include "lab_op.h"

/* One tensor as the reference sees it, and its gradient at `samples` of its elements. */
typedef struct lab_numbers {
    tn_dtype dtype;
    tn_shape shape;
    int64_t count; /* 0: there is no such tensor */
    double *value;
    bool has_gradient;
    int64_t samples;
    int64_t *at;
    double *gradient;
} lab_numbers;

typedef struct lab_answers {
    const lab_op *op;
    const lab_case *c;
    int num_x;
    lab_numbers x[LAB_MAX_X], w[LAB_MAX_W];
    lab_numbers y, evaluated; /* in training; in evaluation */
    lab_numbers target;
    double loss, unit; /* unit: of gradients */
} lab_answers;

/* Fills a tensor as a case says; each stream is another tensor. */
void lab_fill(lab_numbers *n, const lab_tensor *t, uint64_t stream);

/* Are no two alike and none 0? Many numbers of 8 bits cannot be. */
bool lab_is_apart(const lab_numbers *n);

/* From x, w and target to all the rest. */
void lab_find_answers(lab_answers *a);
void lab_drop_answers(lab_answers *a);

/* Memory that a test cannot do without. */
void *lab_take(int64_t count, size_t size);

#endif
