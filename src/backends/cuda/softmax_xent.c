/*
 * softmax_xent by kernels of our own: logits in the plan's type, everything else in f32.
 *
 * Saved are two numbers a row, from which backward computes p again: that is less memory and less traffic
 * than p or the gradient, and what it writes is rounded once, after it was multiplied with dy.
 */
#include "backends/cuda/device/fault.h"
#include "backends/cuda/kernels/loss.h"

enum { WARP = 32 };

/* Where things are in scratch and in saved. */
typedef struct places {
    size_t loss, better, scratch_bytes;
    size_t most, share, each, saved_bytes;
} places;

static places places_of(const tn_node *n)
{
    const size_t rows = (size_t)n->x[0].dim[0];
    places p = {0};
    p.loss = tn_cuda_part(&p.scratch_bytes, rows * sizeof(float));
    p.better = tn_cuda_part(&p.scratch_bytes, rows * sizeof(int32_t));
    p.most = tn_cuda_part(&p.saved_bytes, rows * sizeof(float));
    p.share = tn_cuda_part(&p.saved_bytes, rows * sizeof(float));
    p.each = tn_cuda_part(&p.saved_bytes, sizeof(float));
    return p;
}

static tn_status supports(const tn_node *n)
{
    if (n->x[0].dim[1] <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: more classes than labels can name",
                   n->name);
}

/* For release() alone. */
typedef struct owner {
    tn_backend_device *device;
    const void *control; /* of the plan, once it has run */
} owner;

/* A bad label that nobody was told of is forgotten: its message would begin with the node's name. */
static void release(void *state)
{
    const owner *o = state;
    if (o->control && tn_cuda_use(o->device) == TN_OK)
        tn_cuda_fault_drop(o->device, o->control);
    tn_free(state);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const places p = places_of(n);
    TN_TRY(tn_cuda_want_rows(d, n, b, 0));
    owner *o = tn_alloc(1, sizeof *o);
    if (!o)
        return tn_no_memory("softmax_xent", sizeof *o);
    *o = (owner){.device = d};
    b->state = o;
    b->x[1] = NULL;
    b->scratch_bytes = p.scratch_bytes;
    b->saved_bytes = b->dx[0] ? p.saved_bytes : 0;
    b->backward_reads_x[0] = b->backward_reads_x[1] = true;
    return TN_OK;
}

static unsigned grid_of(const tn_call *c)
{
    const int64_t rows = c->node->x[0].dim[0], classes = c->node->x[0].dim[1];
    return tn_cuda_grid(c->device, rows * (classes > TNK_XENT_WARP ? TN_CUDA_BLOCK : WARP));
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const tn_softmax_xent_opts *o = n->opts;
    const places p = places_of(n);
    owner *state = c->state;
    struct tn_cuda_fault *fault;
    TN_TRY(tn_cuda_fault_claim(c->device, c->run->control, &fault));
    state->control = c->run->control;
    void *saved = c->run->training ? c->saved : NULL;
    struct tnk_xent_args a = {
        .logits = c->x[0],
        .labels = c->x[1],
        .rows = n->x[0].dim[0],
        .classes = n->x[0].dim[1],
        .smoothing = o->label_smoothing,
        .loss = tn_cuda_at(c->scratch, p.loss),
        .better = tn_cuda_at(c->scratch, p.better),
        .most = tn_cuda_at(saved, p.most),
        .share = tn_cuda_at(saved, p.share),
    };
    struct tnk_xent_sum_args sum = {
        .loss = a.loss,
        .better = a.better,
        .labels = a.labels,
        .rows = a.rows,
        .classes = a.classes,
        .top_k = o->top_k,
        .mean = c->y[0],
        .top_1 = c->y[1],
        .top_k_count = c->y[2],
        .each = tn_cuda_at(saved, p.each),
        .control = c->run->control,
        .fault = fault,
        .where = (uint64_t)(uintptr_t)n,
    };
    TN_CUDA(c->device, n,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_xent, grid_of(c), TN_CUDA_BLOCK,
                           0, c->device->compute, &a));
    TN_CUDA(c->device, n, TN_LAUNCH(tnk_xent_sum, 1, TN_CUDA_BLOCK, 0, c->device->compute, &sum));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *n = c->node;
    const places p = places_of(n);
    struct tnk_xent_back_args a = {
        .logits = c->x[0],
        .labels = c->x[1],
        .most = tn_cuda_at(c->saved, p.most),
        .share = tn_cuda_at(c->saved, p.share),
        .each = tn_cuda_at(c->saved, p.each),
        .dy = c->dy[0],
        .dx = c->dx[0],
        .rows = n->x[0].dim[0],
        .classes = n->x[0].dim[1],
        .smoothing = ((const tn_softmax_xent_opts *)n->opts)->label_smoothing,
    };
    if (!a.dx)
        return TN_OK;
    TN_CUDA(c->device, n,
            TN_LAUNCH_TYPE(tn_cuda_type_of(c->run->precision), tnk_xent_back, grid_of(c),
                           TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

const tn_kernel tn_cuda_softmax_xent = {
    .op = "softmax_xent",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
