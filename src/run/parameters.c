/*
 * parameters: by number and name; to and from the host.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "plan/plan_io.h"
#include "run/run.h"

int tn_plan_num_params(const tn_plan *p)
{
    return p ? tn_plan_first(p)->num_params : 0;
}

tn_status tn_plan_param(const tn_plan *p, int index, tn_param_info *out)
{
    TN_NEED(p, "plan");
    TN_NEED(out, "out");
    p = tn_plan_first(p);
    if (index < 0 || index >= p->num_params)
        return tn_fail(TN_ERR_ARGUMENT, "plan: parameter %d of %d", index, p->num_params);
    const tn_plan_parameter *w = &p->param[index];
    *out = (tn_param_info){
        .full_name = w->node->name,
        .node = tn_plan_param_maker(w),
        .name = w->node->made_by ? w->spec->name : "",
        .shape = w->spec->shape,
        .trained = w->trained,
    };
    return TN_OK;
}

int tn_plan_find_param(const tn_plan *p, const char *full_name)
{
    if (!p || !full_name)
        return -1;
    p = tn_plan_first(p);
    for (int i = 0; i < p->num_params; i++)
        if (strcmp(full_name, p->param[i].node->name) == 0)
            return i;
    return -1;
}

/* ---- groups ------------------------------------------------------------------------------- */

typedef struct group_rate {
    int group;
    float rate;
} group_rate;

/* What was recorded of updates has the old one in it. */
static tn_status set_rate(tn_plan *p, void *arg)
{
    const group_rate *r = arg;
    TN_TRY(tn_plan_settle(p));
    p->param_group[r->group].rate = r->rate;
    tn_plan_set_ranges(p);
    return tn_plan_forget_updates(p);
}

tn_status tn_plan_set_rate(tn_plan *p, int group, float rate)
{
    TN_NEED(p, "plan");
    const tn_plan *first = tn_plan_first(p);
    TN_TRY(tn_plan_check_runnable(first));
    if (group < 0 || group >= first->opts.num_groups)
        return tn_fail(TN_ERR_ARGUMENT, "plan: group %d of %d", group, first->opts.num_groups);
    if (!(rate >= 0) || isinf(rate))
        return tn_fail(TN_ERR_ARGUMENT, "plan: the rate of group %d is %g", group, (double)rate);
    group_rate r = {group, rate};
    return p->kind->do_each(p, set_rate, &r, sizeof r);
}

/* ---- to and from the host -------------------------------------------------------------------- */

static tn_status check_host(const tn_param_info *info, const tn_tensor *host)
{
    if (host->dtype == TN_F32 && tn_shape_equal(&host->shape, &info->shape) && host->data)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "%s is %s f32, but the tensor given is %s %s%s", info->full_name,
                   tn_shape_format(&info->shape).text, tn_shape_format(&host->shape).text,
                   tn_dtype_name(host->dtype), host->data ? "" : " without data");
}

/* Where a part of a parameter lies on the device. */
static tn_status find_part(const tn_plan *p, int index, int part, const tn_tensor *host,
                           float **out)
{
    tn_param_info info;
    TN_TRY(tn_plan_param(p, index, &info));
    const tn_plan_parameter *w = &p->param[index];
    float *arena = NULL;
    if (part == TN_PARAM_GRADIENT && w->trained)
        arena = p->gradients;
    else if (part == TN_PARAM_SUM && w->trained)
        arena = p->gradient_sum;
    else if (part >= TN_PARAM_SLOT && part - TN_PARAM_SLOT < p->num_slots && w->trained)
        arena = p->slot[part - TN_PARAM_SLOT];
    else if (part == TN_PARAM_AVERAGE)
        arena = p->average;
    if (part == TN_PARAM_AVERAGE && p->averaged) /* they have changed places */
        part = TN_PARAM_VALUE;
    float *at = part == TN_PARAM_VALUE ? w->at : arena ? arena + w->begin : NULL;
    if (!at)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the plan keeps no part %d of it", info.full_name,
                       part);
    TN_TRY(check_host(&info, host));
    *out = at;
    return TN_OK;
}

tn_status tn_plan_check_part(const tn_plan *p, int index, int part, const tn_tensor *host)
{
    float *unused;
    return find_part(p, index, part, host, &unused);
}

static tn_status divide_sum(tn_plan *p, const tn_tensor *host)
{
    float factor, *sum = host->data;
    TN_TRY(tn_plan_sum_factor(p, &factor));
    for (int64_t i = 0; factor != 1 && i < tn_elements(&host->shape); i++)
        sum[i] /= factor;
    return TN_OK;
}

tn_status tn_single_param_get(tn_plan *p, int index, int part, tn_tensor host)
{
    float *from;
    int64_t averages = 1;
    TN_TRY(find_part(p, index, part, &host, &from));
    TN_TRY(tn_plan_settle(p));
    if (part == TN_PARAM_AVERAGE)
        TN_TRY(tn_plan_count_averages(p, &averages));
    if (averages == 0)
        from = p->param[index].at;
    TN_TRY(tn_plan_download(p, &host.shape, TN_F32, p->param[index].layout, host.data, from));
    if (part == TN_PARAM_SUM)
        return divide_sum(p, &host);
    return part == TN_PARAM_GRADIENT ? tn_plan_unscale(p, &host.shape, host.data) : TN_OK;
}

/* A sum as the plan has it. */
static tn_status set_sum(tn_plan *p, const tn_plan_parameter *w, const tn_tensor *host, float *to)
{
    const int64_t count = tn_elements(&host->shape);
    float factor, *sum;
    TN_TRY(tn_plan_sum_factor(p, &factor));
    sum = tn_alloc((size_t)count, sizeof *sum);
    if (!sum)
        return tn_no_memory("plan", (size_t)count * sizeof *sum);
    for (int64_t i = 0; i < count; i++)
        sum[i] = ((const float *)host->data)[i] * factor;
    const tn_status status = tn_plan_upload(p, &host->shape, TN_F32, w->layout, to, sum);
    tn_free(sum);
    return status;
}

tn_status tn_single_param_set(tn_plan *p, int index, int part, tn_tensor host)
{
    float *to;
    TN_TRY(find_part(p, index, part, &host, &to));
    if (p->param[index].lent)
        return tn_fail(TN_ERR_ARGUMENT, "%s is lent, to be read: it cannot be set",
                       p->param[index].name);
    TN_TRY(tn_plan_settle(p));
    if (part == TN_PARAM_SUM)
        return set_sum(p, &p->param[index], &host, to);
    p->weights_changed = true;
    TN_TRY(tn_plan_upload(p, &host.shape, TN_F32, p->param[index].layout, to, host.data));
    if (part == TN_PARAM_VALUE || part == TN_PARAM_AVERAGE)
        tn_plan_note_change(p, index);
    return TN_OK;
}
