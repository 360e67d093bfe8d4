/* nll on the CPU: one loop over the labels, both ways. */
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    if (n->num_in > 2 && b->dx[2])
        return tn_fail(TN_ERR_UNSUPPORTED, "nll %s: weights of classes have no gradient", n->name);
    for (int i = 0; i < n->num_in; i++)
        b->x[i] = NULL;
    b->backward_reads_x[1] = b->backward_reads_x[2] = true;
    return TN_OK;
}

static tn_status check(const tn_call *c, int32_t ignore)
{
    const int64_t K = c->node->x[0].dim[1];
    const int32_t *label = c->x[1];
    for (int64_t i = 0; i < tn_elements(&c->node->x[1]); i++)
        if (label[i] != ignore && (label[i] < 0 || label[i] >= K))
            return tn_fail(TN_ERR_ARGUMENT,
                           "nll %s: label %d in row %lld is not in [0, %lld), nor is it left out",
                           c->node->name, (int)label[i], (long long)i, (long long)K);
    return TN_OK;
}

/* Where the label's element of x is. */
static inline int64_t place(const tn_lines *l, int64_t i, int32_t label)
{
    return (i / l->inner * l->size + label) * l->inner + i % l->inner;
}

static inline float weight_of(const tn_call *c, int32_t label)
{
    return c->node->num_in > 2 ? ((const float *)c->x[2])[label] : 1;
}

static void find_losses(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const int32_t ignore = ((const tn_nll_opts *)c->node->opts)->ignore, *label = c->x[1];
    const tn_lines l = tn_lines_along(&c->node->x[0], 1);
    const float *x = c->x[0];
    float *losses = c->y[0], *weights = c->y[1];
    for (int64_t i = p.begin; i < p.end; i++) {
        const bool out = label[i] == ignore;
        const float w = out ? 0 : weight_of(c, label[i]);
        if (losses)
            losses[i] = out ? 0 : -w * x[place(&l, i, label[i])];
        if (weights)
            weights[i] = w;
    }
}

static tn_status forward(const tn_call *c)
{
    TN_TRY(check(c, ((const tn_nll_opts *)c->node->opts)->ignore));
    tn_each(c->device, tn_elements(&c->node->x[1]), TN_FLOATS, find_losses, c);
    return TN_OK;
}

static void find_gradients(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const int32_t ignore = ((const tn_nll_opts *)c->node->opts)->ignore, *label = c->x[1];
    const tn_lines l = tn_lines_along(&c->node->x[0], 1);
    const float *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t i = p.begin; i < p.end; i++)
        if (label[i] != ignore)
            dx[place(&l, i, label[i])] = -weight_of(c, label[i]) * dy[i];
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        memset(c->dx[0], 0, (size_t)tn_elements(&c->node->x[0]) * sizeof(float));
    if (c->dx[0] && c->dy[0])
        tn_each(c->device, tn_elements(&c->node->x[1]), TN_FLOATS, find_gradients, c);
    return TN_OK;
}

const tn_kernel tn_cpu_nll = {
    .op = "nll",
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
