#include "tensor/product.h"

/* One dimension less, where its products are so many more rows of one product, or so much more depth. */
static bool fold(tn_product *p)
{
    const int i = p->ndim - 1;
    if (i < 0)
        return false;
    const int64_t dim = p->dim[i];
    const bool left = p->left[i] == p->rows * p->depth;
    if (p->right[i] == 0 && left && !p->left_turned && p->out[i] == p->rows * p->cols)
        p->rows *= dim;
    else if (p->out[i] == 0 && left && p->left_turned && !p->right_turned &&
             p->right[i] == p->depth * p->cols)
        p->depth *= dim;
    else
        return false;
    p->ndim--;
    return true;
}

/* Does what lies `step` apart begin where `dim` that lie `inner` apart end? */
static bool follows(int64_t step, int64_t inner, int64_t dim)
{
    return step == inner * dim;
}

/* Without dimensions of 1, and those as one that lie behind each other in all three. */
static void merge(tn_product *p)
{
    int count = 0;
    for (int i = 0; i < p->ndim; i++) {
        if (p->dim[i] == 1)
            continue;
        const int to = count > 0 ? count - 1 : 0;
        const bool one = count > 0 && follows(p->left[to], p->left[i], p->dim[i]) &&
                         follows(p->right[to], p->right[i], p->dim[i]) &&
                         follows(p->out[to], p->out[i], p->dim[i]);
        const int at = one ? to : count++;
        p->dim[at] = one ? p->dim[at] * p->dim[i] : p->dim[i];
        p->left[at] = p->left[i];
        p->right[at] = p->right[i];
        p->out[at] = p->out[i];
    }
    p->ndim = count;
    while (fold(p))
        continue;
}

/* Elements from one matrix of x to the next, in each of y's dimensions but the last two. */
static void find_steps(const tn_shape *x, const tn_shape *y, int64_t *step)
{
    const int ahead = y->ndim - x->ndim;
    int64_t stride[TN_MAX_DIMS];
    tn_route_strides(x, stride);
    for (int i = 0; i < y->ndim - 2; i++)
        step[i] = i < ahead || x->dim[i - ahead] == 1 ? 0 : stride[i - ahead];
}

/* The batch, with the steps of those three. */
static tn_product begin(const tn_shape *left, const tn_shape *right, const tn_shape *out,
                        const tn_shape *y)
{
    tn_product p = {.ndim = y->ndim - 2};
    for (int i = 0; i < p.ndim; i++)
        p.dim[i] = y->dim[i];
    find_steps(left, y, p.left);
    find_steps(right, y, p.right);
    find_steps(out, y, p.out);
    return p;
}

static int64_t rows_of(const tn_shape *x)
{
    return x->dim[x->ndim - 2];
}

static int64_t cols_of(const tn_shape *x)
{
    return x->dim[x->ndim - 1];
}

tn_product tn_product_of(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y)
{
    tn_product p = begin(a, b, y, y);
    p.rows = rows_of(y);
    p.cols = cols_of(y);
    p.depth = a_turned ? rows_of(a) : cols_of(a);
    p.left_turned = a_turned;
    p.right_turned = b_turned;
    merge(&p);
    return p;
}

tn_product tn_product_da(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y)
{
    tn_product p = a_turned ? begin(b, y, a, y) : begin(y, b, a, y);
    p.rows = rows_of(a);
    p.cols = cols_of(a);
    p.depth = cols_of(y);
    p.left_turned = a_turned && b_turned;
    p.right_turned = a_turned || !b_turned;
    merge(&p);
    return p;
}

tn_product tn_product_db(const tn_shape *a, bool a_turned, const tn_shape *b, bool b_turned,
                         const tn_shape *y)
{
    tn_product p = b_turned ? begin(y, a, b, y) : begin(a, y, b, y);
    p.rows = rows_of(b);
    p.cols = cols_of(b);
    p.depth = rows_of(y);
    p.left_turned = b_turned || !a_turned;
    p.right_turned = b_turned && a_turned;
    merge(&p);
    return p;
}

bool tn_product_meets(const tn_product *p, tn_product *apart, int64_t *count, tn_route *sum)
{
    bool meets = false;
    const int last = p->ndim;
    *count = p->rows * p->cols;
    *apart = *p;
    *sum = (tn_route){.ndim = last + 1};
    sum->dim[last] = *count;
    sum->to[last] = sum->from[last] = 1;
    for (int i = last - 1; i >= 0; i--) {
        meets |= p->out[i] == 0;
        apart->out[i] = sum->from[i] = *count;
        sum->to[i] = p->out[i];
        sum->dim[i] = p->dim[i];
        *count *= p->dim[i];
    }
    return meets;
}
