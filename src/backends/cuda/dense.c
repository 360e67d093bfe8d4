/* dense: y = x w^T + bias, a product of cuBLASLt with bias and relu in it.
 *   x: N x D;  w: K x D;  bias: K;  y, dy, dz: N x K.   Weights are canonical.
 *   dz = dy, or where a relu was absorbed what it lets through;
 *   dx = dz w,  dw = dz^T x,  db = the sum of dz over N; dw and db in f32. */
#include "backends/cuda/cublaslt/cublaslt.h"
#include "backends/cuda/linear/linear.h"

typedef struct dense {
    tn_gemm forward, dx, dw;
    tn_cuda_sums sums;
    size_t forward_workspace, backward_workspace; /* where in the scratch */
} dense;

static void release(void *state)
{
    dense *s = state;
    tn_gemm_free(&s->forward);
    tn_gemm_free(&s->dx);
    tn_gemm_free(&s->dw);
    tn_free(s);
}

static tn_status prepare_products(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                  dense *s)
{
    const int64_t N = n->y[0].dim[0], K = n->y[0].dim[1], D = tn_elements(&n->x[0]) / N;
    const tn_dtype type = tn_cuda_type_of(b->precision);
    const tn_gemm_spec forward = {.rows = N,
                                  .cols = K,
                                  .depth = D,
                                  .a = {.pitch = D},
                                  .b = {.pitch = D, .transposed = true},
                                  .y = {.pitch = K},
                                  .type = type,
                                  .y_type = type,
                                  .precision = b->precision,
                                  .bias = n->num_params > 1,
                                  .relu = tn_has_post(n, TN_POST_RELU)};
    const tn_gemm_spec dx = {.rows = N,
                             .cols = D,
                             .depth = K,
                             .a = {.pitch = K},
                             .b = {.pitch = D},
                             .y = {.pitch = D},
                             .type = type,
                             .y_type = type,
                             .precision = b->precision};
    const tn_gemm_spec dw = {.rows = K,
                             .cols = D,
                             .depth = N,
                             .a = {.pitch = K, .transposed = true},
                             .b = {.pitch = D},
                             .y = {.pitch = D},
                             .type = type,
                             .y_type = TN_F32,
                             .precision = b->precision};
    TN_TRY(tn_gemm_prepare(d, n, &forward, &s->forward));
    if (b->dx[0])
        TN_TRY(tn_gemm_prepare(d, n, &dx, &s->dx));
    if (b->dw[0])
        TN_TRY(tn_gemm_prepare(d, n, &dw, &s->dw));
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const int64_t N = n->y[0].dim[0], K = n->y[0].dim[1];
    const bool relu = tn_has_post(n, TN_POST_RELU);
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    TN_TRY(tn_cuda_give_rows(d, n, b));
    dense *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("dense", sizeof *s);
    const tn_status status = prepare_products(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    size_t forward = 0, backward = 0;
    s->forward_workspace = tn_cuda_part(&forward, s->forward.workspace);
    if (b->training) {
        s->backward_workspace = tn_cuda_part(
            &backward, s->dx.workspace > s->dw.workspace ? s->dx.workspace : s->dw.workspace);
        s->sums =
            tn_cuda_sums_plan(d, tn_cuda_type_of(b->precision), N, K, relu, b->dw[1], &backward);
        b->backward_more = tn_cuda_sums_moved(&s->sums, b);
    }
    b->scratch_bytes = forward > backward ? forward : backward;
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = relu;
    b->state = s;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    dense *s = c->state;
    return tn_gemm_run(&s->forward, c,
                       &(tn_gemm_args){.a = c->x[0],
                                       .b = tn_cuda_param(c, 0),
                                       .bias = c->node->num_params > 1 ? tn_cuda_param(c, 1) : NULL,
                                       .y = c->y[0],
                                       .workspace = tn_cuda_at(c->scratch, s->forward_workspace)});
}

static tn_status backward(const tn_call *c)
{
    dense *s = c->state;
    void *workspace = tn_cuda_at(c->scratch, s->backward_workspace);
    const void *dz;
    TN_TRY(tn_cuda_sums_run(&s->sums, c, &dz));
    if (c->dx[0])
        TN_TRY(tn_gemm_run(
            &s->dx, c,
            &(tn_gemm_args){
                .a = dz, .b = tn_cuda_param(c, 0), .y = c->dx[0], .workspace = workspace}));
    if (c->dw[0])
        TN_TRY(tn_gemm_run(
            &s->dw, c,
            &(tn_gemm_args){.a = dz, .b = c->x[0], .y = c->dw[0], .workspace = workspace}));
    return TN_OK;
}

static const char *describe(const void *state)
{
    const dense *s = state;
    return s->forward.text;
}

const tn_kernel tn_cuda_dense = {
    .op = "dense",
    .name = "cublasLt",
    .posts = {{TN_POST_RELU}},
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
