/*
 * beside: numbers that lie beside the parameters, in the same order: their averages (tn_plan_opts.ema), and what was from
 * before the runs of an update, running statistics and sums, for when it is left out (tn_plan_opts.guard).
 */
#include "plan/plan_io.h"
#include "run/run.h"

/* Elements [begin, begin + count) of the arena, which lie behind each other, at w. */
typedef tn_status stretch_call(tn_plan *p, const tn_optim_call *c, float *w, size_t begin,
                               size_t count);

static tn_status for_each_stretch(tn_plan *p, size_t begin, stretch_call *call,
                                  const tn_optim_call *c)
{
    for (int i = 0; i < p->num_stretches; i++) {
        const tn_stretch *s = &p->stretch[i];
        const size_t from = s->begin > begin ? s->begin : begin;
        if (from < s->end)
            TN_TRY(call(p, c, s->w + (from - s->begin), from, s->end - from));
    }
    return TN_OK;
}

static tn_status keep(tn_plan *p, const tn_optim_call *c, float *w, size_t begin, size_t count)
{
    (void)c;
    return tn_plan_backend(p)->copy(p->device->impl, p->kept_statistics + (begin - p->statistics),
                                    w, count);
}

/* Of sums in double, two floats each. */
static size_t count_sums(const tn_plan *p)
{
    return (size_t)p->num_tallies * TN_TALLY * (sizeof(double) / sizeof(float));
}

tn_status tn_plan_keep_for_guard(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    if (!p->opts.guard || p->runs_since_update > 0)
        return TN_OK;
    if (p->num_tallies > 0)
        TN_TRY(b->copy(p->device->impl, (float *)p->kept_tallies, (const float *)p->tallies,
                       count_sums(p)));
    return for_each_stretch(p, p->statistics, keep, NULL);
}

static tn_status restore(tn_plan *p, const tn_optim_call *c, float *w, size_t begin, size_t count)
{
    return tn_plan_backend(p)->restore(c, w, p->kept_statistics + (begin - p->statistics), count);
}

static tn_status average(tn_plan *p, const tn_optim_call *c, float *w, size_t begin, size_t count)
{
    return tn_plan_backend(p)->average(c, p->average + begin, w, count);
}

tn_status tn_plan_after_update(tn_plan *p, const tn_optim_call *c)
{
    if (p->average)
        TN_TRY(for_each_stretch(p, 0, average, c));
    if (!p->opts.guard)
        return TN_OK;
    if (p->num_tallies > 0)
        TN_TRY(tn_plan_backend(p)->restore(c, (float *)p->tallies, (const float *)p->kept_tallies,
                                           count_sums(p)));
    return for_each_stretch(p, p->statistics, restore, c);
}

/* ---- averages ------------------------------------------------------------------------------- */

static tn_status begin_average(tn_plan *p, const tn_optim_call *c, float *w, size_t begin,
                               size_t count)
{
    (void)c;
    return tn_plan_backend(p)->copy(p->device->impl, p->average + begin, w, count);
}

static tn_status change_places(tn_plan *p, const tn_optim_call *c, float *w, size_t begin,
                               size_t count)
{
    (void)c;
    return tn_plan_backend(p)->swap(p->device->impl, p->average + begin, w, count);
}

/* In each replica, whose statistics are of its own rows: an evaluation takes those of the first. */
static tn_status use(tn_plan *p, void *average)
{
    int64_t averages;
    const bool on = *(const bool *)average;
    TN_TRY(tn_plan_count_averages(p, &averages));
    if (p->averaged == on)
        return TN_OK;
    if (on && averages == 0)
        TN_TRY(for_each_stretch(p, 0, begin_average, NULL));
    TN_TRY(for_each_stretch(p, 0, change_places, NULL));
    p->averaged = on;
    p->weights_changed = true;
    p->share.uneven |= p->share.ranks > 0 && p->param_count > p->trained_count;
    for (int i = 0; i < p->num_params; i++)
        tn_plan_note_change(p, i);
    return TN_OK;
}

tn_status tn_plan_use_average(tn_plan *p, bool average)
{
    TN_NEED(p, "plan");
    const tn_plan *first = tn_plan_first(p);
    TN_TRY(tn_plan_check_runnable(first));
    if (first->opts.ema == 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: it keeps no averages: that needs opts.ema");
    return p->kind->do_each(p, use, &average, sizeof average);
}

tn_status tn_plan_check_trains(const tn_plan *p)
{
    if (!tn_plan_first(p)->averaged)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "plan: averages of its parameters are in use; tn_plan_use_average(plan, false) "
                   "comes first");
}
