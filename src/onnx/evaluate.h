/*
 * Operators whose outputs follow from what is known: evaluate.c asks these tables, one a file of them.
 */
#ifndef TN_ONNX_EVALUATE_H
#define TN_ONNX_EVALUATE_H

#include "onnx/known.h"

/* Gives the outputs, and says that it is done. What it leaves undone is imported as a node, or refused by name. */
typedef tn_status tn_onnx_eval(tn_onnx *o, const tn_onnx_node *n, bool *done);
typedef struct tn_onnx_evals {
    const char *op; /* NULL ends a table */
    tn_onnx_eval *eval;
    bool anyway; /* not all inputs need be known */
} tn_onnx_evals;
extern const tn_onnx_evals tn_onnx_evals_of_shapes[], tn_onnx_evals_that_move[],
    tn_onnx_evals_of_numbers[], tn_onnx_evals_that_reduce[];

/* The numbers of input i; NULL: there is none, or they are too many. */
const tn_onnx_number *tn_onnx_input_numbers(tn_onnx *o, const tn_onnx_node *n, int i);

/* A new known value as output 0, with numbers to be filled in; *out is NULL if they are too many. */
tn_status tn_onnx_new_output(tn_onnx *o, const tn_onnx_node *n, tn_onnx_type type,
                             const tn_shape *shape, tn_onnx_number **out);

/* Whole numbers of an attribute or an input, none of which depends on the batch, as tn_onnx_wholes(), but nothing is refused. */
bool tn_onnx_plain_wholes(tn_onnx *o, const tn_onnx_node *n, const char *attr, int i, int64_t *to,
                          int room, int *count);

/* Of tensors whose last dimensions are in line: the shape of both together; where element `index` of it is in one of them. */
bool tn_onnx_meet(const tn_shape *a, const tn_shape *b, tn_shape *out);
int64_t tn_onnx_place(const tn_shape *whole, const tn_shape *part, int64_t index);

/* The arithmetic of what may be times N; false: it is not known, or no such multiple. */
bool tn_onnx_add_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);
bool tn_onnx_mul_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);
bool tn_onnx_min_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);
bool tn_onnx_max_whole(tn_onnx_number a, tn_onnx_number b, tn_onnx_number *y);

#endif
