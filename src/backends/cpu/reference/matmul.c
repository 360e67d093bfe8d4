/* matmul: each element of y a sum of products, by the places that the formula names; gradients from the same loop. */
#include "backends/cpu/reference/_index.h"
#include "base/base.h"

/* The element of x in row and column of op(x), of the matrix that broadcasts to that of y. */
static int64_t place(const tn_node *n, int side, const int64_t *y, int64_t row, int64_t col)
{
    const tn_matmul_opts *o = n->opts;
    const tn_shape *x = &n->x[side];
    const bool turned = side == 0 ? o->transpose_a : o->transpose_b;
    const int ahead = n->y[0].ndim - x->ndim;
    int64_t at[TN_MAX_DIMS];
    for (int i = 0; i < x->ndim - 2; i++)
        at[i] = x->dim[i] == 1 ? 0 : y[ahead + i];
    at[x->ndim - 2] = turned ? col : row;
    at[x->ndim - 1] = turned ? row : col;
    return tn_reference_number(x, at);
}

static int64_t depth_of(const tn_node *n)
{
    const tn_shape *a = &n->x[0];
    return a->dim[a->ndim - (((const tn_matmul_opts *)n->opts)->transpose_a ? 2 : 1)];
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const int64_t a = tn_elements(&n->x[0]), w = tn_elements(&n->x[1]);
    TN_TRY(tn_reference_prepare(d, n, b));
    b->scratch_bytes = b->training ? (size_t)(a > w ? a : w) * sizeof(double) : 0;
    return TN_OK;
}

static void find_y(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_node *n = c->node;
    const int64_t depth = depth_of(n);
    const int last = n->y[0].ndim - 1;
    const float *a = c->x[0], *b = c->x[1];
    float *y = c->y[0];
    for (int64_t i = p.begin; i < p.end; i++) {
        int64_t at[TN_MAX_DIMS];
        double sum = 0;
        tn_reference_index(&n->y[0], i, at);
        for (int64_t k = 0; k < depth; k++)
            sum += (double)a[place(n, 0, at, at[last - 1], k)] *
                   (double)b[place(n, 1, at, k, at[last])];
        y[i] = (float)sum;
    }
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, tn_elements(&c->node->y[0]), 16, find_y, c);
    return TN_OK;
}

/* The gradient of one side: dy times the other. */
static void differentiate(const tn_call *c, int side)
{
    const tn_node *n = c->node;
    const int64_t depth = depth_of(n);
    const int last = n->y[0].ndim - 1;
    const float *other = c->x[1 - side], *dy = c->dy[0];
    double *sum = tn_reference_sums(c, tn_elements(&n->x[side]));
    for (int64_t i = 0; i < tn_elements(&n->y[0]); i++) {
        int64_t at[TN_MAX_DIMS];
        tn_reference_index(&n->y[0], i, at);
        for (int64_t k = 0; k < depth; k++) {
            const int64_t a = place(n, 0, at, at[last - 1], k), b = place(n, 1, at, k, at[last]);
            sum[side == 0 ? a : b] += (double)dy[i] * (double)other[side == 0 ? b : a];
        }
    }
    tn_reference_store(c->dx[side], sum, tn_elements(&n->x[side]));
}

static tn_status backward(const tn_call *c)
{
    for (int side = 0; side < 2; side++)
        if (c->dx[side])
            differentiate(c, side);
    return TN_OK;
}

const tn_kernel tn_reference_matmul = {
    .op = "matmul",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
