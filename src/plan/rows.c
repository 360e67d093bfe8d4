/*
 * rows: which rows of a batch hold a sample.
 *
 * The last batch of an epoch is seldom full, and what fills it up is labelled -1 and comes last. So the labels of
 * the losses, where a plan has such, tell how many rows hold a sample: all up to the last one with a label other
 * than -1, in any of them; a row may have many, one a pixel. The others enter no statistic and no mean
 * (tn_run_state.rows). In a plan without labels the program tells, if it said that it would (short_batches). A mean over
 * labels counts its own (tn_run_state.share_rows), whatever other losses have.
 *
 * And they tell how full a batch is. Where an update takes several runs, each weighs as much as it has labels: its
 * loss's gradient begins with that part of them (tn_run_state.loss_weight), and the sum is divided by the parts' sum.
 * So the mean is over all labelled rows, as in one batch: of several losses, if their labels have as many in each run;
 * else a run weighs what they have together.
 */
#include "plan/passes.h"

/* The batch of a plan without labels, of whose rows the program tells how many hold a sample. */
static tn_status expect_rows(tn_plan *p)
{
    TN_TRY(tn_graph_batch(p->graph, &p->run.batch));
    p->told = p->run.batch;
    p->tells_rows = true;
    if (p->run.batch > 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "plan: short_batches, but no input has a batch");
}

/* A loss's labels: number them, if another loss has not. */
static tn_status take_labels(tn_plan *p, const tn_node *n, int *count)
{
    tn_plan_value *v = tn_plan_value_of(p, n->in[n->op->labels]);
    if (p->share.ranks > 0 && !v->input)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s %s: on several devices its labels must be an input, not from %s",
                       n->op->name, n->name, v->name);
    if (v->labels)
        return TN_OK;
    if (*count == TN_MAX_LABELS)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: more than %d inputs are labels", n->op->name,
                       n->name, TN_MAX_LABELS);
    v->labels = ++*count;
    v->samples = v->shape.dim[0];
    v->labelled = tn_elements(&v->shape);
    if (p->run.batch == 0)
        p->run.batch = v->shape.dim[0];
    if (p->share.ranks > 0)
        p->run.share_rows[v->labels - 1] = (float)v->labelled;
    return TN_OK;
}

tn_status tn_plan_find_labels(tn_plan *p)
{
    int count = 0;
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->node.op->labels)
            TN_TRY(take_labels(p, &p->node[i]->node, &count));
    if (count == 0 && p->opts.short_batches)
        TN_TRY(expect_rows(p));
    p->full = 1;
    p->run.loss_weight = 1;
    p->run.rows = tn_plan_own_rows(p).samples;
    p->run.all_rows = p->run.rows * (p->share.ranks ? p->share.ranks : 1);
    return TN_OK;
}

/* Of a replica its group then says what all have. */
static void count_own(tn_plan *p)
{
    const tn_plan_rows own = tn_plan_own_rows(p);
    p->run.rows = p->run.all_rows = own.samples;
    p->full = tn_plan_fullness(p, &own, 1);
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
    p->told = rows;
    count_own(p);
}

void tn_plan_count_rows(tn_plan *p, tn_plan_value *v, const int32_t *label)
{
    if (!v->labels)
        return;
    const int64_t labels = tn_elements(&v->shape), each = labels / v->shape.dim[0];
    v->samples = v->labelled = 0;
    for (int64_t i = 0; i < labels; i++)
        if (label[i] != -1) {
            v->samples = i / each + 1;
            v->labelled++;
        }
    count_own(p);
}

tn_plan_rows tn_plan_own_rows(const tn_plan *p)
{
    tn_plan_rows all = {.samples = p->told, .told = p->told}; /* none, where there are labels */
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_value *v = &p->value[i];
        if (!v->labels)
            continue;
        all.labelled[v->labels - 1] = v->labelled;
        if (v->shape.dim[0] == p->run.batch && v->samples > all.samples)
            all.samples = v->samples;
    }
    return all;
}

double tn_plan_fullness(const tn_plan *p, const tn_plan_rows *rows, int shares)
{
    int64_t counted = rows->told, places = p->tells_rows ? shares * p->run.batch : 0;
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_value *v = &p->value[i];
        if (!v->labels)
            continue;
        counted += rows->labelled[v->labels - 1];
        places += shares * tn_elements(&v->shape);
    }
    return (double)counted / (double)places;
}
