#include <string.h>

#include "backends/cpu/elementwise/unary.h"
#include "base/base.h"

const tn_unary_loops *tn_unary_post(const tn_node *post)
{
    TN_UNARY_LOOPS(clip, clip);
    TN_UNARY_LOOPS(hardsigmoid, hardsigmoid);
    TN_UNARY_LOOPS(hardswish, hardswish);
    TN_UNARY_LOOPS(leaky_relu, leaky_relu);
    TN_UNARY_LOOPS(sigmoid, sigmoid);
    TN_UNARY_LOOPS(swish, swish);
    static const struct {
        const char *op;
        const tn_unary_loops *const *loops;
    } known[] = {{"clip", clip},           {"hardsigmoid", hardsigmoid},
                 {"hardswish", hardswish}, {"leaky_relu", leaky_relu},
                 {"sigmoid", sigmoid},     {"swish", swish}};
    for (size_t i = 0; i < TN_COUNT(known); i++)
        if (strcmp(post->op->name, known[i].op) == 0)
            return known[i].loops[tn_cpu_isa_here()];
    return NULL;
}

bool tn_unary_keeps_zero(const tn_unary_loops *loops, const float k[3])
{
    float x = 0, dy = 0, y, dx = 0;
    tn_unary_run r = {.count = 1, .from = &x, .to = &y, .k = {k[0], k[1], k[2]}};
    loops->y(&r);
    r.from = loops->reads_y ? &y : &x;
    r.dy = &dy;
    r.to = &dx;
    if (loops->dx) /* which a library that only infers has not */
        loops->dx(&r);
    return y == 0 && dx == 0;
}
