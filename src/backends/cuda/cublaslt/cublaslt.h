/*
 * Matrix products on cuBLASLt: made once, when a plan is, and run many times.
 *
 *     y = f(a b + beta y + bias)        y: rows x cols,  a: rows x depth,  b: depth x cols,  bias: cols
 *
 * All are row major; f is max(., 0) or nothing. cuBLASLt counts columns first, so it is asked for the
 * transpose, y^T = b^T a^T, which is the same memory.
 *
 * The algorithm is the first that cuBLASLt's heuristics name within the workspace, which follows from
 * the form of the product alone: so a plan that is dry needs as much memory as a real one. Sums are f32;
 * where one is cut into parts, these are added in f32 too, in a step of their own and so in a fixed order.
 */
#ifndef TN_CUBLASLT_H
#define TN_CUBLASLT_H

#include <cublasLt.h>

#include "backends/cuda/device/cuda.h"

/* Sets d->blas, of a device that is this thread's. */
tn_status tn_cublaslt_open(tn_backend_device *d);
void tn_cublaslt_close(tn_backend_device *d);

/* The most bytes of scratch that a product of this device asks for. */
size_t tn_cublaslt_most(const tn_backend_device *d);

/* One of the three matrices. */
typedef struct tn_matrix {
    bool transposed; /* kept with rows and columns exchanged; not y */
    int64_t pitch;   /* elements from one row in memory to the next */
    int64_t step;    /* elements from one matrix of a batch to the next */
    size_t align;    /* bytes that its address is a multiple of, a power of 2; 0: what plans give */
} tn_matrix;

typedef struct tn_gemm_spec {
    int64_t rows, cols, depth;
    tn_matrix a, b, y;
    int batch;       /* products of the same form side by side; 0: 1 */
    tn_dtype type;   /* of a and b, and of the bias */
    tn_dtype y_type; /* that type or f32 */
    tn_precision precision;
    /* Of a batch: all have their own, `cols` elements on. Then y must be without gaps, matrices of a
     * batch beside each other in one of rows x (batch * cols). */
    bool bias, relu;
} tn_gemm_spec;

typedef struct tn_gemm {
    tn_gemm_spec spec;
    size_t workspace; /* bytes of scratch that every run must be given */
    int parts; /* that the sums are cut into: spec is a batch of them, added up behind; 0: no */
    size_t parts_bytes; /* of the workspace, at its beginning */
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t a, b, y;
    cublasLtMatmulAlgo_t algo;
    bool apart; /* bias and relu in a kernel of ours behind it: cuBLASLt has no such product */
    char text
        [48]; /* for descriptions, "cublasLt 66, tile 20"; "" on a device that is only planned for */
} tn_gemm;

/* What changes from run to run. */
typedef struct tn_gemm_args {
    const void *a, *b, *bias;
    void *y;
    bool add; /* beta: 1, else 0, and y need not be numbers */
    void *workspace;
} tn_gemm_args;

/* On failure nothing is left of *m. On a device that is only planned for only sizes are found. */
tn_status tn_gemm_prepare(tn_backend_device *d, const tn_node *n, const tn_gemm_spec *spec,
                          tn_gemm *m);
tn_status tn_gemm_run(tn_gemm *m, const tn_call *c, const tn_gemm_args *args);
/* Of one that is all zero, or freed already: nothing. */
void tn_gemm_free(tn_gemm *m);

#endif
