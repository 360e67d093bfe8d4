/*
 * The batches of the step at hand, of which there are several where a plan accumulates: the gradients of each are in the update,
 * so any of them may be what makes it diverge. Which items they hold is kept here, since a loader forgets it when it goes
 * on; arrays are there of the last alone. The loss of each is looked at before the next: the plan can search its last run
 * only.
 */
#include <math.h>
#include <string.h>

#include "runs/guard.h"

static int64_t rows_of(const tn_batch *b)
{
    return b->num_arrays > 0 ? b->array[0].shape.dim[0] : 0;
}

static void forget_arrays(tn_batch *b)
{
    b->images.data = b->labels.data = b->partners.data = b->shares.data = NULL;
    for (int i = 0; i < b->num_arrays; i++)
        b->array[i].data = NULL;
}

/* One more; its items are copied. */
static tn_status keep(tn_run *run, const tn_batch *batch)
{
    const int64_t rows = rows_of(batch);
    if (run->num_seen == run->num_rooms) {
        TN_TRY(tn_grow((void **)&run->seen, run->num_rooms, &run->rooms, sizeof *run->seen,
                       "batches"));
        run->seen[run->num_rooms++] = (tn_run_seen){0};
    }
    tn_run_seen *s = &run->seen[run->num_seen];
    if (batch->item && rows > s->rows) {
        tn_free(s->room);
        s->rows = 0;
        s->room = tn_alloc(2 * (size_t)rows, sizeof *s->room);
        if (!s->room)
            return tn_no_memory("batches", 2 * (size_t)rows * sizeof *s->room);
        s->rows = rows;
    }
    s->batch = *batch;
    forget_arrays(&s->batch);
    if (batch->item && rows > 0) {
        memcpy(s->room, batch->item, (size_t)rows * sizeof *s->room);
        memcpy(s->room + rows, batch->place, (size_t)rows * sizeof *s->room);
        s->batch.item = s->room;
        s->batch.place = s->room + rows;
    }
    run->num_seen++;
    return TN_OK;
}

/* The run before this batch, of the same step. */
static tn_status look(tn_run *run)
{
    float loss;
    if (run->num_seen == 0 || run->early.batch || !run->opts.loss.id)
        return TN_OK;
    TN_TRY(tn_plan_get(run->opts.plan, run->opts.loss, (tn_tensor){TN_F32, {0}, &loss}));
    if (isfinite(loss))
        return TN_OK;
    TN_TRY(tn_plan_find_nonfinite(run->opts.plan, &run->early.from));
    run->early.loss = loss;
    run->early.batch = run->num_seen;
    return TN_OK;
}

tn_status tn_run_see(tn_run *run, const tn_batch *batch)
{
    if (run->opts.guard.off || !tn_plan_guards(run->opts.plan))
        return TN_OK;
    TN_TRY(look(run));
    return keep(run, batch);
}

void tn_run_see_no_more(tn_run *run)
{
    run->num_seen = 0;
    run->early = (tn_run_early){0};
}

void tn_run_seen_free(tn_run *run)
{
    for (size_t i = 0; i < run->num_rooms; i++)
        tn_free(run->seen[i].room);
    tn_free(run->seen);
}
