/*
 * poison: memory that a run has to write before it reads it, made recognisable.
 */
#include "plan/plan_test.h"
#include "run/run.h"

/* Is it written by the program, or once for all: an input, a constant, or the gradient of the loss by itself? */
static bool is_given(const tn_plan *p, int buffer)
{
    if (p->loss && buffer == tn_plan_value_of(p, p->loss)->gradient)
        return true;
    for (size_t i = 0; i < p->num_values; i++)
        if ((p->value[i].input || p->value[i].source) &&
            (p->value[i].buffer == buffer || p->value[i].half == buffer))
            return true;
    return false;
}

static tn_status poison(tn_plan *p, void *unused)
{
    (void)unused;
    const tn_backend *b = tn_plan_backend(p);
    TN_TRY(tn_plan_settle(p));
    for (size_t i = 0; i < p->num_buffers; i++) {
        const tn_buffer *buffer = &p->buffer[i];
        const bool used = buffer->always || buffer->last >= 0;
        if (used && buffer->place == TN_IN_MEMORY && buffer->same_as == TN_NO_BUFFER &&
            !is_given(p, (int)i))
            TN_TRY(b->fill(p->device->impl, tn_plan_address(p, (int)i), 0xff, buffer->bytes));
    }
    TN_TRY(tn_plan_spoil_kept(p));
    for (int i = 0; i < p->num_params; i++)
        if (p->param[i].trained)
            TN_TRY(b->fill(p->device->impl, p->gradients + p->param[i].begin, 0xff,
                           p->param[i].count * sizeof(float)));
    return TN_OK;
}

tn_status tn_plan_poison(tn_plan *p)
{
    return p->kind->do_each(p, poison, NULL, 0);
}
