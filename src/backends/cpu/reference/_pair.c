#include "backends/cpu/reference/_pair.h"

/* Of rows that hold a sample: elements in this share, and what a share's sum is divided by. */
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

tn_status tn_reference_pair_forward(const tn_call *c, tn_reference_pair *value)
{
    const extent e = find_extent(c);
    const float *x = c->x[0], *target = c->x[1];
    double sum = 0;
    for (int64_t i = 0; i < e.count; i++)
        sum += value((double)x[i], (double)target[i], c->node->opts);
    if (c->y[0])
        *(float *)c->y[0] = (float)(sum / e.divisor);
    return TN_OK;
}

tn_status tn_reference_pair_backward(const tn_call *c, tn_reference_pair_slope *slope)
{
    const extent e = find_extent(c);
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *x = c->x[0], *target = c->x[1];
    const double scale = (double)*(const float *)c->dy[0] / e.divisor;
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; c->dx[side] && i < count; i++) {
            const double dx = slope((double)x[i], (double)target[i], c->node->opts, side);
            ((float *)c->dx[side])[i] = i < e.count ? (float)(scale * dx) : 0;
        }
    return TN_OK;
}
