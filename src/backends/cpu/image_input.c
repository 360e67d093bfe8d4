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

static void convert_rows(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_image_input_opts *o = c->node->opts;
    const tn_shape *s = &c->node->x[0];
    const int64_t H = s->dim[1], W = s->dim[2], C = s->dim[3];
    const uint8_t *x = c->x[0];
    float *y = c->y[0];
    tn_image_row *const convert = row_of[tn_cpu_isa_here()];
    for (int64_t i = p.begin; i < p.end; i++)
        convert(x + i * W * C, y + (i / H * C * H + i % H) * W, W, C, H * W, o->mean, o->scale);
}

static tn_status forward(const tn_call *c)
{
    const tn_shape *s = &c->node->x[0];
    tn_each(c->device, s->dim[0] * s->dim[1], 4, convert_rows, c);
    return TN_OK;
}

const tn_kernel tn_cpu_image_input = {
    .op = "image_input",
    .prepare = prepare,
    .forward = forward,
};
