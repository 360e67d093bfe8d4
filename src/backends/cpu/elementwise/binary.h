/*
 * Functions of two values, element by element with broadcasting, and their gradients.
 *
 * An op is three formulas, y, da and db, of one element each; binary_code.c makes loops of them, once for each set of
 * instructions. The rest is the same for all: which elements meet (backends/broadcast.h), who computes what, and sums
 * where an input was taken again. Those are taken in double, over pieces that depend on the shapes alone, so that they are
 * the same for any number of threads.
 *
 * x[0] and x[1] may come as one of them is laid out, if that has all of y's elements; the other then is canonical. Of a
 * node with one input the second is its first parameter, and a second parameter, laid out as that, is added to y.
 */
#ifndef TN_CPU_BINARY_H
#define TN_CPU_BINARY_H

#include "backends/broadcast.h"
#include "backends/cpu/device/cpu.h"

/* ---- loops -------------------------------------------------------------------------------- */

/* `rows` times `cols` elements; the next row is so many elements further. dy is read where a gradient is made. */
typedef struct tn_binary_rows {
    int64_t rows, cols;
    const float *a, *b, *dy;
    float *to;
    int64_t a_row, b_row, dy_row, to_row;
} tn_binary_rows;

typedef void tn_binary_loop(const tn_binary_rows *r);
/* Which go on from column to column; the other stays. */
enum { TN_BINARY_BOTH, TN_BINARY_A, TN_BINARY_B, TN_BINARY_KINDS };
typedef struct tn_binary_loops {
    tn_binary_loop *y[TN_BINARY_KINDS];
    tn_binary_loop *gradient[2][TN_BINARY_KINDS]; /* NULL: it is dy */
} tn_binary_loops;

/* Sums of rows of `cols` floats, each so many further: all in one, and for each column, added to `to`. */
typedef struct tn_sum_loops {
    double (*all)(const float *x, int64_t rows, int64_t cols, int64_t row);
    void (*columns)(double *to, const float *x, int64_t rows, int64_t cols, int64_t row);
} tn_sum_loops;

/* An op's loops by the set of instructions, as `loops`. */
#ifdef __x86_64__
#define TN_BINARY_LOOPS(stem)                                                          \
    extern const tn_binary_loops tn_binary_##stem##_portable, tn_binary_##stem##_avx2, \
        tn_binary_##stem##_avx512;                                                     \
    static const tn_binary_loops *const loops[TN_CPU_ISAS] = {                         \
        &tn_binary_##stem##_portable, &tn_binary_##stem##_avx2, &tn_binary_##stem##_avx512}
#else
#define TN_BINARY_LOOPS(stem)                                 \
    extern const tn_binary_loops tn_binary_##stem##_portable; \
    static const tn_binary_loops *const loops[TN_CPU_ISAS] = {&tn_binary_##stem##_portable}
#endif

/* ---- an op -------------------------------------------------------------------------------- */

typedef struct tn_binary_spec {
    const tn_binary_loops *const *loops; /* TN_CPU_ISAS of them */
    bool reads[2][2];                    /* [i][j]: the gradient of input i reads input j */
    bool keeps_zero;                     /* 0 and 0 make 0, so what fills up a layout stays 0 */
} tn_binary_spec;

tn_status tn_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                            const tn_binary_spec *spec);
tn_status tn_binary_forward(const tn_call *c);
tn_status tn_binary_backward(const tn_call *c);
void tn_binary_release(void *state);

/* ---- what it is made of ------------------------------------------------------------------- */

/* Places in a, b, y and the gradient, along some of the dimensions. */
enum { TN_WALK_A, TN_WALK_B, TN_WALK_Y, TN_WALK_GRADIENT, TN_WALKS };
typedef struct tn_walk {
    int ndim;
    int64_t count;
    int64_t dim[TN_BROADCAST_DIMS], step[TN_WALKS][TN_BROADCAST_DIMS];
} tn_walk;
/* Adds the place of number `index` to at[]. */
void tn_walk_to(const tn_walk *w, int64_t index, int64_t at[TN_WALKS]);

/* The gradient of an input that was taken again: a sum over some dimensions for each of the others. */
typedef struct tn_sums {
    tn_walk kept, summed;  /* without the innermost dimension */
    bool inner;            /* that is summed up too */
    int64_t cols, width;   /* of it; in one piece */
    int64_t pieces, parts; /* of cols; of what is summed up, each by whichever thread */
    int64_t count;         /* of the gradient */
} tn_sums;

/* What the gradient is made of. */
typedef struct tn_sum_of {
    const float *a, *b, *dy;
    tn_binary_loop *const *gradient; /* by kind, or of NULLs: it is dy */
    int kind;
    const tn_backend_device *device;
    double *scratch; /* parts x count, if there are several */
} tn_sum_of;

tn_sums tn_sums_plan(const tn_broadcast *s, int input);
size_t tn_sums_scratch(const tn_sums *s);
void tn_sums_run(const tn_sums *s, const tn_sum_of *of, float *gradient);

#endif
