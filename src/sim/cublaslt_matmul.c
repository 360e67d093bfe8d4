/*
 * Simulated cuBLASLt: a product runs.
 *
 *     D = f(alpha op(A) op(B) + beta C + bias)
 *
 *     RELU        f(x) = max(x, 0); with AUX also a mask, bit i of column j: was x > 0?
 *     BIAS        one number a row of D, of D's type
 *     DRELU       x where the mask says so, else 0; BGRAD: sums of the rows of that
 *     BGRADA, B   sums of op(A) or op(B) over k: one number a row, or a column, of D
 *
 * Sums are floats over 512 of k, and of those doubles. The workspace is filled with 0xff bytes before and
 * after: no numbers. Where beta is zero C is not looked at.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cublaslt_sim.h"

/* Nets run through these loops in tests, in builds for debugging too. */
#ifndef __clang__
#pragma GCC optimize("O3")
#endif

enum { AT_ONCE = 512, WORKSPACE_ALIGNMENT = 256 };

typedef struct run {
    int device;
    tn_lt_product p;
    tn_lt_layout a, b, c, d;
    tn_lt_algo algo;
    int64_t m, n, k;
    const void *A, *B, *C;
    void *D, *workspace;
    float alpha, beta;              /* in host mode, and then */
    const void *alpha_at, *beta_at; /* in device mode */
    uint64_t workspace_bytes;
} run;

/* ---- matrices ----------------------------------------------------------------------------- */

static int64_t step_of(const tn_lt_layout *l, bool rows)
{
    return rows == (l->order == CUBLASLT_ORDER_ROW) ? l->pitch : 1;
}

/* From the first element to the last, in elements. */
static int64_t span_of(const tn_lt_layout *l)
{
    return (l->batch - 1) * l->step + ((int64_t)l->rows - 1) * step_of(l, true) +
           ((int64_t)l->cols - 1) * step_of(l, false) + 1;
}

static size_t bytes_of(const tn_lt_layout *l)
{
    return (size_t)span_of(l) * tn_sim_bytes_of(tn_lt_type(l->type));
}

/* Matrix i of a batch, transposed or not, with `major` along memory: [outer][inner]. */
static float *gather(const void *p, const tn_lt_layout *l, int64_t i, bool columns, bool tf32)
{
    const int64_t inner = (int64_t)(columns ? l->rows : l->cols);
    const int64_t outer = (int64_t)(columns ? l->cols : l->rows);
    float *all = tn_sim_new((size_t)(inner * outer), sizeof *all);
    for (int64_t o = 0; o < outer; o++)
        tn_sim_load(tn_lt_type(l->type), p, i * l->step + o * step_of(l, !columns),
                    step_of(l, columns), inner, all + o * inner);
    if (tf32)
        tn_sim_round_tf32(all, inner * outer);
    return all;
}

static void scatter(void *p, const tn_lt_layout *l, int64_t i, const float *columns)
{
    for (int64_t j = 0; j < (int64_t)l->cols; j++)
        tn_sim_store(tn_lt_type(l->type), p, i * l->step + j * step_of(l, false), step_of(l, true),
                     (int64_t)l->rows, columns + j * (int64_t)l->rows);
}

/* ---- the product -------------------------------------------------------------------------- */

static void add_scaled(float *restrict to, const float *restrict from, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += by * from[i];
}

/* Column j of the product, from a [k][m] and b [n][k]. */
static void column(const run *r, const float *a, const float *b, float *part, double *sum)
{
    const bool in_type = r->algo.scheme == CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    const int64_t each = r->algo.parts > 1 ? (r->k + r->algo.parts - 1) / r->algo.parts : r->k;
    const int64_t at_once = each < AT_ONCE ? each : AT_ONCE;
    for (int64_t i = 0; i < r->m; i++)
        sum[i] = 0;
    for (int64_t k = 0; k < r->k; k += at_once) {
        for (int64_t i = 0; i < r->m; i++)
            part[i] = 0;
        for (int64_t l = k; l < r->k && l < k + at_once; l++)
            add_scaled(part, a + l * r->m, b[l], r->m);
        for (int64_t i = 0; i < r->m; i++) {
            sum[i] += (double)part[i];
            if (in_type)
                sum[i] = (double)tn_sim_round_to(tn_lt_type(r->d.type), (float)sum[i]);
        }
    }
}

