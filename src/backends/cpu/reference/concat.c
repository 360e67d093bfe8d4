/* concat: inputs one after the other along an axis: a piece of memory of each for all that is in front of it. */
#include <string.h>

#include "backends/cpu/reference/_reference.h"

static int64_t pieces_of(const tn_node *n)
{
    int64_t count = 1;
    for (int i = 0; i < ((const tn_concat_opts *)n->opts)->axis; i++)
        count *= n->x[0].dim[i];
    return count;
}

static tn_status forward(const tn_call *c)
{
    const tn_node *node = c->node;
    float *y = c->y[0];
    const int64_t pieces = pieces_of(node);
    for (int64_t n = 0; n < pieces; n++)
        for (int i = 0; i < node->num_in; i++) {
            const int64_t piece = tn_elements(&node->x[i]) / pieces;
            memcpy(y, (const float *)c->x[i] + n * piece, (size_t)piece * sizeof *y);
            y += piece;
        }
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    const tn_node *node = c->node;
    const float *dy = c->dy[0];
    const int64_t pieces = pieces_of(node);
    for (int64_t n = 0; n < pieces; n++)
        for (int i = 0; i < node->num_in; i++) {
            const int64_t piece = tn_elements(&node->x[i]) / pieces;
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
    .backward = TN_BACKWARD(backward),
};
