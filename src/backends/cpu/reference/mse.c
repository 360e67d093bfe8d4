/* mse: the mean of (x - target)^2 over all elements of rows that hold a sample. */
#include "backends/cpu/reference/_reference.h"

/* Of those rows: elements in this share, and what a share's sum is divided by. */
typedef struct extent {
    int64_t count;
    double divisor;
} extent;

static extent find_extent(const tn_call *c)
{
    const tn_shape *x = &c->node->x[0];
    if (x->ndim == 0)
        return (extent){1, 1};
    const int64_t each = tn_elements(x) / x->dim[0], all = tn_run_all_rows(c->run, c->node) * each;
    const int shares = c->run->shares > 0 ? c->run->shares : 1;
    return (extent){tn_run_rows(c->run, c->node) * each, all > 0 ? (double)all / shares : 1};
}

static tn_status forward(const tn_call *c)
{
    const extent e = find_extent(c);
    const float *x = c->x[0], *target = c->x[1];
    double sum = 0;
    for (int64_t i = 0; i < e.count; i++)
        sum += ((double)x[i] - (double)target[i]) * ((double)x[i] - (double)target[i]);
    if (c->y[0])
        *(float *)c->y[0] = (float)(sum / e.divisor);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const extent e = find_extent(c);
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *x = c->x[0], *target = c->x[1];
    const double scale = 2 * (double)*(const float *)c->dy[0] / e.divisor;
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; c->dx[side] && i < count; i++) {
            const double dx = i < e.count ? scale * ((double)x[i] - (double)target[i]) : 0;
            ((float *)c->dx[side])[i] = (float)(side == 0 ? dx : -dx);
        }
    return TN_OK;
}

const tn_kernel tn_reference_mse = {
    .op = "mse",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
