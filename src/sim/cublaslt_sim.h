/*
 * The simulated cuBLASLt, as its parts see it.
 *
 *     D = f(alpha op(A) op(B) + beta C)      op(A): m x k, op(B): k x n, C and D: m x n
 */
#ifndef TN_SIM_CUBLASLT_H
#define TN_SIM_CUBLASLT_H

#include <cublasLt.h>

#include "sim/_runtime.h"
#include "sim/numbers.h"

struct cublasLtContext {
    int device;
};

typedef struct tn_lt_product {
    int32_t compute, scale, pointer_mode, trans_a, trans_b, trans_c, fill;
    uint32_t epilogue;
    void *bias, *aux;
    int64_t bias_step, aux_pitch,
        aux_step; /* from one of a batch to the next; one column to the next */
    int32_t bias_type, aux_type, processors; /* types: -1 the result's */
} tn_lt_product;

typedef struct tn_lt_layout {
    uint32_t type;
    int32_t order, batch;
    uint64_t rows, cols;
    int64_t pitch, step; /* leading dimension; from one of a batch to the next */
} tn_lt_layout;

typedef struct tn_lt_preference {
    uint32_t search, schemes, align[4]; /* of A, B, C, D */
    uint64_t workspace, kinds;
    float waves;
} tn_lt_preference;

/* What an algorithm's 64 bytes are here. */
typedef struct tn_lt_algo {
    int32_t id;
    uint32_t scheme, parts; /* how parts of a sum are added; how many there are */
    uint32_t form;          /* of the product that it was found for */
    uint16_t align[4];      /* that were promised */
    uint64_t workspace;
} tn_lt_algo;
_Static_assert(sizeof(tn_lt_algo) <= sizeof(cublasLtMatmulAlgo_t), "an algorithm is 64 bytes");

/* A product with its four matrices. */
typedef struct tn_lt_problem {
    const tn_lt_product *p;
    const tn_lt_layout *a, *b, *c, *d;
    int64_t m, n, k;
} tn_lt_problem;

tn_lt_problem tn_lt_problem_of(cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                               cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                               cublasLtMatrixLayout_t d);

/* Bits of epilogues that have no name in cublasLt.h: a gradient of the bias, a mask. */
enum { TN_LT_BGRAD = 16, TN_LT_AUX = 128 };

/* Is this a product that cuBLASLt has? INVALID_VALUE if it makes no sense, NOT_SUPPORTED if it is not there. */
cublasStatus_t tn_lt_check(const tn_lt_problem *q);
/* What must stay the same between asking for an algorithm and using it: types, orders, epilogue. */
uint32_t tn_lt_form(const tn_lt_problem *q);
cudnnDataType_t tn_lt_type(uint32_t cuda_type);
/* As tests have set it: cudnn_refusals.c. */
bool tn_sim_refuses_epilogues(void);

const tn_lt_product *tn_lt_product_of(cublasLtMatmulDesc_t x);
const tn_lt_layout *tn_lt_layout_of(cublasLtMatrixLayout_t x);
const tn_lt_preference *tn_lt_preference_of(cublasLtMatmulPreference_t x);
/* Breaks the rules "destroyed" and "device". */
const struct cublasLtContext *tn_lt_handle_of(const char *function, cublasLtHandle_t x);

#endif
