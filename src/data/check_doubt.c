/*
 * Labels that a model doubts (confident learning). With p[i][j] the share that the model gives class j of picture i:
 *
 *   t[j] = mean of p[i][j] over the pictures i of label j
 *   i is doubtful if some j that is not its label has p[i][j] >= t[j] and p[i][j] > p[i][label]
 *
 * of several such j the one with the largest share is named.
 *   Source: Northcutt, Jiang, Chuang 2021, "Confident learning: estimating uncertainty in dataset labels".
 */
#include <math.h>

#include "data/check.h"

typedef struct doubt {
    const float *share;
    double *threshold; /* [classes] */
    int side;
} doubt;

static const float *share_of(const tn_check *c, const doubt *d, int64_t item)
{
    return d->share + (item - c->first[d->side]) * c->num_classes;
}

static void find_thresholds(const tn_check *c, const doubt *d)
{
    for (int64_t i = c->first[d->side]; i < c->first[d->side + 1]; i++) {
        const int label = tn_check_source(c, i)->label;
        if (tn_check_reads(c, i))
            d->threshold[label] += (double)share_of(c, d, i)[label];
    }
    for (int j = 0; j < c->num_classes; j++)
        d->threshold[j] = c->class_count[d->side][j] > 0
                              ? d->threshold[j] / (double)c->class_count[d->side][j]
                              : HUGE_VAL; /* nobody knows how sure it is of that class */
}

/* The class that a picture is more likely of, or -1. */
static int other_class(const tn_check *c, const doubt *d, int64_t item)
{
    if (!tn_check_reads(c, item))
        return -1;
    const float *p = share_of(c, d, item);
    const int label = tn_check_source(c, item)->label;
    int best = label;
    for (int j = 0; j < c->num_classes; j++)
        if ((double)p[j] >= d->threshold[j] && p[j] > p[best])
            best = j;
    return best == label ? -1 : best;
}

static tn_status add_doubts(tn_check *c, const doubt *d)
{
    const int64_t first = c->first[d->side], end = c->first[d->side + 1];
    const char *const *name = c->set[0]->class_name;
    int64_t count = 0;
    for (int64_t i = first; i < end; i++)
        count += other_class(c, d, i) >= 0;
    if (count == 0)
        return TN_OK;
    tn_finding *f = tn_check_add(c, TN_FIND_DOUBTFUL, count, 0);
    if (!f)
        return TN_ERR_MEMORY;
    tn_suspect *s = tn_check_suspects(f);
    f->text = tn_check_text(c,
                            "The model takes %lld of %lld pictures for another class, and is as "
                            "sure of it as it is of that class on average: the label may be wrong.",
                            (long long)count, (long long)c->side[d->side].read);
    bool whole = f->text != NULL;
    for (int64_t i = first; i < end; i++) {
        const int j = other_class(c, d, i), label = tn_check_source(c, i)->label;
        if (j < 0)
            continue;
        const float *p = share_of(c, d, i);
        *s = (tn_suspect){.item = i,
                          .why = tn_check_text(c, "labelled %s (%.1f %%), looks like %s (%.1f %%)",
                                               name[label], 100 * (double)p[label], name[j],
                                               100 * (double)p[j])};
        whole &= s++->why != NULL;
    }
    return whole ? TN_OK : tn_check_no_memory();
}

tn_status tn_check_doubt(tn_check *check, bool val, const float *share)
{
    TN_NEED(check, "check");
    TN_NEED(share, "share");
    if (!check->set[val])
        return tn_fail(TN_ERR_ARGUMENT, "check: there is no val whose labels could be doubted");
    doubt d = {share, tn_alloc((size_t)check->num_classes, sizeof *d.threshold), val};
    if (!d.threshold)
        return tn_check_no_memory();
    const size_t before = check->num_findings;
    find_thresholds(check, &d);
    const tn_status status = add_doubts(check, &d);
    tn_free(d.threshold);
    if (status == TN_OK)
        tn_check_sort(check);
    else
        check->num_findings = before;
    return status;
}
