/* image_input: y[n,c,h,w] = (x[n,h,w,c] - mean[c]) * scale[c], bytes to floats, one image plane after
 * the other: a pixel's channels lie together in x and apart in y. */
#include "backends/cpu/_cpu.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    b->y[0] = NULL;
    return TN_OK;
}

/* One row of pixels of C channels; `y` is its first channel, `plane` away the next. */
static inline void convert_row(const uint8_t *x, float *y, int64_t width, int C, int64_t plane,
                               const tn_image_input_opts *o)
{
    for (int c = 0; c < C; c++) {
        const float mean = o->mean[c], scale = o->scale[c];
        const uint8_t *from = x + c;
        float *to = y + c * plane;
#pragma omp simd
        for (int64_t w = 0; w < width; w++)
            to[w] = ((float)from[w * C] - mean) * scale;
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_image_input_opts *o = c->node->opts;
    const tn_shape *s = &c->node->x[0];
    const int64_t N = s->dim[0], H = s->dim[1], W = s->dim[2], C = s->dim[3];
    const uint8_t *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for collapse(2) num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < N; n++)
        for (int64_t h = 0; h < H; h++) {
            const uint8_t *row = x + (n * H + h) * W * C;
            float *to = y + (n * C * H + h) * W;
            if (C == 3) /* a constant, so that the compiler knows the stride */
                convert_row(row, to, W, 3, H * W, o);
            else
                convert_row(row, to, W, (int)C, H * W, o);
        }
    return TN_OK;
}

const tn_kernel tn_cpu_image_input = {
    .op = "image_input",
    .prepare = prepare,
    .forward = forward,
};
