/* The simulated cuBLASLt: numbers of products, which algorithms are offered, and rules. */
#include <cublasLt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/sim/numbers.h"
#include "rules.h"

#define assert_blas(call) assert_int_equal((call), CUBLAS_STATUS_SUCCESS)

enum { F32 = CUDA_R_32F, F16 = CUDA_R_16F, BF16 = CUDA_R_16BF, WORKSPACE = 1 << 20 };

static cublasLtHandle_t handle;
static cudaStream_t stream;

/* ---- a product in few words --------------------------------------------------------------- */

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

typedef struct matrix {
    cudnnDataType_t type;
    int rows, cols, pitch, batch;
    bool row;
    int64_t step, span;
    void *device;
    double *x; /* [batch][col][row] */
    cublasLtMatrixLayout_t layout;
} matrix;

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

static matrix make(int rows, int cols, int type, const product_case *c, unsigned seed)
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

static void drop(matrix *a)
{
    assert_blas(cublasLtMatrixLayoutDestroy(a->layout));
    assert_cuda(cudaFree(a->device));
    free(a->x);
}

static float *download(const matrix *a)
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

#define SET_PRODUCT(d, name, value) \
    assert_blas(                    \
        cublasLtMatmulDescSetAttribute((d), CUBLASLT_MATMUL_DESC_##name, &(value), sizeof(value)))
#define SET_PREFERENCE(p, name, value)                                                           \
    assert_blas(cublasLtMatmulPreferenceSetAttribute((p), CUBLASLT_MATMUL_PREF_##name, &(value), \
                                                     sizeof(value)))

static cublasLtMatmulDesc_t make_product(const product_case *c)
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

/* How many algorithms; up to 8. */
static int ask(cublasLtMatmulDesc_t d, const matrix *a, const matrix *b, const matrix *y,
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
        handle, d, a->layout, b->layout, y->layout, y->layout, p, 8, result, &count);
    assert_int_equal(s, count ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED);
    assert_blas(cublasLtMatmulPreferenceDestroy(p));
    return count;
}

/* ---- numbers ------------------------------------------------------------------------------ */

static const product_case products[] = {
    {.why = "the plainest", .m = 4, .n = 3, .k = 5},
    {.why = "A transposed", .m = 4, .n = 3, .k = 5, .ta = true},
    {.why = "B transposed", .m = 4, .n = 3, .k = 5, .tb = true},
    {.why = "both, row major, with gaps",
     .m = 4,
     .n = 3,
     .k = 5,
     .ta = true,
     .tb = true,
     .row = true,
     .gap = 3},
    {.why = "alpha and beta", .m = 4, .n = 3, .k = 5, .alpha = 0.5f, .beta = 3},
    {.why = "alpha and beta on the device",
     .m = 4,
     .n = 3,
     .k = 5,
     .alpha = 0.5f,
     .beta = 3,
     .device_scalars = true},
    {.why = "a batch", .m = 4, .n = 3, .k = 5, .batch = 3, .gap = 1},
    {.why = "halves", .m = 8, .n = 4, .k = 16, .in = F16, .out = F16},
    {.why = "halves to floats", .m = 8, .n = 4, .k = 16, .in = F16},
    {.why = "bfloat16", .m = 8, .n = 4, .k = 16, .in = BF16, .out = BF16},
    {.why = "more than is summed at once", .m = 3, .n = 2, .k = 1500},
    {.why = "relu", .m = 6, .n = 5, .k = 4, .epilogue = CUBLASLT_EPILOGUE_RELU},
    {.why = "a bias a row", .m = 6, .n = 5, .k = 4, .epilogue = CUBLASLT_EPILOGUE_BIAS},
    {.why = "a bias a row, of each of a batch",
     .m = 6,
     .n = 5,
     .k = 4,
     .batch = 2,
     .epilogue = CUBLASLT_EPILOGUE_RELU_BIAS},
    {.why = "parts of a sum in order",
     .m = 6,
     .n = 5,
     .k = 64,
     .schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE},
};

/* The product in doubles, [batch][col][row], before the epilogue. */
static double *reference(const product_case *c, const matrix *a, const matrix *b, const matrix *y)
{
    double *out = calloc((size_t)(c->m * c->n * y->batch), sizeof *out);
    for (int i = 0; i < c->m * c->n * y->batch; i++) {
        const int r = i % c->m, j = i / c->m % c->n, batch = i / c->m / c->n;
        for (int l = 0; l < c->k; l++)
            out[i] += a->x[batch * c->m * c->k + (c->ta ? r * c->k + l : l * c->m + r)] *
                      b->x[batch * c->k * c->n + (c->tb ? l * c->n + j : j * c->k + l)];
        out[i] = (c->alpha != 0 ? (double)c->alpha : 1) * out[i] + (double)c->beta * y->x[i];
    }
    return out;
}

static double run_product(const product_case *c)
{
    const int in = c->in ? c->in : F32, out = c->out ? c->out : F32;
    matrix a = make(c->ta ? c->k : c->m, c->ta ? c->m : c->k, in, c, 1);
    matrix b = make(c->tb ? c->n : c->k, c->tb ? c->k : c->n, in, c, 2);
    matrix y = make(c->m, c->n, out, c, 3);
    const product_case column = {.batch = c->batch};
    matrix bias = make(c->m, 1, out, &column, 4);
    const float scalars[64] = {[0] = c->alpha != 0 ? c->alpha : 1, [32] = c->beta};
    float *device_scalars = new_device(sizeof scalars);
    assert_cuda(cudaMemcpy(device_scalars, scalars, sizeof scalars, cudaMemcpyHostToDevice));
    const float *s = c->device_scalars ? device_scalars : scalars;
    const bool has_bias = c->epilogue & CUBLASLT_EPILOGUE_BIAS;
    cublasLtMatmulDesc_t d = make_product(c);
    if (has_bias) {
        SET_PRODUCT(d, BIAS_POINTER, bias.device);
        SET_PRODUCT(d, BIAS_BATCH_STRIDE, bias.step);
    }
    void *workspace = new_device(WORKSPACE);
    cublasLtMatmulHeuristicResult_t result[8];
    assert_true(ask(d, &a, &b, &y, WORKSPACE, c->schemes, 256, result) > 0);
    assert_blas(cublasLtMatmul(handle, d, s, a.device, a.layout, b.device, b.layout, s + 32,
                               y.device, y.layout, y.device, y.layout, &result[0].algo, workspace,
                               WORKSPACE, stream));
    assert_cuda(cudaStreamSynchronize(stream));
    double *should = reference(c, &a, &b, &y), most = 0, largest = 0;
    float *is = download(&y);
    for (int i = 0; i < c->m * c->n * y.batch; i++) {
        if (has_bias)
            should[i] += bias.x[i / c->m / c->n * c->m + i % c->m];
        if (c->epilogue & CUBLASLT_EPILOGUE_RELU)
            should[i] = fmax(should[i], 0);
        most = fmax(most, isnan(is[i]) ? 1e9 : fabs((double)is[i] - should[i]));
        largest = fmax(largest, fabs(should[i]));
    }
    free(is);
    free(should);
    assert_cuda(cudaFree(workspace));
    assert_cuda(cudaFree(device_scalars));
    assert_blas(cublasLtMatmulDescDestroy(d));
    matrix *all[] = {&a, &b, &y, &bias};
    for (int i = 0; i < 4; i++)
        drop(all[i]);
    return most / largest;
}

static void test_product(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        const product_case *c = &products[i];
        const double e = run_product(c);
        if (!(e < (c->out == F16 ? 1e-3 : c->out == BF16 ? 8e-3 : 1e-6)))
            fail_msg("%s: error of %g", c->why, e);
    }
}

/* What an algorithm is said to do, it does. */
static void test_tf32(void **state)
{
    (void)state;
    const product_case c = {.m = 8, .n = 8, .k = 32, .tf32 = true};
    const double e = run_product(&c);
    assert_true(e > 1e-5 && e < 2e-3);
}

static int open_device(void **state)
{
    (void)state;
    assert_blas(cublasLtCreate(&handle));
    stream = new_stream();
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    assert_blas(cublasLtDestroy(handle));
    assert_cuda(cudaStreamDestroy(stream));
    tn_sim_check_leaks();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_tf32),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
