/*
 * tallies: sums of kept scalars that nobody has asked for yet (tn_plan_take_sum()), out of a plan and into it, so that a
 * checkpoint holds them as they are: adding what was saved to what comes after would round otherwise than adding it all.
 */
#include <string.h>

#include "plan/plan_io.h"
#include "run/run.h"

size_t tn_plan_num_tallies(const tn_plan *p)
{
    return tn_plan_first(p)->num_tallies * (size_t)TN_TALLY;
}

int tn_plan_replicas(const tn_plan *p)
{
    return p->kind->count(p);
}

static size_t tally_bytes(const tn_plan *p)
{
    return (size_t)p->num_tallies * TN_TALLY * sizeof *p->tallies;
}

tn_status tn_single_get_tallies(tn_plan *p, double *to)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_settle(p));
    TN_TRY(tn_plan_backend(p)->download(p->device->impl, to, p->tallies, tally_bytes(p)));
    return tn_plan_found(p);
}

tn_status tn_single_set_tallies(tn_plan *p, const double *from)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_settle(p));
    return tn_plan_backend(p)->upload(p->device->impl, p->tallies, from, tally_bytes(p));
}

tn_status tn_plan_tallies_get(tn_plan *p, double *to)
{
    TN_TRY(tn_plan_enter(p, false));
    return tn_plan_leave(p, p->kind->get_tallies(p, to));
}

static tn_status set(tn_plan *p, const double *from)
{
    TN_TRY(tn_plan_enter(p, false));
    return tn_plan_leave(p, p->kind->set_tallies(p, from));
}

/* Of each tally the sum is the mean of what replicas have, or all of that, if it is a count: as tn_group_take_sum() has it. */
static bool is_count(const tn_plan *first, size_t tally)
{
    for (size_t i = 0; i < first->num_values; i++) {
        const tn_plan_value *v = &first->value[i];
        if (v->tally == (int)tally + 1)
            return v->dtype == TN_I32 && v->batch == TN_BATCH_MEAN;
    }
    return false;
}

/* What other replicas had, so that the same is told of it. */
static void share_out(const tn_plan *p, double *to, const double *from, int replicas)
{
    const size_t each = tn_plan_num_tallies(p);
    for (size_t t = 0; t < each; t += TN_TALLY) {
        const bool counts = is_count(tn_plan_first(p), t / TN_TALLY);
        double all = 0;
        for (int r = 0; r < replicas; r++)
            all += from[(size_t)r * each + t];
        for (int r = 0; r < tn_plan_replicas(p); r++) {
            double *own = to + (size_t)r * each + t;
            own[0] = counts ? (r == 0 ? all : 0) : all / replicas;
            own[1] = from[t + 1];
        }
    }
}

tn_status tn_plan_tallies_set(tn_plan *p, const double *from, int replicas)
{
    if (replicas == tn_plan_replicas(p))
        return set(p, from);
    const size_t count = tn_plan_num_tallies(p) * (size_t)tn_plan_replicas(p);
    double *own = tn_alloc(count + 1, sizeof *own);
    if (!own)
        return tn_no_memory("sums", count * sizeof *own);
    share_out(p, own, from, replicas);
    const tn_status status = set(p, own);
    tn_free(own);
    return status;
}
