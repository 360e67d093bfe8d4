/* lrn by kernels of our own, in nhwc. Backward computes u again from x, so nothing is saved. */
#include "backends/cuda/device/cuda.h"
#include "backends/cuda/kernels/lrn.h"

/* Of a tile: channels, if there are as many; elements, so that all threads have some; neighbours to one
 * side, which have to fit into shared memory with it. */
enum { TILE_CHANNELS = 256, TILE_ELEMENTS = 1024, MOST_REACH = 512 };

static int64_t reach_of(const tn_node *n)
{
    const int64_t reach = ((const tn_lrn_opts *)n->opts)->size / 2, C = n->x[0].dim[1];
    return reach < C ? reach : C - 1; /* what is further away does not exist */
}

static tn_status supports(const tn_node *n)
{
    if (reach_of(n) <= MOST_REACH)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "lrn %s: size %d is above %d", n->name,
                   ((const tn_lrn_opts *)n->opts)->size, 2 * MOST_REACH + 1);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    TN_TRY(tn_cuda_want_nhwc(d, n, b, 0));
    TN_TRY(tn_cuda_give_nhwc(d, n, b));
    b->backward_reads_x[0] = true;
    return TN_OK;
}

static struct tnk_lrn_args args_of(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_lrn_opts *o = n->opts;
    const int64_t C = n->x[0].dim[1], tiles = (C + TILE_CHANNELS - 1) / TILE_CHANNELS;
    struct tnk_lrn_args a = {
        .x = c->x[0],
        .pixels = n->x[0].dim[0] * n->x[0].dim[2] * n->x[0].dim[3],
        .channels = C,
        .reach = (int32_t)reach_of(n),
        .tile = (int32_t)((C + tiles - 1) / tiles),
        .scale = o->alpha / (float)o->size,
        .k = o->k,
        .beta = o->beta,
    };
    /* A wide margin leaves room for one pixel only. */
    const int32_t together = TILE_ELEMENTS / (a.tile + 4 * a.reach);
    a.together = together > 1 ? together : 1;
    return a;
}

static unsigned grid_of(const tn_call *c, const struct tnk_lrn_args *a)
{
    const int64_t tiles =
        (a->pixels + a->together - 1) / a->together * ((a->channels + a->tile - 1) / a->tile);
    return tn_cuda_grid(c->device, tiles * TN_CUDA_BLOCK);
}

static tn_status forward(const tn_call *c)
{
    struct tnk_lrn_args a = args_of(c);
    a.y = c->y[0];
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_lrn, grid_of(c, &a),
                           TN_CUDA_BLOCK, tnk_lrn_shared(&a), c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_lrn_args a = args_of(c);
    a.dy = c->dy[0];
    a.y = c->dx[0];
    if (!a.y)
        return TN_OK;
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_lrn_back, grid_of(c, &a),
                           TN_CUDA_BLOCK, tnk_lrn_back_shared(&a), c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_lrn_native = {
    .op = "lrn",
    .name = "native",
    .rank = 2,
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
