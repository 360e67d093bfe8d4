/*
 * What is known when a model is imported: tensors of the file, and what follows from them and from shapes alone.
 */
#ifndef TN_ONNX_KNOWN_H
#define TN_ONNX_KNOWN_H

#include "onnx/onnx.h"

/* Whole of integers and bools, real of the others. times_n: it is so many times the batch. */
typedef struct tn_onnx_number {
    union {
        int64_t whole;
        double real;
    };
    bool times_n;
} tn_onnx_number;

enum { TN_ONNX_MOST_NUMBERS = 1 << 20 };         /* of a tensor that is evaluated */
#define TN_ONNX_MOST_ELEMENTS (INT64_C(1) << 40) /* of any, without dimensions of 0 */

/* Its numbers are in the file, or are evaluated, or all the same one. */
struct tn_onnx_known {
    const char *name; /* of the tensor in the file, or of the value */
    tn_onnx_type type;
    tn_shape shape; /* whose dimensions may be 0 here */
    int64_t count;
    bool constant; /* not one of the model's parameters: it is not trained */

    const tn_onnx_number *number; /* NULL: not yet, or never */
    bool fill;                    /* number is one, for all of it */

    tn_proto tensor;     /* in the file: its message, */
    tn_onnx_type stored; /* the type that it has there */
    tn_proto_span raw;   /* and its bytes, where they are little endian in one piece */
    int file;            /* in which file these are; -1: in none */

    tn_onnx_known *of; /* else: another one's numbers, */
    tn_shape axes;     /* by this permutation of its dimensions; */
    int depth;         /* that one may be of another again: how many there are */

    tn_value param; /* once a layer has read it, with that shape */
    tn_shape param_shape;
};

/* Are these axes the last two the other way round, and the others as they were? */
static inline bool tn_onnx_turns_matrices(const tn_shape *axes)
{
    const int last = axes->ndim - 1;
    for (int i = 0; i < last - 1; i++)
        if (axes->dim[i] != i)
            return false;
    return last > 0 && axes->dim[last] == last - 1 && axes->dim[last - 1] == last;
}

static inline bool tn_onnx_is_real(tn_onnx_type type)
{
    return type == ONNX_F32 || type == ONNX_F16 || type == ONNX_F64 || type == ONNX_BF16;
}

/* Of an ONNX type; 0: none that is read. */
size_t tn_onnx_bytes(tn_onnx_type type);
const char *tn_onnx_type_name(int64_t type);
/* Elements; false: too many to be counted, or a dimension below 0. */
bool tn_onnx_count(const tn_shape *shape, int64_t *count);

/* Numbers that fit, as a constant of i32 (param.c). */
tn_value tn_onnx_whole_constant(tn_onnx *o, const char *name, const tn_shape *shape, int64_t count,
                                const tn_onnx_number *number);
/* A tensor of the file (tensor.c). */
tn_status tn_onnx_of_tensor(tn_onnx *o, const tn_proto *tensor, const char *name,
                            tn_onnx_known **out);
/* One with room for numbers, all 0, in *number; *out is NULL if they are too many. */
tn_status tn_onnx_new_known(tn_onnx *o, tn_onnx_type type, const tn_shape *shape,
                            tn_onnx_known **out, tn_onnx_number **number);
/* The same numbers under another shape or type, both of which they may have; *out is NULL if too many lie behind each
 * other, and there is no room to evaluate them. */
tn_status tn_onnx_view(tn_onnx *o, tn_onnx_known *k, tn_onnx_type type, const tn_shape *shape,
                       tn_onnx_known **out);
/* Likewise by a permutation of its dimensions, to that shape. */
tn_status tn_onnx_permute(tn_onnx *o, tn_onnx_known *k, const tn_shape *shape, const tn_shape *axes,
                          tn_onnx_known **out);

/* Its numbers, read once; *out is NULL if they are too many. */
tn_status tn_onnx_numbers(tn_onnx *o, tn_onnx_known *k, const tn_onnx_number **out);
/* All of them as floats, however many. TN_ERR_UNSUPPORTED if one depends on the batch. */
tn_status tn_onnx_read(tn_onnx *o, tn_onnx_known *k, float *to);
/* Numbers that are made, not read, are bounded by what the files have; else TN_ERR_UNSUPPORTED. */
tn_status tn_onnx_charge(tn_onnx *o, const char *name, int64_t count);
/* The same in new memory, which is charged. */
tn_status tn_onnx_copy(tn_onnx *o, tn_onnx_known *k, float **out);

/* A dimension of a value of the graph. */
/* Of dimensions that are several together (view.c): what input i is, NULL: it is none; output 0 is x so; what dimension i is; and
 * made as it is. */
const tn_onnx_merged *tn_onnx_merged_of(const tn_onnx_node *n, int i);
tn_status tn_onnx_give_merged(tn_onnx *o, const tn_onnx_node *n, tn_value x, int ndim,
                              const int *group);
tn_onnx_number tn_onnx_merged_dim(const tn_onnx *o, const tn_onnx_merged *m, int i);
tn_value tn_onnx_make_merged(tn_onnx *o, const tn_onnx_merged *m);
tn_onnx_number tn_onnx_dim(const tn_onnx *o, tn_value v, int i);

/* x[begin:end:step] of `size` elements, as NumPy has it: which one is first, and how many there are. */
typedef struct tn_onnx_part {
    int64_t begin, step, count;
} tn_onnx_part;
tn_onnx_part tn_onnx_part_of(int64_t size, int64_t begin, int64_t end, int64_t step);

/* Evaluates a node whose outputs follow from what is known: *done. */
bool tn_onnx_is_evaluated(const char *op); /* at times */
tn_status tn_onnx_evaluate(tn_onnx *o, const tn_onnx_node *n, bool *done);

#endif
