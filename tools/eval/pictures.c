/* Of each picture what it is and what the model says, kept for a file with a line each. */
#include <math.h>
#include <stdlib.h>

#include "../common/args.h"
#include "eval.h"

static double share_of(const evaluation *e, const float *x, int class)
{
    double most = (double)x[0], sum = 0;
    if (e->shares || e->q.ten_crop)
        return (double)x[class];
    for (int k = 1; k < e->classes; k++)
        most = fmax(most, (double)x[k]);
    for (int k = 0; k < e->classes; k++)
        sum += exp((double)x[k] - most);
    return exp((double)x[class] - most) / sum;
}

/* A batch's, whose labels below 0 are in no count. */
void eval_keep(evaluation *e, const tn_batch *b, const int32_t *label, const float *logits)
{
    if (!e->seen)
        e->seen = calloc((size_t)tn_dataset_count(e->set) + 1, sizeof *e->seen);
    if (!e->seen)
        run_fail("no memory for what is said of %lld pictures",
                 (long long)tn_dataset_count(e->set));
    for (int64_t i = 0; i < e->q.batch; i++) {
        const float *x = logits + i * e->classes;
        if (label[i] < 0)
            continue;
        const int said = tn_eval_answer(x, e->classes);
        e->seen[e->num_seen++] = (judged){
            .item = b->item[i],
            .label = label[i],
            .said = said,
            .share = said < 0 ? 0 : share_of(e, x, said),
            .right = said < 0 ? 0 : share_of(e, x, label[i]),
        };
    }
}

/* By cell, in it the surest first; then in the order of the set. */
static int by_cell(const void *a, const void *b)
{
    const judged *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->said != y->said)
        return x->said < y->said ? -1 : 1;
    if (x->share > y->share || x->share < y->share)
        return x->share > y->share ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static int by_error(const void *a, const void *b)
{
    const judged *x = a, *y = b;
    const bool wrong_x = x->said != x->label, wrong_y = y->said != y->label;
    if (wrong_x != wrong_y)
        return wrong_x ? -1 : 1;
    if (x->share > y->share || x->share < y->share)
        return x->share > y->share ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void tell(json *j, const evaluation *e, const judged *s)
{
    json_object(j, NULL);
    json_count(j, "label", s->label);
    json_count(j, "said", s->said);
    json_real(j, "share", s->said < 0 ? (double)NAN : s->share);
    json_real(j, "right", s->said < 0 ? (double)NAN : s->right);
    json_text(j, "file", tn_dataset_item_path(e->set, s->item));
    json_end(j, '}');
}

void eval_tell_pictures(evaluation *e, FILE *to)
{
    qsort(e->seen, (size_t)e->num_seen, sizeof *e->seen, by_cell);
    for (int64_t i = 0; i < e->num_seen; i++)
        tell(&(json){.to = to, .flat = true}, e, &e->seen[i]);
}

void eval_tell_worst(evaluation *e, json *j)
{
    enum { WORST = 24 };
    qsort(e->seen, (size_t)e->num_seen, sizeof *e->seen, by_error);
    json_array(j, "worst");
    for (int64_t i = 0; i < e->num_seen && i < WORST && e->seen[i].said != e->seen[i].label; i++)
        tell(j, e, &e->seen[i]);
    json_end(j, ']');
}
