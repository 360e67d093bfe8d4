#include "backends/cpu/optim/_arena.h"

#include "backends/cpu/device/cpu.h"

/* The part of all ranges, laid end to end, that lies in [first, last). */
static void update_share(const tn_optim_call *c, float decay, tn_cpu_update *update,
                         const void *arg, size_t first, size_t last)
{
    size_t before = 0;
    for (int i = 0; i < c->num_ranges && before < last; i++) {
        const tn_param_range *r = &c->range[i];
        const size_t count = r->end - r->begin;
        const size_t from = first > before ? first - before : 0;
        const size_t to = last - before < count ? last - before : count;
        if (from < to)
            update(c, arg, c->rate * r->rate, decay * r->decay, r->begin + from, r->begin + to);
        before += count;
    }
}

void tn_cpu_update_arena(const tn_optim_call *c, float decay, tn_cpu_update *update,
                         const void *arg)
{
    size_t total = 0;
    for (int i = 0; i < c->num_ranges; i++)
        total += c->range[i].end - c->range[i].begin;

    const size_t shares = (size_t)c->device->threads;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (size_t i = 0; i < shares; i++)
        update_share(c, decay, update, arg, total * i / shares, total * (i + 1) / shares);
}
