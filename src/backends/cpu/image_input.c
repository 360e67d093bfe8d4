/* image_input: y[n,c,h,w] = (x[n,h,w,c] - mean[c]) * scale[c], bytes to floats, one image plane after
 * the other: a pixel's channels lie together in x and apart in y. */
#include "backends/cpu/image/image_input.h"

#include "backends/cpu/device/cpu.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    b->y[0] = NULL;
    return TN_OK;
}

static tn_image_row *const row_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = tn_image_row_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = tn_image_row_avx2,
    [TN_CPU_AVX512] = tn_image_row_avx512,
#endif
};

static tn_status forward(const tn_call *c)
{
    const tn_image_input_opts *o = c->node->opts;
    const tn_shape *s = &c->node->x[0];
    const int64_t N = s->dim[0], H = s->dim[1], W = s->dim[2], C = s->dim[3];
    const uint8_t *x = c->x[0];
    float *y = c->y[0];
    tn_image_row *const convert = row_of[tn_cpu_isa_here()];
#pragma omp parallel for collapse(2) num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < N; n++)
        for (int64_t h = 0; h < H; h++)
            convert(x + (n * H + h) * W * C, y + (n * C * H + h) * W, W, C, H * W, o->mean,
                    o->scale);
    return TN_OK;
}

const tn_kernel tn_cpu_image_input = {
    .op = "image_input",
    .prepare = prepare,
    .forward = forward,
};
