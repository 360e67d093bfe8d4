/*
 * resume: what a checkpoint needs beside parameters.
 */
#include "plan/plan_io.h"
#include "run/run.h"

typedef struct counts {
    int64_t updates, runs;
    tn_plan_sum sum;
} counts;

static tn_status restore(tn_plan *p, void *from)
{
    const counts *c = from;
    p->updates = c->updates;
    p->run.step = (uint64_t)c->runs;
    p->runs_since_update = (int)c->sum.runs;
    p->summed_weight = c->sum.weight;
    if (p->opts.accumulate == 1 || (c->sum.runs > 0 && p->share.rank == 0))
        return TN_OK;
    return tn_plan_backend(p)->fill(p->device->impl, p->gradient_sum, 0,
                                    p->trained_count * sizeof(float));
}

static tn_status collect(tn_plan *p, void *unused)
{
    (void)unused;
    return tn_plan_collect(p);
}

int tn_plan_accumulate(const tn_plan *p)
{
    return tn_plan_first(p)->opts.accumulate;
}

tn_status tn_plan_sum_get(tn_plan *p, tn_plan_sum *out)
{
    const tn_plan *first = tn_plan_first(p);
    *out = (tn_plan_sum){0};
    if (first->opts.accumulate == 1 || first->runs_since_update == 0)
        return TN_OK;
    TN_TRY(p->kind->do_each(p, collect, NULL, 0));
    *out = (tn_plan_sum){first->runs_since_update, first->summed_weight};
    return TN_OK;
}

tn_status tn_plan_restore(tn_plan *p, int64_t updates, int64_t runs, const tn_plan_sum *sum)
{
    counts c = {updates, runs, *sum};
    return p->kind->do_each(p, restore, &c, sizeof c);
}

bool tn_plan_has_average(const tn_plan *p)
{
    return p->opts.ema > 0;
}

int64_t tn_plan_runs(const tn_plan *p)
{
    return (int64_t)tn_plan_first(p)->run.step;
}

const char *tn_plan_optim_name(const tn_plan *p)
{
    return tn_plan_first(p)->optim_kernel ? p->opts.optim.kind->name : "";
}

const char *tn_plan_slot_name(const tn_plan *p, int slot)
{
    const tn_plan *first = tn_plan_first(p);
    return slot < first->num_slots ? first->slot_name[slot] : NULL;
}

bool tn_plan_writes(const tn_plan *p)
{
    return tn_device_rank(p->device) == 0;
}

tn_status tn_plan_agree(tn_plan *p, tn_status status)
{
    return p->kind->agree(p, status);
}
