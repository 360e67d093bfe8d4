/*
 * rows: which rows of a batch hold a sample.
 *
 * The last batch of an epoch is seldom full, and what fills it up is labelled -1 and comes last. So the labels of
 * the losses, where a plan has such, tell how many rows hold a sample: all up to the last one with a label other
 * than -1, in any of them. The others enter no statistic and no mean (tn_run_state.rows).
 *
 * And they tell how full a batch is. Where an update takes several runs, each weighs as much as it has labels: its
 * loss's gradient begins with that part of them (tn_run_state.loss_weight), and the sum is divided by the parts' sum.
 * So the mean is over all labelled rows, as in one batch.
 */
#include "plan/passes.h"

void tn_plan_find_labels(tn_plan *p)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_node *n = &p->node[i]->node;
        if (n->op->labels == 0)
            continue;
        tn_plan_value *v = tn_plan_value_of(p, n->in[n->op->labels]);
        v->labels = true;
        v->rows = (tn_plan_rows){v->shape.dim[0], v->shape.dim[0]};
        p->run.batch = v->shape.dim[0];
    }
    const tn_plan_rows own = tn_plan_own_rows(p);
    p->full = 1;
    p->run.loss_weight = 1;
    p->run.rows = own.samples;
    p->run.all_rows = own.samples * (p->share.ranks ? p->share.ranks : 1);
}

void tn_plan_count_rows(tn_plan *p, tn_plan_value *v, const int32_t *label)
{
    if (!v->labels)
        return;
    v->rows = (tn_plan_rows){0, 0};
    for (int64_t i = 0; i < v->shape.dim[0]; i++)
        if (label[i] != -1) {
            v->rows.samples = i + 1;
            v->rows.labelled++;
        }
    const tn_plan_rows own = tn_plan_own_rows(p);
    /* Of a replica its group then says what all have. */
    p->run.rows = p->run.all_rows = own.samples;
    p->full = (double)own.labelled / (double)tn_plan_places(p);
}

int64_t tn_plan_places(const tn_plan *p)
{
    int64_t places = 0;
    for (size_t i = 0; i < p->num_values; i++)
        places += p->value[i].labels ? p->value[i].shape.dim[0] : 0;
    return places;
}

tn_plan_rows tn_plan_own_rows(const tn_plan *p)
{
    tn_plan_rows all = {0, 0};
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_rows *r = &p->value[i].rows;
        all.samples = r->samples > all.samples ? r->samples : all.samples;
        all.labelled += r->labelled;
    }
    return all;
}
