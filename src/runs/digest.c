/*
 * Digests of what a plan holds: all parameters, and all that the optimizer keeps for them, each as its bytes in canonical
 * layout, in the order of their names. Two runs that have the same are the same so far.
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

/* Of one parameter; the optimizer's parts follow each other until there is none. */
static tn_status add(tn_plan *plan, const parameter *p, bool optimizer, void *buffer,
                     tn_digesting *d)
{
    const tn_tensor t = {TN_F32, p->info.shape, buffer};
    if (!optimizer) {
        TN_TRY(tn_plan_param_get(plan, p->index, TN_PARAM_VALUE, t));
        tn_digest_add(d, buffer, p->bytes);
        return TN_OK;
    }
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = TN_OK;
    for (int slot = 0; p->info.trained; slot++) {
        status = tn_plan_param_get(plan, p->index, TN_PARAM_SLOT + slot, t);
        if (status != TN_OK)
            break;
        tn_digest_add(d, buffer, p->bytes);
    }
    if (status == TN_ERR_ARGUMENT) { /* no further part */
        tn_error_put_back(&kept);
        status = TN_OK;
    }
    return status;
}

static tn_status digest(tn_plan *plan, bool optimizer, tn_digest *out)
{
    const int count = tn_plan_num_params(plan);
    size_t largest = 0;
    void *buffer = NULL;
    tn_digesting *d = NULL;
    parameter *p = tn_alloc((size_t)count + 1, sizeof *p);
    tn_status status = p ? list(plan, p, count, &largest) : tn_no_memory("digest", 1);
    if (status == TN_OK && (!(buffer = tn_alloc_aligned(largest)) || !(d = tn_digest_begin())))
        status = tn_no_memory("digest", largest);
    for (int i = 0; i < count && status == TN_OK; i++)
        status = add(plan, &p[i], optimizer, buffer, d);
    if (d)
        *out = tn_digest_end(d);
    tn_free(buffer);
    tn_free(p);
    return status;
}

tn_status tn_run_tell_digest(tn_run *run)
{
    tn_digest params, optim;
    if (!run->opts.folder || run->digested == run->step)
        return TN_OK;
    tn_status status = digest(run->opts.plan, false, &params);
    if (status == TN_OK)
        status = digest(run->opts.plan, true, &optim);
    TN_TRY(tn_run_agree(run, status));
    run->digested = run->step;
    tn_json *j = tn_run_line_begin(run, "digest");
    tn_json_text(j, "params", params.text);
    tn_json_text(j, "optim", optim.text);
    tn_run_line_end(run);
    return TN_OK;
}