/* Sums that are added as they come have another last bit every time. */
static void shake(float *x, int64_t n)
{
    static unsigned runs; /* all simulated work happens under one lock */
    unsigned u = ++runs * 2654435761u;
    for (int64_t i = 0; i < n; i++) {
        u = u * 1664525u + 1013904223u;
        x[i] = u >> 30 == 0 ? nextafterf(x[i], INFINITY) : x[i];
    }
}

/* ---- epilogues ---------------------------------------------------------------------------- */

static void add_bias(const run *r, int64_t batch, float *d)
{
    float *bias = tn_sim_new((size_t)r->m, sizeof *bias);
    tn_sim_load(tn_lt_type(r->d.type), r->p.bias, batch * r->p.bias_step, 1, r->m, bias);
    for (int64_t i = 0; i < r->m * r->n; i++)
        d[i] += bias[i % r->m];
    free(bias);
}

static void relu(const run *r, int64_t batch, float *d)
{
    unsigned char *mask = r->p.epilogue & TN_LT_AUX ? r->p.aux : NULL;
    for (int64_t i = 0; i < r->m * r->n; i++) {
        const int64_t bit = batch * r->p.aux_step + i / r->m * r->p.aux_pitch + i % r->m;
        if (mask)
            mask[bit / 8] = (unsigned char)((mask[bit / 8] & ~(1u << bit % 8)) |
                                            (unsigned)(d[i] > 0) << bit % 8);
        d[i] = d[i] > 0 || d[i] != d[i] ? d[i] : 0;
    }
}

static void drelu(const run *r, int64_t batch, float *d)
{
    const unsigned char *mask = r->p.aux;
    for (int64_t i = 0; i < r->m * r->n; i++) {
        const int64_t bit = batch * r->p.aux_step + i / r->m * r->p.aux_pitch + i % r->m;
        d[i] = mask[bit / 8] >> bit % 8 & 1 ? d[i] : 0;
    }
}

/* Sums over the second of x[outer][inner], or over the first, to the bias. */
static void sum_to_bias(const run *r, int64_t batch, const float *x, int64_t outer, int64_t inner,
                        bool over_outer)
{
    const int64_t n = over_outer ? inner : outer;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < (over_outer ? outer : inner); k++)
            sum += (double)x[over_outer ? k * inner + i : i * inner + k];
        const float f = (float)sum;
        tn_sim_store(tn_lt_type(r->d.type), r->p.bias, batch * r->p.bias_step + i, 1, 1, &f);
    }
}

static void finish(const run *r, int64_t batch, const float *a, const float *b, float *d)
{
    const uint32_t e = r->p.epilogue;
    if (e & CUBLASLT_EPILOGUE_BIAS)
        add_bias(r, batch, d);
    if (e & CUBLASLT_EPILOGUE_RELU)
        relu(r, batch, d);
    if ((e & CUBLASLT_EPILOGUE_DRELU) == CUBLASLT_EPILOGUE_DRELU)
        drelu(r, batch, d);
    if (e & TN_LT_BGRAD)
        sum_to_bias(r, batch, d, r->n, r->m, true);
    if (e & CUBLASLT_EPILOGUE_BGRADA)
        sum_to_bias(r, batch, a, r->k, r->m, true);
    if (e & CUBLASLT_EPILOGUE_BGRADB)
        sum_to_bias(r, batch, b, r->n, r->k, false);
}

/* ---- in the stream ------------------------------------------------------------------------ */

static int64_t bias_count(const run *r)
{
    const bool has = r->p.epilogue & (CUBLASLT_EPILOGUE_BIAS | TN_LT_BGRAD |
                                      CUBLASLT_EPILOGUE_BGRADA | CUBLASLT_EPILOGUE_BGRADB);
    const int64_t n = r->p.epilogue & CUBLASLT_EPILOGUE_BGRADB ? r->n : r->m;
    return has ? (r->d.batch - 1) * r->p.bias_step + n : 0;
}

