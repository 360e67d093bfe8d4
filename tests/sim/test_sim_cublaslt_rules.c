/* Rules of the simulated cuBLASLt: which algorithms there are, what it returns a status for, what ends
 * the process. */
#include <stdlib.h>
#include <string.h>

#include "product.h"

enum { M = 8, N = 4, K = 16, ALL = CUBLASLT_REDUCTION_SCHEME_MASK };

static const float one = 1, zero = 0;

/* A product of M x K and K x N, ready to run, of the best algorithm within a workspace. */
typedef struct ready {
    matrix a, b, d;
    cublasLtMatmulDesc_t p;
    cublasLtMatmulHeuristicResult_t result[8];
    int count;
    void *workspace;
} ready;

static ready prepare(const product_case *c, uint64_t workspace, uint32_t schemes, uint32_t align)
{
    ready r = {.a = matrix_make(M, K, c->in ? c->in : F32, c, 1),
               .b = matrix_make(K, N, c->in ? c->in : F32, c, 2),
               .d = matrix_make(M, N, c->out ? c->out : F32, c, 3),
               .p = product_make(c),
               .workspace = new_device(WORKSPACE)};
    r.count = product_ask(r.p, &r.a, &r.b, &r.d, workspace, schemes, align, r.result);
    return r;
}

static void drop(ready *r)
{
    assert_cuda(cudaStreamSynchronize(product_stream));
    matrix_drop(&r->a);
    matrix_drop(&r->b);
    matrix_drop(&r->d);
    assert_blas(cublasLtMatmulDescDestroy(r->p));
    assert_cuda(cudaFree(r->workspace));
}

static cublasStatus_t run(const ready *r, void *a, void *d, void *workspace, size_t bytes)
{
    return cublasLtMatmul(product_handle, r->p, &one, a, r->a.layout, r->b.device, r->b.layout,
                          &zero, d, r->d.layout, d, r->d.layout, &r->result[0].algo, workspace,
                          bytes, product_stream);
}

static uint32_t config(const cublasLtMatmulAlgo_t *a, cublasLtMatmulAlgoConfigAttributes_t name)
{
    uint32_t value = 99;
    size_t n = 0;
    assert_blas(cublasLtMatmulAlgoConfigGetAttribute(a, name, &value, sizeof value, &n));
    assert_int_equal(n, sizeof value);
    return value;
}

/* ---- algorithms --------------------------------------------------------------------------- */

static void test_algorithms(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        uint64_t workspace;
        uint32_t schemes, align;
        int count;
        uint32_t first; /* scheme */
        bool parts;
    } cases[] = {
        {"all", WORKSPACE, ALL, 256, 5, CUBLASLT_REDUCTION_SCHEME_INPLACE, true},
        {"no workspace, as by default", 0, ALL, 256, 2, CUBLASLT_REDUCTION_SCHEME_NONE, false},
        {"sums in order", WORKSPACE, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 256, 3,
         CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, true},
        {"no parts", WORKSPACE, 0, 256, 2, CUBLASLT_REDUCTION_SCHEME_NONE, false},
        {"aligned to an element", WORKSPACE, ALL, 4, 1, CUBLASLT_REDUCTION_SCHEME_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ready r = prepare(&(product_case){0}, cases[i].workspace, cases[i].schemes, cases[i].align);
        const cublasLtMatmulAlgo_t *a = &r.result[0].algo;
        if (r.count != cases[i].count ||
            config(a, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) != cases[i].first ||
            (config(a, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) > 1) != cases[i].parts)
            fail_msg("%s: %d algorithms", cases[i].why, r.count);
        for (int k = 0; k < r.count; k++)
            assert_true(r.result[k].workspaceSize <= cases[i].workspace &&
                        r.result[k].state == CUBLAS_STATUS_SUCCESS);
        drop(&r);
    }
}

/* An algorithm that adds as it comes gives other bits every time, the others the same. */
static void test_order(void **state)
{
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        ready r = prepare(&(product_case){0}, WORKSPACE,
                          in_order ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : ALL, 256);
        bool differs = false;
        float *before = NULL;
        for (int i = 0; i < 5; i++) {
            assert_blas(run(&r, r.a.device, r.d.device, r.workspace, WORKSPACE));
            assert_cuda(cudaStreamSynchronize(product_stream));
            float *after = matrix_get(&r.d);
            differs |= before && memcmp(before, after, M * N * sizeof *after) != 0;
            free(before);
            before = after;
        }
        free(before);
        assert_int_equal(differs, !in_order);
        drop(&r);
    }
}

