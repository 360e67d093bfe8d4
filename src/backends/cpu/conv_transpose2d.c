/* conv_transpose2d by oneDNN's passes of the convolution that it is the adjoint of (backends/adjoint.h); the bias in loops
 * of ours, in whichever layout oneDNN wants y. */
#include "backends/adjoint.h"
#include "backends/cpu/onednn/onednn.h"

extern const tn_kernel tn_cpu_conv2d_onednn;

typedef struct deconv {
    tn_adjoint adjoint;
    tn_channels at; /* of y */
} deconv;

static void release(void *state)
{
    tn_adjoint_release(&((deconv *)state)->adjoint);
    tn_free(state);
}

static tn_status prepare_parts(tn_backend_device *d, const tn_node *n, tn_binding *b, deconv *s)
{
    TN_TRY(tn_adjoint_prepare(&s->adjoint, &tn_cpu_conv2d_onednn, d, n, b));
    if (!tn_onednn_channels(d, n, &n->y[0], b->y[0], &s->at))
        return tn_fail(TN_ERR_UNSUPPORTED, "conv_transpose2d %s: a bias in layout %s", n->name,
                       b->y[0] ? b->y[0]->name : "plain");
    return TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    deconv *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv_transpose2d", sizeof *s);
    const tn_status status = prepare_parts(d, n, b, s);
    if (status != TN_OK) {
        release(s);
        return status;
    }
    b->state = s;
    return TN_OK;
}

/* ---- the bias ------------------------------------------------------------------------------- */

static void add_bias(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_channels *at = &((const deconv *)c->state)->at;
    const float *bias = c->w[1];
    const int64_t groups = tn_channel_groups(at);
    for (int64_t item = p.begin; item < p.end; item++) {
        const int64_t n = item / groups, g = item % groups, first = g * at->lanes;
        const int64_t width = tn_cpu_lower(at->lanes, at->channels - first);
        float *to = (float *)c->y[0] + n * at->image + g * at->group;
        if (at->lanes == 1) {
#pragma omp simd
            for (int64_t i = 0; i < at->area; i++)
                to[i * at->step] += bias[first];
            continue;
        }
        for (int64_t i = 0; i < at->area; i++)
            for (int64_t l = 0; l < width; l++)
                to[i * at->step + l] += bias[first + l];
    }
}

static void sum_bias(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const tn_channels *at = &((const deconv *)c->state)->at;
    const float *dy = c->dy[0];
    float *dbias = c->dw[1];
    const int64_t N = c->node->y[0].dim[0];
    for (int64_t g = p.begin; g < p.end; g++) {
        const int64_t first = g * at->lanes;
        const int64_t width = tn_cpu_lower(at->lanes, at->channels - first);
        double sum[TN_MOST_LANES] = {0};
        for (int64_t n = 0; n < N; n++) {
            const float *from = dy + n * at->image + g * at->group;
            for (int64_t i = 0; i < at->area; i++)
                for (int64_t l = 0; l < width; l++)
                    sum[l] += (double)from[i * at->step + l];
        }
        for (int64_t l = 0; l < width; l++)
            dbias[first + l] = (float)sum[l];
    }
}

static tn_status forward(const tn_call *c)
{
    const deconv *s = c->state;
    TN_TRY(tn_adjoint_forward(&s->adjoint, c));
    if (c->node->num_params > 1)
        tn_each(c->device, c->node->y[0].dim[0] * tn_channel_groups(&s->at), 1, add_bias, c);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const deconv *s = c->state;
    if (c->dw[1])
        tn_each(c->device, tn_channel_groups(&s->at), 1, sum_bias, c);
    return tn_adjoint_backward(&s->adjoint, c);
}

static const char *describe(const void *state)
{
    const tn_adjoint *a = &((const deconv *)state)->adjoint;
    return a->kernel->describe(a->state);
}

const tn_kernel tn_cpu_conv_transpose2d = {
    .op = "conv_transpose2d",
    .name = "onednn",
    .rank = 1,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
