/*
 * concat by a kernel that moves bytes: images in nhwc, where an input's share of a pixel is one piece of
 * memory, everything else in rows, where its share of what is in front of the axis is. What is a part of y already stays.
 */
#include "backends/cuda/kernels/concat.h"

#include <assert.h>
#include <string.h>

#include "backends/cuda/device/cuda.h"

static_assert((int)TNK_CONCAT_PARTS == (int)TN_MAX_IN, "a part for each input");

static int axis_of(const tn_node *n)
{
    return ((const tn_concat_opts *)n->opts)->axis;
}

/* By channels. */
static bool of_images(const tn_node *n)
{
    return n->x[0].ndim == 4 && axis_of(n) == 1;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const bool images = of_images(n);
    for (int i = 0; i < n->num_in; i++) {
        if (tn_cuda_is_part(b->x[i]))
            continue; /* of y: the plan offers no other */
        if (images)
            TN_TRY(tn_cuda_want_nhwc(d, n, b, i));
        else
            TN_TRY(tn_cuda_want_rows(d, n, b, i));
    }
    return images ? tn_cuda_give_nhwc(d, n, b) : tn_cuda_give_rows(d, n, b);
}

/* The most bytes that can be moved as one: all pieces are multiples of it. */
static int32_t unit_of(const tn_node *n, int64_t rows, int64_t element)
{
    int32_t unit = 16;
    for (int i = 0; i < n->num_in; i++)
        while (tn_elements(&n->x[i]) / rows * element % unit)
            unit /= 2;
    return unit;
}

static struct tnk_pieces pieces_of(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t element = (int64_t)tn_dtype_bytes(tn_cuda_type_of(c->run->precision));
    struct tnk_pieces p = {.rows = 1, .parts = n->num_in};
    for (int i = 0; i < axis_of(n); i++)
        p.rows *= n->x[0].dim[i];
    if (of_images(n))
        p.rows *= n->x[0].dim[2] * n->x[0].dim[3];
    p.unit = unit_of(n, p.rows, element);
    int64_t end = 0;
    for (int i = 0; i < n->num_in; i++) {
        end += tn_elements(&n->x[i]) / p.rows * element / p.unit;
        p.end[i] = end;
    }
    return p;
}

static unsigned grid_of(const tn_call *c, const struct tnk_pieces *p)
{
    return tn_cuda_grid(c->device, p->rows * p->end[p->parts - 1]);
}

static tn_status forward(const tn_call *c)
{
    struct tnk_concat_args a = {.pieces = pieces_of(c), .whole = c->y[0]};
    memcpy(a.part, c->x, sizeof a.part);
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_concat, grid_of(c, &a.pieces), TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    struct tnk_split_args a = {.pieces = pieces_of(c), .whole = c->dy[0]};
    memcpy(a.part, c->dx, sizeof a.part);
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_split, grid_of(c, &a.pieces), TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_concat = {
    .op = "concat",
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
