/*
 * matmul: products of cuBLASLt, those of the innermost dimension of a batch in one call, one and each gradient by itself
 * (tensor/product.h). Where results of a gradient are added up, they are made apart in scratch memory first.
 */
#include "backends/cuda/cublaslt/cublaslt.h"
#include "backends/cuda/move/move.h"
#include "tensor/product.h"

typedef struct product {
    tn_product form; /* with an `out` apart, if results are added up */
    tn_gemm gemm;
    bool meets;
    tn_route sum; /* from where results are made to where they are added up */
    size_t workspace, apart;
} product;

typedef struct matmul {
    product y, da, db;
} matmul;

static void release(void *state)
{
    matmul *s = state;
    tn_gemm_free(&s->y.gemm);
    tn_gemm_free(&s->da.gemm);
    tn_gemm_free(&s->db.gemm);
    tn_free(s);
}

/* What every matrix's address is a multiple of that a call begins with. */
static size_t alignment(const tn_product *p, const int64_t *step, tn_dtype type)
{
    enum { MOST = 128 };
    int64_t bytes = MOST;
    for (int i = 0; i < p->ndim - 1; i++)
        while (step[i] * (int64_t)tn_dtype_bytes(type) % bytes)
            bytes /= 2;
    return (size_t)bytes;
}

static tn_matrix side(const tn_product *p, const int64_t *step, int64_t rows, int64_t cols,
                      bool turned, tn_dtype type)
{
    return (tn_matrix){.transposed = turned,
                       .pitch = turned ? rows : cols,
                       .step = p->ndim > 0 ? step[p->ndim - 1] : 0,
                       .align = alignment(p, step, type)};
}

static tn_status make(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                      const tn_product *given, product *out, size_t *scratch)
{
    const tn_dtype type = tn_cuda_type_of(b->precision);
    tn_product *p = &out->form;
    int64_t count;
    size_t bytes = 0;
    out->meets = tn_product_meets(given, p, &count, &out->sum);
    if (!out->meets)
        *p = *given;
    if (p->ndim > 0)
        TN_TRY(tn_cuda_check_count(d, n, p->dim[p->ndim - 1]));
    if (out->meets)
        TN_TRY(tn_cuda_check_count(d, n, count));
    const tn_gemm_spec spec = {
        .rows = p->rows,
        .cols = p->cols,
        .depth = p->depth,
        .a = side(p, p->left, p->rows, p->depth, p->left_turned, type),
        .b = side(p, p->right, p->depth, p->cols, p->right_turned, type),
        .y = side(p, p->out, p->rows, p->cols, false, type),
        .batch = p->ndim > 0 ? (int)p->dim[p->ndim - 1] : 0,
        .type = type,
        .y_type = type,
        .precision = b->precision,
    };
    TN_TRY(tn_gemm_prepare(d, n, &spec, &out->gemm));
    out->workspace = tn_cuda_part(&bytes, out->gemm.workspace);
    out->apart = tn_cuda_part(&bytes, out->meets ? (size_t)count * tn_dtype_bytes(type) : 0);
    *scratch = *scratch > bytes ? *scratch : bytes;
    return TN_OK;
}

static tn_status make_all(tn_backend_device *d, const tn_node *n, tn_binding *b, matmul *s)
{
    const tn_matmul_opts *o = n->opts;
    const bool ta = o->transpose_a, tb = o->transpose_b;
    const tn_shape *a = &n->x[0], *w = &n->x[1], *y = &n->y[0];
    const tn_product of_y = tn_product_of(a, ta, w, tb, y);
    const tn_product of_a = tn_product_da(a, ta, w, tb, y), of_b = tn_product_db(a, ta, w, tb, y);
    TN_TRY(make(d, n, b, &of_y, &s->y, &b->scratch_bytes));
    if (b->dx[0])
        TN_TRY(make(d, n, b, &of_a, &s->da, &b->scratch_bytes));
    if (b->dx[1])
        TN_TRY(make(d, n, b, &of_b, &s->db, &b->scratch_bytes));
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    TN_TRY(tn_cuda_want_rows(d, n, b, 1));
    TN_TRY(tn_cuda_give_rows(d, n, b));
    matmul *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("matmul", sizeof *s);
    const tn_status status = make_all(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->backward_reads_x[0] = b->dx[1];
    b->backward_reads_x[1] = b->dx[0];
    b->state = s;
    return TN_OK;
}

/* Where number i of what is not in one call begins. */
static size_t offset(const tn_product *p, const int64_t *step, int64_t i, tn_dtype type)
{
    int64_t at = 0;
    for (int k = p->ndim - 2; k >= 0; k--) {
        at += i % p->dim[k] * step[k];
        i /= p->dim[k];
    }
    return (size_t)at * tn_dtype_bytes(type);
}

static tn_status multiply(product *m, const tn_call *c, const void *left, const void *right,
                          void *out)
{
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    const tn_product *p = &m->form;
    unsigned char *to = m->meets ? tn_cuda_at(c->scratch, m->apart) : out;
    int64_t calls = 1;
    for (int k = 0; k < p->ndim - 1; k++)
        calls *= p->dim[k];
    for (int64_t i = 0; i < calls; i++)
        TN_TRY(tn_gemm_run(
            &m->gemm, c,
            &(tn_gemm_args){.a = (const unsigned char *)left + offset(p, p->left, i, type),
                            .b = (const unsigned char *)right + offset(p, p->right, i, type),
                            .y = to + offset(p, p->out, i, type),
                            .workspace = tn_cuda_at(c->scratch, m->workspace)}));
    return m->meets ? tn_cuda_sum_along(c, &m->sum, type, out, to) : TN_OK;
}

static tn_status forward(const tn_call *c)
{
    matmul *s = c->state;
    return multiply(&s->y, c, c->x[0], c->x[1], c->y[0]);
}

static tn_status backward(const tn_call *c)
{
    const tn_matmul_opts *o = c->node->opts;
    matmul *s = c->state;
    const void *a = c->x[0], *b = c->x[1], *dy = c->dy[0];
    if (c->dx[0])
        TN_TRY(multiply(&s->da, c, o->transpose_a ? b : dy, o->transpose_a ? dy : b, c->dx[0]));
    if (c->dx[1])
        TN_TRY(multiply(&s->db, c, o->transpose_b ? dy : a, o->transpose_b ? a : dy, c->dx[1]));
    return TN_OK;
}

static const char *describe(const void *state)
{
    return ((const matmul *)state)->y.gemm.text;
}

const tn_kernel tn_cuda_matmul = {
    .op = "matmul",
    .name = "cublasLt",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
