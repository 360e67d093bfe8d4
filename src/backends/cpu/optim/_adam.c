/* adam and adamw on the CPU: one pass, bound by memory: reads w, g, m, v and writes w, m, v once. */
#include "backends/cpu/optim/_adam.h"

#include <math.h>

#include "backends/cpu/optim/_arena.h"

/* What is the same for all elements of one step. */
typedef struct moments {
    float beta1, beta2, rest1, rest2, epsilon; /* rest = 1 - beta */
    float correct1;                            /* 1 / (1 - beta1^t) */
    float correct2;                            /* 1 / sqrt(1 - beta2^t) */
    bool decoupled;
} moments;

static void update(const tn_optim_call *c, const void *arg, float rate, float decay, size_t begin,
                   size_t end)
{
    const moments k = *(const moments *)arg;
    const float scale = c->scale, step = rate * k.correct1;
    const float into_g = k.decoupled ? 0 : decay, keep = k.decoupled ? 1 - rate * decay : 1;
    float *restrict w = c->w;
    float *restrict m = c->slot[0];
    float *restrict v = c->slot[1];
    const float *restrict g = c->g;
    for (size_t i = begin; i < end; i++) {
        const float d = scale * g[i] + into_g * w[i];
        m[i] = k.beta1 * m[i] + k.rest1 * d;
        v[i] = k.beta2 * v[i] + k.rest2 * d * d;
        w[i] = keep * w[i] - step * m[i] / (sqrtf(v[i]) * k.correct2 + k.epsilon);
    }
}

tn_status tn_cpu_adam(const tn_optim_call *c, bool decoupled)
{
    const tn_adam_opts *o = &c->optim->opts.adam;
    const double t = (double)c->step;
    const moments k = {.beta1 = o->beta1,
                       .beta2 = o->beta2,
                       .rest1 = 1 - o->beta1,
                       .rest2 = 1 - o->beta2,
                       .epsilon = o->epsilon,
                       .correct1 = (float)(1 / (1 - pow((double)o->beta1, t))),
                       .correct2 = (float)(1 / sqrt(1 - pow((double)o->beta2, t))),
                       .decoupled = decoupled};
    tn_cpu_update_arena(c, o->weight_decay, update, &k);
    return TN_OK;
}
