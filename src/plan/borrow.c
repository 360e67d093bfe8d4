/*
 * borrow: a plan's parameters in tn_plan_opts.weights, whose memory on the device they have; and where each parameter lies.
 *
 * To the plan its arenas are as ever, parameters behind each other in its own order, of which those of the weights need
 * not lie so: a stretch is as many as do. Without weights all are in one.
 */
#include "plan/passes.h"

tn_status tn_plan_borrow(tn_plan *p)
{
    for (size_t i = 0; p->store && i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        ptrdiff_t number;
        tn_copy copy;
        if (!v->source || !v->source->spec || (v->readers == 0 && !v->kept))
            continue;
        const tn_status status =
            tn_store_find(p->store, v->source->name, &v->shape, &number, &copy);
        if (status != TN_OK)
            return tn_fail(status, "plan: %s", tn_error());
        if (tn_plan_backend(p)->is_host)
            v->lent = copy.lent;
        if (!copy.at)
            continue;
        v->layout = copy.layout;
        v->settled = true;
    }
    return TN_OK;
}

static tn_status find_one(tn_plan *p, tn_plan_parameter *w)
{
    tn_copy copy = {0};
    w->stored = -1;
    if (p->store)
        TN_TRY(tn_store_find(p->store, w->name, &w->spec->shape, &w->stored, &copy));
    w->at = copy.at;
    w->lent = copy.lent.at;
    if (w->lent && p->opts.loss.id)
        return tn_fail(TN_ERR_ARGUMENT,
                       "plan: %s is lent, to be read: a plan with a loss cannot have it", w->name);
    if (!w->at)
        p->own_count += tn_plan_padded(w->count);
    if (w->stored < 0 || w->from != TN_FROM_TAKEN)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "plan: %s is in the weights already: it cannot begin as that of a model",
                   w->name);
}

tn_status tn_plan_find_weights(tn_plan *p)
{
    for (int i = 0; i < p->num_params; i++)
        TN_TRY(find_one(p, &p->param[i]));
    return TN_OK;
}

/* Parameters in the order of the arenas. */
static void stretch_over(tn_plan *p, tn_plan_part part, float **free)
{
    for (int i = 0; i < p->num_params; i++) {
        tn_plan_parameter *w = &p->param[i];
        if (tn_plan_part_of_arena(w) != part)
            continue;
        w->own = !w->at;
        if (w->own) {
            w->at = *free;
            *free += tn_plan_padded(w->count);
        }
        tn_stretch *last = p->num_stretches ? &p->stretch[p->num_stretches - 1] : NULL;
        if (last && last->w + (w->begin - last->begin) == w->at)
            last->end = w->begin + tn_plan_padded(w->count);
        else
            p->stretch[p->num_stretches++] =
                (tn_stretch){w->at, w->begin, w->begin + tn_plan_padded(w->count)};
    }
}

tn_status tn_plan_place_weights(tn_plan *p)
{
    float *free = p->weights;
    p->stretch = tn_arena_alloc(&p->arena, (size_t)p->num_params + 1, sizeof *p->stretch);
    if (!p->stretch)
        return tn_no_memory("plan", (size_t)p->num_params * sizeof *p->stretch);
    stretch_over(p, TN_TRAINED, &free);
    stretch_over(p, TN_FROZEN, &free);
    stretch_over(p, TN_STATISTIC, &free);
    return TN_OK;
}

/* Once nothing can fail any more: from now on others may have what this plan has begun. */
tn_status tn_plan_lend(tn_plan *p)
{
    if (!p->store)
        return TN_OK;
    if (p->weights) {
        TN_TRY(tn_store_add_block(p->store, p->weights));
        p->weights = NULL;
    }
    for (int i = 0; i < p->num_params; i++) {
        tn_plan_parameter *w = &p->param[i];
        const tn_copy copy = {w->at, w->layout, w->count, w->version};
        if (w->own)
            TN_TRY(tn_store_add(p->store, w->name, &w->spec->shape, &copy, &w->stored));
    }
    tn_plan_lend_kept(p);
    p->seen = p->store->changes;
    return TN_OK;
}

float *tn_plan_weight(const tn_plan *p, size_t begin)
{
    for (int i = 0; i < p->num_stretches; i++) {
        const tn_stretch *s = &p->stretch[i];
        if (begin >= s->begin && begin < s->end)
            return s->w + (begin - s->begin);
    }
    return NULL;
}

void tn_plan_note_change(tn_plan *p, int index)
{
    tn_store *s = p->store;
    if (!s)
        return;
    const bool seen = p->seen == s->changes;
    tn_store_changed(s, p->param[index].stored);
    p->seen += seen;
    s->changes++;
}

void tn_plan_note_changes(tn_plan *p, bool trained)
{
    for (int i = 0; p->store && i < p->num_params; i++)
        if (trained ? p->param[i].trained : p->param[i].spec->statistic)
            tn_plan_note_change(p, i);
}

tn_status tn_plan_enter(tn_plan *p, bool newest)
{
    if (!p->store)
        return TN_OK;
    if (newest)
        TN_TRY(tn_store_pull(p->store, p->device));
    tn_store_lock(p->store);
    return TN_OK;
}

tn_status tn_plan_enter_reading(tn_plan *p, bool newest)
{
    if (!p->store || p->opts.loss.id)
        return tn_plan_enter(p, newest);
    if (newest)
        TN_TRY(tn_store_pull(p->store, p->device));
    tn_store_share(p->store);
    p->shares = !newest || (!p->weights_changed && p->seen == p->store->changes);
    if (p->shares)
        return TN_OK;
    tn_store_unshare(p->store);
    tn_store_lock(p->store);
    return TN_OK;
}

tn_status tn_plan_leave(tn_plan *p, tn_status status)
{
    if (p->store && p->shares)
        tn_store_unshare(p->store);
    else if (p->store)
        tn_store_unlock(p->store);
    p->shares = false;
    return status;
}