static void check_memory(const run *r)
{
    const size_t bias = (size_t)bias_count(r) * tn_sim_bytes_of(tn_lt_type(r->d.type));
    const int64_t bits = (r->d.batch - 1) * r->p.aux_step + r->n * r->p.aux_pitch;
    tn_sim_check_memory(r->device, "A of cublasLtMatmul", r->A, bytes_of(&r->a));
    tn_sim_check_memory(r->device, "B of cublasLtMatmul", r->B, bytes_of(&r->b));
    if (r->beta_at || r->beta != 0)
        tn_sim_check_memory(r->device, "C of cublasLtMatmul", r->C, bytes_of(&r->c));
    tn_sim_check_memory(r->device, "D of cublasLtMatmul", r->D, bytes_of(&r->d));
    if (bias)
        tn_sim_check_memory(r->device, "the bias of cublasLtMatmul", r->p.bias, bias);
    if (r->p.epilogue & TN_LT_AUX)
        tn_sim_check_memory(r->device, "the mask of cublasLtMatmul", r->p.aux, (size_t)(bits / 8));
    if (r->workspace_bytes)
        tn_sim_check_memory(r->device, "the workspace of cublasLtMatmul", r->workspace,
                            r->workspace_bytes);
    if (r->alpha_at) {
        tn_sim_check_memory(r->device, "alpha of cublasLtMatmul", r->alpha_at, sizeof(float));
        tn_sim_check_memory(r->device, "beta of cublasLtMatmul", r->beta_at, sizeof(float));
    }
}

static void run_one(const run *r, int64_t batch, float alpha, float beta)
{
    const bool tf32 = r->p.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    float *a = gather(r->A, &r->a, batch, r->p.trans_a == CUBLAS_OP_N, tf32); /* [k][m] */
    float *b = gather(r->B, &r->b, batch, r->p.trans_b == CUBLAS_OP_N, tf32); /* [n][k] */
    float *c = beta != 0 ? gather(r->C, &r->c, batch, true, false) : NULL;
    float *d = tn_sim_new((size_t)(r->m * r->n), sizeof *d);
    float *part = tn_sim_new((size_t)r->m, sizeof *part);
    double *sum = tn_sim_new((size_t)r->m, sizeof *sum);
    for (int64_t j = 0; j < r->n; j++) {
        column(r, a, b + j * r->k, part, sum);
        for (int64_t i = 0; i < r->m; i++)
            d[j * r->m + i] = alpha * (float)sum[i] + (c ? beta * c[j * r->m + i] : 0);
    }
    if (r->algo.scheme == CUBLASLT_REDUCTION_SCHEME_INPLACE)
        shake(d, r->m * r->n);
    finish(r, batch, a, b, d);
    scatter(r->D, &r->d, batch, d);
    free(a);
    free(b);
    free(c);
    free(d);
    free(part);
    free(sum);
}

static void run_product(void *argument)
{
    const run *r = argument;
    check_memory(r);
    const float alpha = r->alpha_at ? *(const float *)r->alpha_at : r->alpha;
    const float beta = r->beta_at ? *(const float *)r->beta_at : r->beta;
    if (r->algo.workspace) /* what the algorithm said that it uses */
        memset(r->workspace, 0xff, r->algo.workspace);
    for (int64_t i = 0; i < r->d.batch; i++)
        run_one(r, i, alpha, beta);
    if (r->algo.workspace) /* what the algorithm said that it uses */
        memset(r->workspace, 0xff, r->algo.workspace);
}

/* ---- in the call -------------------------------------------------------------------------- */

static void check_alignment(const run *r)
{
    const void *all[] = {r->A, r->B, r->C, r->D};
    for (int i = 0; i < 4; i++)
        if (r->algo.align[i] && (i != 2 || r->beta_at || r->beta != 0) &&
            (uintptr_t)all[i] % r->algo.align[i])
            tn_sim_break("alignment",
                         "%c of cublasLtMatmul is at %p, and was to be aligned to %d bytes",
                         "ABCD"[i], all[i], (int)r -> algo.align[i]);
    if (r->workspace_bytes && (uintptr_t)r->workspace % WORKSPACE_ALIGNMENT)
        tn_sim_break("alignment",
                     "the workspace of cublasLtMatmul is at %p, not aligned to %d bytes",
                     r->workspace, WORKSPACE_ALIGNMENT);
}

static bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + b_bytes && y < x + a_bytes;
}

