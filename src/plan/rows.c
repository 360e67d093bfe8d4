/*
 * rows: which rows of a batch hold a sample.
 *
 * The last batch of an epoch is seldom full, and what fills it up is labelled -1 and comes last. So the labels of
 * the losses, where a plan has such, tell how many rows hold a sample: all up to the last one with a label other
 * than -1, in any of them; a row may have many, one a pixel. The others enter no statistic and no mean
 * (tn_run_state.rows). In a plan without labels the program tells, if it said that it would (short_batches).
 *
 * And they tell how full a batch is. Where an update takes several runs, each weighs as much as it has labels: its
 * loss's gradient begins with that part of them (tn_run_state.loss_weight), and the sum is divided by the parts' sum.
 * So the mean is over all labelled rows, as in one batch.
 */
#include "plan/passes.h"

/* The batch of a plan without labels, of whose rows the program tells how many hold a sample. */
static tn_status expect_rows(tn_plan *p)
{
    TN_TRY(tn_graph_batch(p->graph, &p->run.batch));
    p->told = (tn_plan_rows){p->run.batch, p->run.batch};
    p->tells_rows = true;
    if (p->run.batch > 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "plan: short_batches, but no input has a batch");
}

tn_status tn_plan_find_labels(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        if (n->op->labels == 0)
            continue;
        tn_plan_value *v = tn_plan_value_of(p, n->in[n->op->labels]);
        v->labels = true;
        v->rows = (tn_plan_rows){v->shape.dim[0], tn_elements(&v->shape)};
        p->run.batch = v->shape.dim[0];
    }
    if (p->run.batch == 0 && p->opts.short_batches)
        TN_TRY(expect_rows(p));
    const tn_plan_rows own = tn_plan_own_rows(p);
    p->full = 1;
    p->run.loss_weight = 1;
    p->run.rows = own.samples;
    p->run.all_rows = own.samples * (p->share.ranks ? p->share.ranks : 1);
    return TN_OK;
}

/* Of a replica its group then says what all have. */
static void count(tn_plan *p)
{
    const tn_plan_rows own = tn_plan_own_rows(p);
    p->run.rows = p->run.all_rows = own.samples;
    p->full = (double)own.labelled / (double)tn_plan_places(p);
}

tn_status tn_plan_check_rows(const tn_plan *p, int64_t rows, int64_t most)
{
    if (!p->tells_rows)
        return tn_fail(TN_ERR_ARGUMENT, p->run.batch > 0
                                            ? "plan: its labels tell which rows hold a sample"
                                            : "plan: it was made without short_batches");
    if (rows < 0 || rows > most)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %lld rows with a sample are not from 0 to %lld",
                       (long long)rows, (long long)most);
    return TN_OK;
}

void tn_plan_tell_rows(tn_plan *p, int64_t rows)
{
    p->told = (tn_plan_rows){rows, rows};
    count(p);
}

void tn_plan_count_rows(tn_plan *p, tn_plan_value *v, const int32_t *label)
{
    if (!v->labels)
        return;
    const int64_t labels = tn_elements(&v->shape), each = labels / v->shape.dim[0];
    v->rows = (tn_plan_rows){0, 0};
    for (int64_t i = 0; i < labels; i++)
        if (label[i] != -1) {
            v->rows.samples = i / each + 1;
            v->rows.labelled++;
        }
    count(p);
}

int64_t tn_plan_places(const tn_plan *p)
{
    int64_t places = p->tells_rows ? p->run.batch : 0;
    for (size_t i = 0; i < p->num_values; i++)
        places += p->value[i].labels ? tn_elements(&p->value[i].shape) : 0;
    return places;
}

tn_plan_rows tn_plan_own_rows(const tn_plan *p)
{
    tn_plan_rows all = p->told; /* none, where there are labels */
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_rows *r = &p->value[i].rows;
        all.samples = r->samples > all.samples ? r->samples : all.samples;
        all.labelled += r->labelled;
    }
    return all;
}
