/* resize by kernels of our own, in nhwc, with channels a vector at a time where they make whole ones. */
#include "backends/cuda/kernels/resize.h"

#include "backends/cuda/device/cuda.h"
#include "tensor/resample.h"

static tn_resample resample_of(const tn_node *n, int direction)
{
    return tn_resample_of(n->x[0].dim[2 + direction], n->y[0].dim[2 + direction], n->opts,
                          direction);
}

/* Kernels count in 32 bits. */
static tn_status supports(const tn_node *n)
{
    for (int i = 0; i < 2; i++) {
        const tn_resample r = resample_of(n, i);
        const int64_t shift = r.shift < 0 ? -r.shift : r.shift;
        if ((r.in + 2) * r.by + r.scale + shift > INT32_MAX ||
            (r.out + 2) * r.scale + r.in + shift > INT32_MAX)
            return tn_fail(TN_ERR_UNSUPPORTED, "resize %s: from %lld to %lld pixels is too far",
                           n->name, (long long)r.in, (long long)r.out);
    }
    return TN_OK;
}

static int64_t lanes_of(const tn_node *n, tn_precision precision)
{
    const int64_t lanes = TNK_RESIZE_BYTES / (int64_t)tn_dtype_bytes(tn_cuda_type_of(precision));
    return n->x[0].dim[1] % lanes ? 1 : lanes;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    for (int i = 0; i < 2; i++) {
        const tn_shape *s = i ? &n->y[0] : &n->x[0];
        if (tn_elements(s) / lanes_of(n, b->precision) > INT32_MAX)
            return tn_fail(TN_ERR_UNSUPPORTED, "resize %s on %s: %s is too large", n->name, d->name,
                           tn_shape_format(s).text);
    }
    TN_TRY(tn_cuda_want_nhwc(d, n, b, 0));
    return tn_cuda_give_nhwc(d, n, b);
}

static struct tnk_resample direction(const tn_node *n, int i)
{
    const tn_resample r = resample_of(n, i);
    return (struct tnk_resample){.in = (int32_t)r.in,
                                 .out = (int32_t)r.out,
                                 .scale = (int32_t)r.scale,
                                 .shift = (int32_t)r.shift,
                                 .by = (int32_t)r.by,
                                 .nearest = r.nearest};
}

/* `through`: the tensor whose elements are each written once. */
static struct tnk_resize_args args_of(const tn_call *c, const tn_shape *through, const void *from,
                                      void *to)
{
    const tn_node *n = c->node;
    const int64_t lanes = lanes_of(n, c->run->precision), channels = n->x[0].dim[1];
    return (struct tnk_resize_args){.from = from,
                                    .to = to,
                                    .count = tn_elements(through) / lanes,
                                    .channels = channels,
                                    .groups = tnk_divisor_of(channels / lanes),
                                    .rows = tnk_divisor_of(through->dim[2]),
                                    .columns = tnk_divisor_of(through->dim[3]),
                                    .down = direction(n, 0),
                                    .across = direction(n, 1),
                                    .lanes = (int32_t)lanes};
}

static tn_status forward(const tn_call *c)
{
    struct tnk_resize_args a = args_of(c, &c->node->y[0], c->x[0], c->y[0]);
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_resize,
                           tn_cuda_grid(c->device, a.count), TN_CUDA_BLOCK, 0, c->device->compute,
                           &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_resize_args a = args_of(c, &c->node->x[0], c->dy[0], c->dx[0]);
    if (!c->dx[0])
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_resize_back,
                           tn_cuda_grid(c->device, a.count), TN_CUDA_BLOCK, 0, c->device->compute,
                           &a));
    return TN_OK;
}

const tn_kernel tn_cuda_resize = {
    .op = "resize",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
