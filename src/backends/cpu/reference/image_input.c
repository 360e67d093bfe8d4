/* image_input: y[n,c,h,w] = (x[n,h,w,c] - mean[c]) * scale[c]. */
#include "backends/cpu/reference/_reference.h"

static tn_status forward(const tn_call *c)
{
    const tn_image_input_opts *o = c->node->opts;
    const tn_shape *s = &c->node->x[0];
    const int64_t N = s->dim[0], area = s->dim[1] * s->dim[2], C = s->dim[3];
    const uint8_t *x = c->x[0];
    float *y = c->y[0];
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < C; k++)
            for (int64_t i = 0; i < area; i++)
                y[(n * C + k) * area + i] =
                    (float)(((double)x[(n * area + i) * C + k] - (double)o->mean[k]) *
                            (double)o->scale[k]);
    return TN_OK;
}

const tn_kernel tn_reference_image_input = {
    .op = "image_input",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
};
