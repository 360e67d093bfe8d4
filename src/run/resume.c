/*
 * resume: what a checkpoint needs beside parameters.
 */
#include "plan/plan_io.h"
#include "run/run.h"

typedef struct counts {
    int64_t updates, runs;
} counts;

static tn_status restore(tn_plan *p, void *from)
{
    const counts *c = from;
    p->updates = c->updates;
    p->run.step = (uint64_t)c->runs;
    p->runs_since_update = 0;
    return TN_OK;
}

tn_status tn_plan_restore(tn_plan *p, int64_t updates, int64_t runs)
{
    counts c = {updates, runs};
    return p->kind->do_each(p, restore, &c, sizeof c);
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
    return slot < tn_plan_first(p)->num_slots ? p->opts.optim.kind->slots(&p->opts.optim)[slot]
                                              : NULL;
}

bool tn_plan_writes(const tn_plan *p)
{
    return tn_device_rank(p->device) == 0;
}

tn_status tn_plan_agree(tn_plan *p, tn_status status)
{
    return p->kind->agree(p, status);
}
