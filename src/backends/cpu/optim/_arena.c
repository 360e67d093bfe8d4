#include "backends/cpu/optim/_arena.h"

#include "backends/cpu/device/cpu.h"

typedef struct job {
    const tn_optim_call *c;
    tn_cpu_update *update;
    const void *arg;
    float decay;
} job;

/* The part of all ranges, laid end to end, that lies in the piece. */
static void update_part(const void *of, tn_piece p)
{
    const job *j = of;
    const tn_optim_call *c = j->c;
    const size_t first = (size_t)p.begin, last = (size_t)p.end;
    size_t before = 0;
    for (int i = 0; i < c->num_ranges && before < last; i++) {
        const tn_param_range *r = &c->range[i];
        const size_t count = r->end - r->begin;
        const size_t from = first > before ? first - before : 0;
        const size_t to = last - before < count ? last - before : count;
        if (from < to)
            j->update(c, j->arg, c->rate * r->rate, j->decay * r->decay, r->begin + from,
                      r->begin + to);
        before += count;
    }
}

void tn_cpu_update_arena(const tn_optim_call *c, float decay, tn_cpu_update *update,
                         const void *arg)
{
    size_t total = 0;
    for (int i = 0; i < c->num_ranges; i++)
        total += c->range[i].end - c->range[i].begin;
    tn_each(c->device, (int64_t)total, TN_FLOATS, update_part, &(job){c, update, arg, decay});
}
