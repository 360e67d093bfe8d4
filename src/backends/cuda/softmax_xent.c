/*
 * softmax_xent by kernels of our own: logits in the plan's type, everything else in f32. Classes of a pixel are beside each
 * other where images come in nhwc.
 *
 * Saved are two numbers a label, from which backward computes p again: that is less memory and less traffic
 * than p or the gradient, and what it writes is rounded once, after it was multiplied with dy.
 */
#include "backends/cuda/device/fault.h"
#include "backends/cuda/kernels/xent.h"

enum { WARP = 32, MOST_PARTS = 256, LABELS_A_PART = 8192 };

/* Where things are in scratch and in saved. */
typedef struct places {
    size_t loss, better, part, scratch_bytes;
    size_t most, share, each, saved_loss, saved_better, saved_bytes;
} places;

/* Blocks that add up labels before the last one does; 0: it does so alone. */
static int64_t parts_of(const tn_node *n)
{
    const int64_t parts = tn_elements(&n->x[1]) / LABELS_A_PART;
    return parts > MOST_PARTS ? MOST_PARTS : parts > 1 ? parts : 0;
}

static int rows_of(const tn_node *n)
{
    return tn_xent_rows(((const tn_softmax_xent_opts *)n->opts)->weights);
}

static int classes_of(const tn_node *n)
{
    return tn_xent_classes(((const tn_softmax_xent_opts *)n->opts)->weights);
}

static places places_of(const tn_node *n)
{
    const size_t labels = (size_t)tn_elements(&n->x[1]), weighted = rows_of(n) ? labels : 0;
    places p = {0};
    p.loss = tn_cuda_part(&p.scratch_bytes, labels * sizeof(float));
    p.better = tn_cuda_part(&p.scratch_bytes, labels * sizeof(int32_t));
    p.part = tn_cuda_part(&p.scratch_bytes, (size_t)parts_of(n) * sizeof(struct tnk_xent_sums));
    p.most = tn_cuda_part(&p.saved_bytes, labels * sizeof(float));
    p.share = tn_cuda_part(&p.saved_bytes, labels * sizeof(float));
    p.each = tn_cuda_part(&p.saved_bytes, 2 * sizeof(float));
    p.saved_loss = tn_cuda_part(&p.saved_bytes, weighted * sizeof(float));
    p.saved_better = tn_cuda_part(&p.saved_bytes, weighted * sizeof(int32_t));
    return p;
}

static tn_status supports(const tn_node *n)
{
    if (n->x[0].dim[1] <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: more classes than labels can name",
                   n->name);
}

typedef struct owner {
    tn_backend_device *device; /* for release() alone, as what follows */
    const void *control;       /* of the plan, once it has run */
    int64_t inner;             /* from one logit of a label to the next, in memory */
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
    const int classes = classes_of(n);
    const bool nhwc =
        n->x[0].ndim == 4 && b->x[0] && tn_cuda_layout_from(b->x[0])->form == TN_CUDA_NHWC;
    if (classes && b->dx[classes])
        return tn_fail(TN_ERR_UNSUPPORTED, "softmax_xent %s: weights of classes have no gradient",
                       n->name);
    TN_TRY(nhwc ? tn_cuda_want_nhwc(d, n, b, 0) : tn_cuda_want_rows(d, n, b, 0));
    owner *o = tn_alloc(1, sizeof *o);
    if (!o)
        return tn_no_memory("softmax_xent", sizeof *o);
    *o = (owner){.device = d, .inner = nhwc ? 1 : tn_lines_along(&n->x[0], 1).inner};
    b->state = o;
    for (int i = 1; i < n->num_in; i++) {
        b->x[i] = NULL;
        b->backward_reads_x[i] = true;
    }
    b->scratch_bytes = p.scratch_bytes;
    b->saved_bytes = b->training ? p.saved_bytes : 0;
    b->backward_reads_x[0] = true;
    return TN_OK;
}

static unsigned grid_of(const tn_call *c, int64_t inner)
{
    const int64_t labels = tn_elements(&c->node->x[1]), classes = c->node->x[0].dim[1];
    const int64_t threads = inner > 1 ? 1 : classes > TNK_XENT_WARP ? TN_CUDA_BLOCK : WARP;
    return tn_cuda_grid(c->device, labels * threads);
}

static const float *weights_of(const tn_call *c, int input)
{
    return input ? c->x[input] : NULL;
}

