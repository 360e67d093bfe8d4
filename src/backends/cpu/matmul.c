/*
 * matmul on oneDNN: a primitive for y, and one for each gradient (tensor/product.h). Where results of a gradient are
 * added up, they are made apart in scratch memory first.
 */
#include "backends/cpu/move/move.h"
#include "backends/cpu/onednn/onednn.h"
#include "tensor/product.h"

typedef struct product {
    tn_prim prim;
    bool meets;
    tn_route sum; /* from where results are made to where they are added up */
    size_t scratchpad, apart;
} product;

typedef struct matmul {
    product y, da, db;
} matmul;

static void release(void *state)
{
    matmul *s = state;
    tn_prim_free(&s->y.prim);
    tn_prim_free(&s->da.prim);
    tn_prim_free(&s->db.prim);
    tn_free(s);
}

/* The matrices of one side; those of a dimension in which all are the same are one. */
static const tn_md *describe_side(tn_maker *m, const tn_product *p, const int64_t *step,
                                  int64_t rows, int64_t cols, bool turned)
{
    int64_t dim[TN_MAX_DIMS], stride[TN_MAX_DIMS];
    for (int i = 0; i < p->ndim; i++) {
        dim[i] = step[i] == 0 ? 1 : p->dim[i];
        stride[i] = step[i] == 0 ? rows * cols : step[i];
    }
    dim[p->ndim] = rows;
    dim[p->ndim + 1] = cols;
    stride[p->ndim] = turned ? 1 : cols;
    stride[p->ndim + 1] = turned ? rows : 1;
    return tn_md_strided(m, p->ndim + 2, dim, stride);
}

static void make(tn_maker *m, const tn_product *given, product *out, size_t *scratch)
{
    tn_product p;
    int64_t count;
    size_t bytes = 0;
    out->meets = tn_product_meets(given, &p, &count, &out->sum);
    if (!out->meets)
        p = *given;
    tn_make_matmul(
        m, &out->prim,
        &(tn_prim_spec){.x = describe_side(m, &p, p.left, p.rows, p.depth, p.left_turned),
                        .w = describe_side(m, &p, p.right, p.depth, p.cols, p.right_turned),
                        .y = describe_side(m, &p, p.out, p.rows, p.cols, false)});
    if (m->status != TN_OK)
        return;
    out->scratchpad = tn_cpu_part(&bytes, tn_prim_bytes(&out->prim, DNNL_ARG_SCRATCHPAD));
    out->apart = tn_cpu_part(&bytes, out->meets ? (size_t)count * sizeof(float) : 0);
    *scratch = tn_cpu_larger(*scratch, bytes);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_matmul_opts *o = n->opts;
    const bool ta = o->transpose_a, tb = o->transpose_b;
    const tn_shape *a = &n->x[0], *w = &n->x[1], *y = &n->y[0];
    matmul *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("matmul", sizeof *s);
    tn_maker m = tn_maker_begin(d, n);
    const tn_product of_y = tn_product_of(a, ta, w, tb, y);
    const tn_product of_a = tn_product_da(a, ta, w, tb, y), of_b = tn_product_db(a, ta, w, tb, y);
    make(&m, &of_y, &s->y, &b->scratch_bytes);
    if (b->dx[0])
        make(&m, &of_a, &s->da, &b->scratch_bytes);
    if (b->dx[1])
        make(&m, &of_b, &s->db, &b->scratch_bytes);
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    b->x[0] = b->x[1] = NULL;
    b->backward_reads_x[0] = b->dx[1];
    b->backward_reads_x[1] = b->dx[0];
    b->state = s;
    return TN_OK;
}

static tn_status multiply(product *p, const tn_call *c, const void *left, const void *right,
                          void *out)
{
    unsigned char *scratch = c->scratch;
    void *to = p->meets ? scratch + p->apart : out;
    TN_TRY(
        tn_prim_run(&p->prim, (tn_prim_arg[]){
                                  {DNNL_ARG_SRC, left},
                                  {DNNL_ARG_WEIGHTS, right},
                                  {DNNL_ARG_DST, to},
                                  {DNNL_ARG_SCRATCHPAD, scratch ? scratch + p->scratchpad : NULL},
                                  {0},
                              }));
    if (p->meets)
        tn_cpu_reduce_along(c->device, &p->sum, &(tn_cpu_reduction){.meet = TN_CPU_SUM, .scale = 1},
                            out, to);
    return TN_OK;
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
    return tn_prim_impl(&((const matmul *)state)->y.prim);
}

const tn_kernel tn_cpu_matmul = {
    .op = "matmul",
    .name = "onednn",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
