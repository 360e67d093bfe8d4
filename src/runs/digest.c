/*
 * Digests of what a plan holds: all parameters, all that the optimizer keeps for them, and their averages if there are
 * any, each as its bytes in canonical layout, in the order of their names. Two runs that have the same are the same so far.
 */
#include <stdlib.h>
#include <string.h>

#include "runs/checkpoints.h"

typedef struct parameter {
    tn_param_info info;
    int index;
    size_t bytes;
} parameter;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const parameter *)a)->info.full_name, ((const parameter *)b)->info.full_name);
}

static tn_status list(tn_plan *plan, parameter *p, int count, size_t *largest)
{
    *largest = 1;
    for (int i = 0; i < count; i++) {
        p[i].index = i;
        TN_TRY(tn_plan_param(plan, i, &p[i].info));
        TN_TRY(tn_shape_bytes(&p[i].info.shape, TN_F32, &p[i].bytes));
        *largest = p[i].bytes > *largest ? p[i].bytes : *largest;
    }
    qsort(p, (size_t)count, sizeof *p, by_name);
    return TN_OK;
}

/* What of each parameter: from this part on, one after the other until there is none. */
typedef struct kind {
    int first, most;
} kind;

static tn_status add(tn_plan *plan, const parameter *p, kind of, void *buffer, tn_digesting *d,
                     int *found)
{
    const tn_tensor t = {TN_F32, p->info.shape, buffer};
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = TN_OK;
    for (int i = 0; i < of.most && status == TN_OK; i++) {
        status = tn_plan_param_get(plan, p->index, of.first + i, t);
        if (status != TN_OK)
            break;
        tn_digest_add(d, buffer, p->bytes);
        ++*found;
    }
    if (status == TN_ERR_ARGUMENT) { /* no further part */
        tn_error_put_back(&kept);
        status = TN_OK;
    }
    return status;
}

static tn_status digest(tn_plan *plan, kind of, tn_digest *out, int *found)
{
    const int count = tn_plan_num_params(plan);
    size_t largest = 0;
    void *buffer = NULL;
    tn_digesting *d = NULL;
    *found = 0;
    parameter *p = tn_alloc((size_t)count + 1, sizeof *p);
    tn_status status = p ? list(plan, p, count, &largest) : tn_no_memory("digest", 1);
    if (status == TN_OK && (!(buffer = tn_alloc_aligned(largest)) || !(d = tn_digest_begin())))
        status = tn_no_memory("digest", largest);
    for (int i = 0; i < count && status == TN_OK; i++)
        status = add(plan, &p[i], of, buffer, d, found);
    if (d)
        *out = tn_digest_end(d);
    tn_free(buffer);
    tn_free(p);
    return status;
}

tn_status tn_run_tell_digest(tn_run *run)
{
    enum { MOST_SLOTS = 16 };
    static const struct {
        const char *name;
        kind parts;
    } of[] = {{"params", {TN_PARAM_VALUE, 1}},
              {"optim", {TN_PARAM_SLOT, MOST_SLOTS}},
              {"ema", {TN_PARAM_AVERAGE, 1}}};
    enum { KINDS = 3, ALWAYS = 2 };
    tn_digest found[KINDS];
    int had[KINDS];
    tn_status status = TN_OK;
    if (!run->opts.folder || run->digested == run->step)
        return TN_OK;
    for (int i = 0; i < KINDS && status == TN_OK; i++)
        status = digest(run->opts.plan, of[i].parts, &found[i], &had[i]);
    TN_TRY(tn_run_agree(run, status));
    run->digested = run->step;
    tn_json *j = tn_run_line_begin(run, "digest");
    for (int i = 0; i < KINDS; i++)
        if (i < ALWAYS || had[i] > 0)
            tn_json_text(j, of[i].name, found[i].text);
    tn_run_line_end(run);
    return TN_OK;
}