/* D may lie where C does, if they are the same; nowhere else. */
static void check_overlap(const run *r)
{
    const bool c = r->beta_at || r->beta != 0;
    if (overlap(r->D, bytes_of(&r->d), r->A, bytes_of(&r->a)))
        tn_sim_break("overlap", "D of cublasLtMatmul lies on A");
    if (overlap(r->D, bytes_of(&r->d), r->B, bytes_of(&r->b)))
        tn_sim_break("overlap", "D of cublasLtMatmul lies on B");
    if (c && r->C != r->D && overlap(r->D, bytes_of(&r->d), r->C, bytes_of(&r->c)))
        tn_sim_break("overlap", "D of cublasLtMatmul lies on a part of C");
    const struct {
        const void *p;
        size_t bytes;
    } all[] = {{r->A, bytes_of(&r->a)}, {r->B, bytes_of(&r->b)}, {r->D, bytes_of(&r->d)}};
    for (size_t i = 0; i < TN_SIM_COUNT(all); i++)
        if (r->workspace_bytes && overlap(r->workspace, r->workspace_bytes, all[i].p, all[i].bytes))
            tn_sim_break("workspace", "%c of cublasLtMatmul lies in the workspace", "ABD"[i]);
}

/* What makes no sense, or is not what the algorithm was found for. */
static cublasStatus_t check_run(const run *r, const tn_lt_problem *q)
{
    const cublasStatus_t status = tn_lt_check(q);
    const bool c = r->beta_at || r->beta != 0;
    if (status)
        return status;
    if (!r->A || !r->B || !r->D || (c && !r->C) || (bias_count(r) && !r->p.bias) ||
        (r->p.epilogue & TN_LT_AUX && !r->p.aux))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (c && r->C == r->D && memcmp(&r->c, &r->d, sizeof r->c) != 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (r->algo.form && r->algo.form != tn_lt_form(q))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (r->algo.workspace > r->workspace_bytes || (r->workspace_bytes && !r->workspace))
        return CUBLAS_STATUS_INVALID_VALUE;
    return CUBLAS_STATUS_SUCCESS;
}

/* No algorithm: the library takes one itself, which asks for nothing. */
static tn_lt_algo algo_of(const cublasLtMatmulAlgo_t *given)
{
    tn_lt_algo a = {.parts = 1};
    if (given)
        memcpy(&a, given, sizeof a);
    return a;
}

static void load(const run *r)
{
    enum { DEVICES = 16, ALGORITHMS = 64 }; /* and more share their places */
    static bool loaded[DEVICES][ALGORITHMS];
    tn_sim_first_use(&loaded[r->device][(uint32_t)r->algo.id % ALGORITHMS], r->device,
                     "a product of cuBLASLt's");
}

static void take_scalars(run *r, const void *alpha, const void *beta)
{
    if (r->p.pointer_mode == CUBLASLT_POINTER_MODE_DEVICE) {
        r->alpha_at = alpha;
        r->beta_at = beta;
    } else {
        r->alpha = *(const float *)alpha;
        r->beta = *(const float *)beta;
    }
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                              const void *alpha, const void *A, cublasLtMatrixLayout_t a,
                              const void *B, cublasLtMatrixLayout_t b, const void *beta,
                              const void *C, cublasLtMatrixLayout_t c, void *D,
                              cublasLtMatrixLayout_t d, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_bytes, cudaStream_t stream)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    const struct cublasLtContext *h = tn_lt_handle_of(__func__, handle);
    if (!h)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!product || !a || !b || !c || !d || !alpha || !beta)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (stream && tn_sim_stream_device(stream) != h->device)
        tn_sim_break("device", "cublasLtMatmul: the stream is on device %d, the handle on %d",
                     tn_sim_stream_device(stream), h->device);
    const tn_lt_problem q = tn_lt_problem_of(product, a, b, c, d);
    run r = {.device = h->device,
             .p = *q.p,
             .a = *q.a,
             .b = *q.b,
             .c = *q.c,
             .d = *q.d,
             .algo = algo_of(algo),
             .m = q.m,
             .n = q.n,
             .k = q.k,
             .A = A,
             .B = B,
             .C = C,
             .D = D,
             .workspace = workspace,
             .workspace_bytes = workspace_bytes};
    take_scalars(&r, alpha, beta);
    const cublasStatus_t status = check_run(&r, &q);
    if (status)
        return status;
    check_alignment(&r);
    check_overlap(&r);
    check_memory(&r);
    load(&r);
    return tn_sim_enqueue(stream, "cublasLtMatmul", run_product, &r, sizeof r)
               ? CUBLAS_STATUS_EXECUTION_FAILED
               : CUBLAS_STATUS_SUCCESS;
}
