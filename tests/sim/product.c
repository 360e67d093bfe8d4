#include "product.h"

#include <stdlib.h>
#include <string.h>

#include "sim/numbers.h"

cublasLtHandle_t product_handle;
cudaStream_t product_stream;

static cudnnDataType_t type_of(int t)
{
    return t == F16 ? CUDNN_DATA_HALF : t == BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

static int64_t offset_of(const matrix *a, int i)
{
    const int r = i % a->rows, c = i / a->rows % a->cols, b = i / a->rows / a->cols;
    return b * a->step + (a->row ? (int64_t)r * a->pitch + c : (int64_t)c * a->pitch + r);
}

static void set_layout(cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t name,
                       const void *value, size_t bytes)
{
    assert_blas(cublasLtMatrixLayoutSetAttribute(l, name, value, bytes));
}

matrix matrix_make(int rows, int cols, int type, const product_case *c, unsigned seed)
{
    const int32_t batch = c->batch ? c->batch : 1;
    matrix a = {.type = type_of(type), .rows = rows, .cols = cols, .batch = batch, .row = c->row};
    a.pitch = (c->row ? cols : rows) + c->gap;
    a.step = (int64_t)a.pitch * (c->row ? rows : cols);
    a.span = a.step * batch;
    a.x = calloc((size_t)(rows * cols * batch), sizeof *a.x);
    const size_t bytes = (size_t)a.span * tn_sim_bytes_of(a.type);
    void *host = malloc(bytes);
    memset(host, 0xff, bytes);
    for (int i = 0; i < rows * cols * batch; i++) {
        seed = seed * 1664525u + 1013904223u;
        float f = (float)(seed >> 8) * 0x1p-23f - 1;
        tn_sim_store(a.type, host, offset_of(&a, i), 1, 1, &f);
        tn_sim_load(a.type, host, offset_of(&a, i), 1, 1, &f);
        a.x[i] = (double)f;
    }
    a.device = new_device(bytes);
    assert_cuda(cudaMemcpy(a.device, host, bytes, cudaMemcpyHostToDevice));
    free(host);
    const int32_t order = c->row ? CUBLASLT_ORDER_ROW : CUBLASLT_ORDER_COL;
    assert_blas(cublasLtMatrixLayoutCreate(&a.layout, (cudaDataType)type, (uint64_t)rows,
                                           (uint64_t)cols, a.pitch));
    set_layout(a.layout, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order);
    set_layout(a.layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch);
    set_layout(a.layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &a.step, sizeof a.step);
    return a;
}

void matrix_drop(matrix *a)
{
    assert_blas(cublasLtMatrixLayoutDestroy(a->layout));
    assert_cuda(cudaFree(a->device));
    free(a->x);
}

float *matrix_get(const matrix *a)
{
    const size_t bytes = (size_t)a->span * tn_sim_bytes_of(a->type);
    void *host = malloc(bytes);
    float *x = calloc((size_t)(a->rows * a->cols * a->batch), sizeof *x);
    assert_cuda(cudaMemcpy(host, a->device, bytes, cudaMemcpyDeviceToHost));
    for (int i = 0; i < a->rows * a->cols * a->batch; i++)
        tn_sim_load(a->type, host, offset_of(a, i), 1, 1, &x[i]);
    free(host);
    return x;
}

#define SET_PREFERENCE(p, name, value)                                                           \
    assert_blas(cublasLtMatmulPreferenceSetAttribute((p), CUBLASLT_MATMUL_PREF_##name, &(value), \
                                                     sizeof(value)))

cublasLtMatmulDesc_t product_make(const product_case *c)
{
    const int32_t t = CUBLAS_OP_T, mode = CUBLASLT_POINTER_MODE_DEVICE;
    const uint32_t epilogue = (uint32_t)c->epilogue;
    cublasLtMatmulDesc_t d;
    assert_blas(cublasLtMatmulDescCreate(
        &d, c->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F));
    if (c->ta)
        SET_PRODUCT(d, TRANSA, t);
    if (c->tb)
        SET_PRODUCT(d, TRANSB, t);
    if (c->epilogue)
        SET_PRODUCT(d, EPILOGUE, epilogue);
    if (c->device_scalars)
        SET_PRODUCT(d, POINTER_MODE, mode);
    return d;
}

int product_ask(cublasLtMatmulDesc_t d, const matrix *a, const matrix *b, const matrix *y,
                uint64_t workspace, uint32_t schemes, uint32_t align,
                cublasLtMatmulHeuristicResult_t result[8])
{
    cublasLtMatmulPreference_t p;
    int count = -1;
    assert_blas(cublasLtMatmulPreferenceCreate(&p));
    SET_PREFERENCE(p, MAX_WORKSPACE_BYTES, workspace);
    SET_PREFERENCE(p, REDUCTION_SCHEME_MASK, schemes);
    SET_PREFERENCE(p, MIN_ALIGNMENT_A_BYTES, align);
    SET_PREFERENCE(p, MIN_ALIGNMENT_B_BYTES, align);
    SET_PREFERENCE(p, MIN_ALIGNMENT_C_BYTES, align);
    SET_PREFERENCE(p, MIN_ALIGNMENT_D_BYTES, align);
    const cublasStatus_t s = cublasLtMatmulAlgoGetHeuristic(
        product_handle, d, a->layout, b->layout, y->layout, y->layout, p, 8, result, &count);
    assert_int_equal(s, count ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED);
    assert_blas(cublasLtMatmulPreferenceDestroy(p));
    return count;
}

int product_open(void **state)
{
    (void)state;
    assert_blas(cublasLtCreate(&product_handle));
    product_stream = new_stream();
    return 0;
}

int product_close(void **state)
{
    (void)state;
    assert_blas(cublasLtDestroy(product_handle));
    assert_cuda(cudaStreamDestroy(product_stream));
    tn_sim_check_leaks();
    return 0;
}