/* ---- statuses ----------------------------------------------------------------------------- */

static void test_types(void **state)
{
    (void)state;
    static const struct {
        product_case c;
        const char *gpu;
        bool there;
    } cases[] = {
        {{.why = "floats"}, "h100", true},
        {{.why = "halves", .in = F16, .out = F16}, "t4", true},
        {{.why = "halves to floats", .in = BF16}, "a100", true},
        {{.why = "bf16 before sm_80", .in = BF16, .out = BF16}, "t4", false},
        {{.why = "floats to halves", .out = F16}, "h100", false},
        {{.why = "one half to the other", .in = F16, .out = BF16}, "h100", false},
        {{.why = "TF32 of halves", .in = F16, .out = F16, .tf32 = true}, "h100", false},
        {{.why = "bias of a row major result", .row = true, .epilogue = CUBLASLT_EPILOGUE_BIAS},
         "h100",
         false},
        {{.why = "a mask that was not set up", .epilogue = CUBLASLT_EPILOGUE_DRELU}, "h100", false},
        {{.why = "GELU", .epilogue = CUBLASLT_EPILOGUE_GELU}, "h100", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(tn_sim_set_gpu(cases[i].gpu));
        ready r = prepare(&cases[i].c, WORKSPACE, ALL, 256);
        if ((r.count > 0) != cases[i].there)
            fail_msg("%s: %d algorithms", cases[i].c.why, r.count);
        drop(&r);
    }
    assert_true(tn_sim_set_gpu("h100"));
}

static void test_statuses(void **state)
{
    (void)state;
    const cublasStatus_t bad = CUBLAS_STATUS_INVALID_VALUE;
    const uint32_t relu = CUBLASLT_EPILOGUE_RELU, plain = CUBLASLT_EPILOGUE_DEFAULT;
    const uint32_t bias = CUBLASLT_EPILOGUE_BIAS;
    const int64_t wide = 8;
    ready r = prepare(&(product_case){0}, WORKSPACE, ALL, 256);
    const size_t enough = r.result[0].workspaceSize;
    assert_int_equal(run(&r, r.a.device, r.d.device, r.workspace, enough - 1), bad);
    assert_int_equal(run(&r, r.a.device, r.d.device, NULL, enough), bad);
    assert_int_equal(run(&r, NULL, r.d.device, r.workspace, enough), bad);
    assert_blas(run(&r, r.a.device, r.d.device, r.workspace, enough));
    SET_PRODUCT(r.p, EPILOGUE, relu); /* not what the algorithm was found for */
    assert_int_equal(run(&r, r.a.device, r.d.device, r.workspace, enough), bad);
    SET_PRODUCT(r.p, EPILOGUE, bias);
    r.count = product_ask(r.p, &r.a, &r.b, &r.d, WORKSPACE, ALL, 256, r.result);
    assert_int_equal(run(&r, r.a.device, r.d.device, r.workspace, enough), bad); /* where is it? */
    SET_PRODUCT(r.p, EPILOGUE, plain);
    assert_int_equal(cublasLtMatmulDescSetAttribute(r.p, CUBLASLT_MATMUL_DESC_EPILOGUE, &wide, 8),
                     bad);
    assert_int_equal(cublasLtMatmulDescSetAttribute(r.p, CUBLASLT_MATMUL_DESC_EPILOGUE, NULL, 4),
                     bad);
    assert_int_equal(
        cublasLtMatrixLayoutSetAttribute(r.a.layout, CUBLASLT_MATRIX_LAYOUT_ROWS, &wide, 4), bad);
    cublasLtMatrixLayout_t narrow;
    cublasLtMatmulPreference_t p;
    int count;
    assert_blas(cublasLtMatrixLayoutCreate(&narrow, CUDA_R_32F, M, K, M - 1));
    assert_blas(cublasLtMatmulPreferenceCreate(&p));
    assert_int_equal(cublasLtMatmulAlgoGetHeuristic(product_handle, r.p, narrow, r.b.layout,
                                                    r.d.layout, r.d.layout, p, 8, r.result, &count),
                     bad);
    assert_int_equal(cublasLtMatmulAlgoGetHeuristic(product_handle, r.p, r.b.layout, r.b.layout,
                                                    r.d.layout, r.d.layout, p, 8, r.result, &count),
                     bad);
    assert_blas(cublasLtMatmulPreferenceDestroy(p));
    assert_blas(cublasLtMatrixLayoutDestroy(narrow));
    tn_sim_fail_at("cublasLtMatmul", 1);
    assert_int_equal(run(&r, r.a.device, r.d.device, r.workspace, enough),
                     CUBLAS_STATUS_EXECUTION_FAILED);
    assert_string_equal(cublasLtGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED),
                        "CUBLAS_STATUS_NOT_SUPPORTED");
    assert_int_equal(cublasLtGetVersion(), CUBLAS_VERSION);
    drop(&r);
}