static tn_status find_losses(const tn_call *c, struct tnk_xent_args *a)
{
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    const unsigned grid = grid_of(c, a->inner);
    cudaStream_t stream = c->device->compute;
    if (a->inner == 1)
        TN_CUDA(c->device, c->node,
                TN_LAUNCH_TYPE(type, tnk_xent, grid, TN_CUDA_BLOCK, 0, stream, a));
    else
        TN_CUDA(c->device, c->node,
                TN_LAUNCH_TYPE(type, tnk_xent_across, grid, TN_CUDA_BLOCK, 0, stream, a));
    return TN_OK;
}

static tn_status add_up(const tn_call *c, struct tnk_xent_sum_args *a)
{
    if (a->part)
        TN_CUDA(
            c->device, c->node,
            TN_LAUNCH(tnk_xent_part, (unsigned)a->parts, TN_CUDA_BLOCK, 0, c->device->compute, a));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH(tnk_xent_sum, 1, TN_CUDA_BLOCK, 0, c->device->compute, a));
    return TN_OK;
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
    const bool keeps = saved && rows_of(n); /* each loss, for the gradient of its weight */
    struct tnk_xent_args a = {
        .logits = c->x[0],
        .labels = c->x[1],
        .class_weights = weights_of(c, classes_of(n)),
        .rows = tn_elements(&n->x[1]),
        .classes = n->x[0].dim[1],
        .inner = state->inner,
        .smoothing = o->label_smoothing,
        .loss = keeps ? tn_cuda_at(saved, p.saved_loss) : tn_cuda_at(c->scratch, p.loss),
        .better = keeps ? tn_cuda_at(saved, p.saved_better) : tn_cuda_at(c->scratch, p.better),
        .most = tn_cuda_at(saved, p.most),
        .share = tn_cuda_at(saved, p.share),
    };
    struct tnk_xent_sum_args sum = {
        .loss = a.loss,
        .row_weights = weights_of(c, rows_of(n)),
        .class_weights = a.class_weights,
        .better = a.better,
        .labels = a.labels,
        .rows = a.rows,
        .classes = a.classes,
        .top_k = o->top_k,
        .part = parts_of(n) ? tn_cuda_at(c->scratch, p.part) : NULL,
        .parts = (int32_t)parts_of(n),
        .mean = c->y[0],
        .top_1 = c->y[1],
        .top_k_count = c->y[2],
        .each = tn_cuda_at(saved, p.each),
        .control = c->run->control,
        .number = c->labels,
        .fault = fault,
        .where = (uint64_t)(uintptr_t)n,
    };
    TN_TRY(find_losses(c, &a));
    return add_up(c, &sum);
}

static tn_status find_dx(const tn_call *c, const places *p)
{
    const tn_node *n = c->node;
    const tn_dtype type = tn_cuda_type_of(c->run->precision);
    struct tnk_xent_back_args a = {
        .logits = c->x[0],
        .labels = c->x[1],
        .most = tn_cuda_at(c->saved, p->most),
        .share = tn_cuda_at(c->saved, p->share),
        .each = tn_cuda_at(c->saved, p->each),
        .dy = c->dy[0],
        .row_weights = weights_of(c, rows_of(n)),
        .class_weights = weights_of(c, classes_of(n)),
        .dx = c->dx[0],
        .rows = tn_elements(&n->x[1]),
        .classes = n->x[0].dim[1],
        .inner = ((const owner *)c->state)->inner,
        .smoothing = ((const tn_softmax_xent_opts *)n->opts)->label_smoothing,
    };
    const unsigned grid = grid_of(c, a.inner);
    cudaStream_t stream = c->device->compute;
    if (a.inner == 1)
        TN_CUDA(c->device, n,
                TN_LAUNCH_TYPE(type, tnk_xent_back, grid, TN_CUDA_BLOCK, 0, stream, &a));
    else
        TN_CUDA(c->device, n,
                TN_LAUNCH_TYPE(type, tnk_xent_across_back, grid, TN_CUDA_BLOCK, 0, stream, &a));
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const places p = places_of(c->node);
    const int rows = rows_of(c->node);
    struct tnk_xent_rows_back_args a = {
        .loss = tn_cuda_at(c->saved, p.saved_loss),
        .each = tn_cuda_at(c->saved, p.each),
        .dy = c->dy[0],
        .better = tn_cuda_at(c->saved, p.saved_better),
        .dx = rows ? c->dx[rows] : NULL,
        .rows = tn_elements(&c->node->x[1]),
    };
    if (c->dx[0])
        TN_TRY(find_dx(c, &p));
    if (a.dx)
        TN_CUDA(c->device, c->node,
                TN_LAUNCH(tnk_xent_rows_back, tn_cuda_grid(c->device, a.rows), TN_CUDA_BLOCK, 0,
                          c->device->compute, &a));
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
