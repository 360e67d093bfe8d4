/* sgd on the CPU: one pass, bound by memory: reads w, g, v and writes w, v once. */
#include "backends/cpu/optim/_arena.h"

static void update_plain(const tn_optim_call *c, const void *arg, float rate, float decay,
                         size_t begin, size_t end)
{
    (void)arg;
    const float scale = c->scale;
    float *restrict w = c->w;
    const float *restrict g = c->g;
    for (size_t i = begin; i < end; i++)
        w[i] -= rate * (scale * g[i] + decay * w[i]);
}

/* The step is a g + b v: {0, 1} for plain momentum, {1, momentum} for Nesterov's. */
typedef struct blend {
    float momentum, a, b;
} blend;

static void update_momentum(const tn_optim_call *c, const void *arg, float rate, float decay,
                            size_t begin, size_t end)
{
    const blend k = *(const blend *)arg;
    const float scale = c->scale;
    float *restrict w = c->w;
    float *restrict v = c->slot[0];
    const float *restrict g = c->g;
    for (size_t i = begin; i < end; i++) {
        const float d = scale * g[i] + decay * w[i];
        v[i] = k.momentum * v[i] + d;
        w[i] -= rate * (k.a * d + k.b * v[i]);
    }
}

static tn_status update(const tn_optim_call *c)
{
    const tn_sgd_opts *o = &c->optim->opts.sgd;
    const blend k = {.momentum = o->momentum,
                     .a = o->nesterov ? 1.0f : 0.0f,
                     .b = o->nesterov ? o->momentum : 1.0f};
    tn_cpu_update_arena(c, o->weight_decay, c->slot[0] ? update_momentum : update_plain, &k);
    return TN_OK;
}

const tn_optim_kernel tn_cpu_optim_sgd = {.optim = "sgd", .update = update};
