/* concat: inputs one after the other along dimension 1, which is one piece of memory of each image. */
#include <string.h>

#include "backends/cpu/reference/_reference.h"

static int64_t image_of(const tn_shape *s)
{
    return tn_elements(s) / s->dim[0];
}

static tn_status forward(const tn_call *c)
{
    const tn_node *node = c->node;
    float *y = c->y[0];
    for (int64_t n = 0; n < node->y[0].dim[0]; n++)
        for (int i = 0; i < node->num_in; i++) {
            const int64_t piece = image_of(&node->x[i]);
            memcpy(y, (const float *)c->x[i] + n * piece, (size_t)piece * sizeof *y);
            y += piece;
        }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *node = c->node;
    const float *dy = c->dy[0];
    for (int64_t n = 0; n < node->y[0].dim[0]; n++)
        for (int i = 0; i < node->num_in; i++) {
            const int64_t piece = image_of(&node->x[i]);
            if (c->dx[i])
                memcpy((float *)c->dx[i] + n * piece, dy, (size_t)piece * sizeof *dy);
            dy += piece;
        }
    return TN_OK;
}

const tn_kernel tn_reference_concat = {
    .op = "concat",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = backward,
};
