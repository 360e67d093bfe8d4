/*
 * create: a plan of one device or of a group of them, and what kind the latter is.
 */
#include "base/whole.h"
#include "group/replica.h"
#include "run/run.h"

static void destroy(tn_plan *p)
{
    tn_group_destroy(p->group);
    tn_plan_free(p);
}

static const tn_plan *first(const tn_plan *p)
{
    return tn_group_replica(p->group, 0);
}

static int count(const tn_plan *p)
{
    return p->group->ranks;
}

static tn_status do_first(tn_plan *p, tn_plan_call *call, void *arg, size_t bytes)
{
    return tn_group_first(p->group, call, arg, bytes);
}

static tn_status do_each(tn_plan *p, tn_plan_call *call, void *arg, size_t bytes)
{
    return tn_group_each(p->group, call, arg, bytes);
}

static tn_status agree(tn_plan *p, tn_status status)
{
    return tn_group_agree(p->group, status);
}

static const tn_plan_kind group = {
    .destroy = destroy,
    .set = tn_group_set,
    .set_rows = tn_group_set_rows,
    .run = tn_group_run,
    .evaluate = tn_group_evaluate,
    .update = tn_group_update,
    .profile = tn_group_profile,
    .get = tn_group_get,
    .get_gradient = tn_group_get_gradient,
    .take_sum = tn_group_take_sum,
    .get_tallies = tn_group_get_tallies,
    .set_tallies = tn_group_set_tallies,
    .find_nonfinite = tn_group_find_nonfinite,
    .param_get = tn_group_param_get,
    .param_set = tn_group_param_set,
    .describe = tn_group_describe,
    .first = first,
    .count = count,
    .do_first = do_first,
    .do_each = do_each,
    .agree = agree,
};

static tn_status create_group(tn_plan **out, const tn_graph *g, tn_device *device,
                              const tn_plan_opts *opts)
{
    tn_plan *p = NULL;
    TN_TRY(tn_plan_new(&p, &group, g, device, opts));
    const tn_status status = tn_group_create(&p->group, p);
    if (status != TN_OK) {
        tn_plan_destroy(p);
        return status;
    }
    *out = p;
    return TN_OK;
}

static tn_status create(tn_plan **out, const tn_graph *g, tn_device *device,
                        const tn_plan_opts *opts)
{
    if (device->members && opts->weights)
        return tn_fail(
            TN_ERR_UNSUPPORTED,
            "plan: %s is several devices, which cannot have weights in common with other "
            "plans",
            device->name);
    if (!device->members)
        return tn_single_create(out, g, device, opts, NULL);
    if (TN_WHOLE)
        return create_group(out, g, device, opts);
    return tn_fail(TN_ERR_UNSUPPORTED, "plan: %s is several devices, which engines have no use for",
                   device->name);
}

/* The graph made again for opts->batch; NULL: it is as it should be. */
static tn_status resize(const tn_graph *g, const tn_plan_opts *opts, tn_graph **out)
{
    int64_t batch;
    TN_TRY(tn_graph_status(g));
    if (opts->batch < 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: the batch is %lld", (long long)opts->batch);
    if (opts->batch == 0)
        return TN_OK;
    TN_TRY(tn_graph_batch(g, &batch));
    if (batch == 0)
        return tn_fail(TN_ERR_ARGUMENT, "plan: the batch is to be %lld, but no input has one",
                       (long long)opts->batch);
    return batch == opts->batch ? TN_OK : tn_graph_resize(out, g, opts->batch);
}

tn_status tn_plan_create(tn_plan **out, const tn_graph *g, tn_device *device,
                         const tn_plan_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(g, "g");
    TN_NEED(device, "device");
    TN_NEED(opts, "opts");
    tn_graph *resized = NULL;
    tn_plan *p = NULL;
    TN_TRY(resize(g, opts, &resized));
    const tn_status status = create(&p, resized ? resized : g, device, opts);
    if (status != TN_OK) {
        tn_graph_destroy(resized);
        return status;
    }
    p->resized = resized;
    *out = p;
    return TN_OK;
}
