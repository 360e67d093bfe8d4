/* Numbers of the simulated cuBLASLt. */
#include <math.h>
#include <stdlib.h>

#include "product.h"

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
    matrix a = matrix_make(c->ta ? c->k : c->m, c->ta ? c->m : c->k, in, c, 1);
    matrix b = matrix_make(c->tb ? c->n : c->k, c->tb ? c->k : c->n, in, c, 2);
    matrix y = matrix_make(c->m, c->n, out, c, 3);
    const product_case column = {.batch = c->batch};
    matrix bias = matrix_make(c->m, 1, out, &column, 4);
    const float scalars[64] = {[0] = c->alpha != 0 ? c->alpha : 1, [32] = c->beta};
    float *device_scalars = new_device(sizeof scalars);
    assert_cuda(cudaMemcpy(device_scalars, scalars, sizeof scalars, cudaMemcpyHostToDevice));
    const float *s = c->device_scalars ? device_scalars : scalars;
    const bool has_bias = c->epilogue & CUBLASLT_EPILOGUE_BIAS;
    cublasLtMatmulDesc_t d = product_make(c);
    if (has_bias) {
        SET_PRODUCT(d, BIAS_POINTER, bias.device);
        SET_PRODUCT(d, BIAS_BATCH_STRIDE, bias.step);
    }
    void *workspace = new_device(WORKSPACE);
    cublasLtMatmulHeuristicResult_t result[8];
    assert_true(product_ask(d, &a, &b, &y, WORKSPACE, c->schemes, 256, result) > 0);
    assert_blas(cublasLtMatmul(product_handle, d, s, a.device, a.layout, b.device, b.layout, s + 32,
                               y.device, y.layout, y.device, y.layout, &result[0].algo, workspace,
                               WORKSPACE, product_stream));
    assert_cuda(cudaStreamSynchronize(product_stream));
    double *should = reference(c, &a, &b, &y), most = 0, largest = 0;
    float *is = matrix_get(&y);
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
        matrix_drop(all[i]);
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

/* ---- epilogues with a vector or a mask of their own --------------------------------------- */

/* Runs d = f(a b), m x n, with an epilogue that writes or reads `vector`, of m or n, and `mask`. */
static void run_epilogue(const product_case *c, const matrix *a, const matrix *b, const matrix *d,
                         void *vector, void *mask, int64_t pitch)
{
    cublasLtMatmulDesc_t p = product_make(c);
    cublasLtMatmulHeuristicResult_t result[8];
    const float one = 1, zero = 0;
    SET_PRODUCT(p, BIAS_POINTER, vector);
    if (mask) {
        SET_PRODUCT(p, EPILOGUE_AUX_POINTER, mask);
        SET_PRODUCT(p, EPILOGUE_AUX_LD, pitch);
    }
    assert_true(product_ask(p, a, b, d, 0, 0, 256, result) > 0);
    assert_blas(cublasLtMatmul(product_handle, p, &one, a->device, a->layout, b->device, b->layout,
                               &zero, d->device, d->layout, d->device, d->layout, &result[0].algo,
                               NULL, 0, product_stream));
    assert_cuda(cudaStreamSynchronize(product_stream));
    assert_blas(cublasLtMatmulDescDestroy(p));
}

static void check(const float *is, const double *should, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)is[i] - should[i]) < 1e-5))
            fail_msg("element %d is %g, not %g", i, (double)is[i], should[i]);
}

/* Sums over k of what goes in: BGRADA one a row of D, BGRADB one a column. */
static void test_sums_of_inputs(void **state)
{
    (void)state;
    enum { M = 6, NN = 5, K = 9 };
    for (int of_b = 0; of_b < 2; of_b++)
        for (int turned = 0; turned < 2; turned++) {
            const product_case c = {.m = M,
                                    .n = NN,
                                    .k = K,
                                    .ta = turned,
                                    .tb = turned,
                                    .epilogue =
                                        of_b ? CUBLASLT_EPILOGUE_BGRADB : CUBLASLT_EPILOGUE_BGRADA};
            matrix a = matrix_make(turned ? K : M, turned ? M : K, F32, &c, 1);
            matrix b = matrix_make(turned ? NN : K, turned ? K : NN, F32, &c, 2);
            matrix d = matrix_make(M, NN, F32, &c, 3),
                   sums = matrix_make(of_b ? NN : M, 1, F32, &c, 4);
            double should[8] = {0};
            for (int i = 0; i < sums.rows; i++)
                for (int k = 0; k < K; k++)
                    should[i] += of_b     ? b.x[turned ? k * NN + i : i * K + k]
                                 : turned ? a.x[i * K + k]
                                          : a.x[k * M + i];
            run_epilogue(&c, &a, &b, &d, sums.device, NULL, 0);
            float *is = matrix_get(&sums), *product = matrix_get(&d);
            double *plain = reference(&c, &a, &b, &d);
            check(is, should, sums.rows);
            check(product, plain, M * NN);
            free(is);
            free(product);
            free(plain);
            matrix *all[] = {&a, &b, &d, &sums};
            for (int i = 0; i < 4; i++)
                matrix_drop(all[i]);
        }
}

/* relu leaves a mask; drelu goes back by it, and sums the rows of what is left. */
static void test_mask(void **state)
{
    (void)state;
    enum { M = 6, NN = 5, K = 9, PITCH = 128 };
    product_case c = {.m = M, .n = NN, .k = K, .epilogue = CUBLASLT_EPILOGUE_RELU_AUX};
    matrix a = matrix_make(M, K, F32, &c, 1), b = matrix_make(K, NN, F32, &c, 2);
    matrix d = matrix_make(M, NN, F32, &c, 3), sums = matrix_make(M, 1, F32, &c, 4);
    matrix other = matrix_make(M, K, F32, &c, 5);
    void *mask = new_device(PITCH / 8 * NN);
    double *x = reference(&c, &a, &b, &d), *dx = reference(&c, &other, &b, &d), should[M] = {0};
    run_epilogue(&c, &a, &b, &d, sums.device, mask, PITCH);
    float *y = matrix_get(&d);
    c.epilogue = CUBLASLT_EPILOGUE_DRELU_BGRAD;
    run_epilogue(&c, &other, &b, &d, sums.device, mask, PITCH);
    float *back = matrix_get(&d), *is = matrix_get(&sums);
    for (int i = 0; i < M * NN; i++) {
        dx[i] = x[i] > 0 ? dx[i] : 0;
        x[i] = fmax(x[i], 0);
        should[i % M] += dx[i];
    }
    check(y, x, M * NN);
    check(back, dx, M * NN);
    check(is, should, M);
    free(x);
    free(dx);
    free(y);
    free(back);
    free(is);
    assert_cuda(cudaFree(mask));
    matrix *all[] = {&a, &b, &d, &sums, &other};
    for (int i = 0; i < 5; i++)
        matrix_drop(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_sums_of_inputs),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_tf32),
    };
    return cmocka_run_group_tests(tests, product_open, product_close);
}