/* ---- what ends the process ---------------------------------------------------------------- */

static ready plain(uint32_t align)
{
    return prepare(&(product_case){0}, WORKSPACE, ALL, align);
}

/* 256 bytes were promised, as they are where nothing is said. */
static void unaligned(void)
{
    ready r = plain(256);
    run(&r, (char *)r.a.device + 16, r.d.device, r.workspace, WORKSPACE);
}

static void unaligned_workspace(void)
{
    ready r = plain(256);
    run(&r, r.a.device, r.d.device, (char *)r.workspace + 16, WORKSPACE - 16);
}

static void short_matrix(void)
{
    ready r = plain(256);
    run(&r, new_device(M * K * 4 - 4), r.d.device, r.workspace, WORKSPACE);
}

/* Less than is said, though enough for the algorithm. */
static void short_workspace(void)
{
    ready r = plain(256);
    run(&r, r.a.device, r.d.device, new_device(WORKSPACE / 2), WORKSPACE);
}

static void host_matrix(void)
{
    static _Alignas(256) float host[M * K];
    ready r = plain(256);
    run(&r, host, r.d.device, r.workspace, WORKSPACE);
}

static void over_input(void)
{
    ready r = plain(256);
    run(&r, r.a.device, r.a.device, r.workspace, WORKSPACE);
}

static void in_workspace(void)
{
    ready r = plain(256);
    run(&r, r.a.device, r.workspace, r.workspace, WORKSPACE);
}

static void destroyed_layout(void)
{
    ready r = plain(256);
    cublasLtMatrixLayoutDestroy(r.a.layout);
    run(&r, r.a.device, r.d.device, r.workspace, WORKSPACE);
}

static void elsewhere(void)
{
    ready r = plain(256);
    assert_cuda(cudaSetDevice(1));
    run(&r, r.a.device, r.d.device, r.workspace, WORKSPACE);
}

static void left(void)
{
    cublasLtMatmulPreference_t p;
    assert_blas(cublasLtMatmulPreferenceCreate(&p));
    tn_sim_check_leaks();
}

static void test_breaks(void **state)
{
    (void)state;
    rule_breaks("alignment", "A of cublasLtMatmul", unaligned);
    rule_breaks("alignment", "the workspace of cublasLtMatmul", unaligned_workspace);
    rule_breaks("memory", "A of cublasLtMatmul", short_matrix);
    rule_breaks("memory", "the workspace of cublasLtMatmul", short_workspace);
    rule_breaks("memory", "A of cublasLtMatmul", host_matrix);
    rule_breaks("overlap", "D of cublasLtMatmul lies on A", over_input);
    rule_breaks("workspace", "D of cublasLtMatmul lies in the workspace", in_workspace);
    rule_breaks("destroyed", "cuBLASLt layout", destroyed_layout);
    rule_breaks("device", "made on device 0, the thread is on 1", elsewhere);
    rule_breaks("leak", "1 cuBLASLt preference", left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms), cmocka_unit_test(test_order),
        cmocka_unit_test(test_types),      cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_breaks),
    };
    return cmocka_run_group_tests(tests, product_open, product_close);
}
