/* nll: of each label its class's element of x, times minus its weight; in double. */
#include "backends/cpu/reference/_reference.h"
#include "backends/cpu/reference/_rows.h"
#include "base/base.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    if (n->num_in > 2 && b->dx[2])
        return tn_fail(TN_ERR_UNSUPPORTED, "nll %s: weights of classes have no gradient", n->name);
    return tn_reference_prepare(d, n, b);
}

static bool is_out(const tn_call *c, int32_t label)
{
    return label == ((const tn_nll_opts *)c->node->opts)->ignore;
}

static double weight_of(const tn_call *c, int32_t label)
{
    if (is_out(c, label))
        return 0;
    return c->node->num_in > 2 ? (double)((const float *)c->x[2])[label] : 1;
}

static tn_status forward(const tn_call *c)
{
    const tn_lines l = tn_lines_along(&c->node->x[0], 1);
    const int32_t *label = c->x[1];
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        const float *x = (const float *)c->x[0] + tn_reference_line(&l, i);
        if (!is_out(c, label[i]) && (label[i] < 0 || label[i] >= l.size))
            return tn_fail(TN_ERR_ARGUMENT,
                           "nll %s: label %d in row %lld is not in [0, %lld), nor is it left out",
                           c->node->name, (int)label[i], (long long)i, (long long)l.size);
        const double w = weight_of(c, label[i]);
        if (c->y[0])
            ((float *)c->y[0])[i] =
                is_out(c, label[i]) ? 0 : (float)(-w * (double)x[label[i] * l.inner]);
        if (c->y[1])
            ((float *)c->y[1])[i] = (float)w;
    }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_lines l = tn_lines_along(&c->node->x[0], 1);
    const int32_t *label = c->x[1];
    for (int64_t i = 0; i < l.outer * l.inner && c->dx[0]; i++) {
        float *dx = (float *)c->dx[0] + tn_reference_line(&l, i);
        const double dy = c->dy[0] ? (double)((const float *)c->dy[0])[i] : 0;
        for (int64_t k = 0; k < l.size; k++)
            dx[k * l.inner] = k == label[i] ? (float)(-weight_of(c, label[i]) * dy) : 0;
    }
    return TN_OK;
}

const tn_kernel tn_reference_nll = {
    .op = "nll",
    .name = "reference",
    .rank = TN_REFERENCE_RANK,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
