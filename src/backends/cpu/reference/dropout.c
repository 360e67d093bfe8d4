/* dropout: in training y = 0 or x / (1 - rate), as src/layers/dropout.c says which; else y = x. */
#include <math.h>

#include "backends/cpu/reference/_reference.h"
#include "base/random.h"

static void drop(const tn_call *c, const float *from, float *to)
{
    const double rate = (double)((const tn_dropout_opts *)c->node->opts)->rate;
    const int64_t count = tn_elements(&c->node->x[0]), first = tn_run_first(c->run, c->node);
    const uint64_t stream =
        tn_hash_text(c->node->name) ^ (c->run->step * UINT64_C(0x9E3779B97F4A7C15));
    for (int64_t i = 0; i < count; i++) {
        const tn_random4 r =
            tn_random_at(c->run->seed, TN_RANDOM_DROPOUT, stream, (uint64_t)(first + i) / 4);
        const bool gone = (double)r.word[(first + i) % 4] < floor(ldexp(rate, 32));
        to[i] = gone ? 0 : (float)((double)from[i] / (1 - rate));
    }
}

static tn_status forward(const tn_call *c)
{
    const float *x = c->x[0];
    float *y = c->y[0];
    if (c->run->training)
        drop(c, x, y);
    else
        memcpy(y, x, (size_t)tn_elements(&c->node->x[0]) * sizeof *y);
    return TN_OK;
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        drop(c, c->dy[0], c->dx[0]);
    return TN_OK;
}

const tn_kernel tn_reference_dropout = {
    .op = "dropout",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
