/* add: y = a + b, and both gradients are dy. */
#include <string.h>

#include "backends/cpu/reference/_reference.h"

static tn_status forward(const tn_call *c)
{
    const int64_t count = tn_elements(&c->node->x[0]);
    const float *a = c->x[0], *b = c->x[1];
    float *y = c->y[0];
    for (int64_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    for (int i = 0; i < c->node->num_in; i++)
        if (c->dx[i])
            memcpy(c->dx[i], c->dy[0], (size_t)tn_elements(&c->node->x[0]) * sizeof(float));
    return TN_OK;
}

const tn_kernel tn_reference_add = {
    .op = "add",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
