/*
 * Products of the simulated cuBLASLt in few words.
 */
#ifndef TN_TEST_SIM_PRODUCT_H
#define TN_TEST_SIM_PRODUCT_H

#include <cublasLt.h>
#include <cudnn.h>

#include "rules.h"

#define assert_blas(call) assert_int_equal((call), CUBLAS_STATUS_SUCCESS)

enum { F32 = CUDA_R_32F, F16 = CUDA_R_16F, BF16 = CUDA_R_16BF, WORKSPACE = 1 << 20 };

typedef struct product_case {
    const char *why;
    int m, n, k;
    bool ta, tb, row; /* row: all four matrices are row major */
    int in, out;      /* types; default f32 */
    int batch, gap;   /* elements between columns that are not the matrix's */
    int epilogue;
    float alpha, beta; /* alpha: default 1 */
    bool tf32, device_scalars;
    uint32_t schemes; /* default none: no parts of sums */
} product_case;

/* On the device, and the numbers that it began with. */
typedef struct matrix {
    cudnnDataType_t type;
    int rows, cols, pitch, batch;
    bool row;
    int64_t step, span;
    void *device;
    double *x; /* [batch][col][row] */
    cublasLtMatrixLayout_t layout;
} matrix;

/* In [-1, 1); what lies between is no number. */
matrix matrix_make(int rows, int cols, int type, const product_case *c, unsigned seed);
void matrix_drop(matrix *a);
/* What is on the device now, [batch][col][row]; to be freed. */
float *matrix_get(const matrix *a);

#define SET_PRODUCT(d, name, value) \
    assert_blas(                    \
        cublasLtMatmulDescSetAttribute((d), CUBLASLT_MATMUL_DESC_##name, &(value), sizeof(value)))
cublasLtMatmulDesc_t product_make(const product_case *c);

/* How many algorithms, of at most 8, within these bounds. `align`: of all four. */
int product_ask(cublasLtMatmulDesc_t d, const matrix *a, const matrix *b, const matrix *y,
                uint64_t workspace, uint32_t schemes, uint32_t align,
                cublasLtMatmulHeuristicResult_t result[8]);

/* For a group of tests: a handle and a stream; the end looks for leaks. */
extern cublasLtHandle_t product_handle;
extern cudaStream_t product_stream;
int product_open(void **state);
int product_close(void **state);

#endif
