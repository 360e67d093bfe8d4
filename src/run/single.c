/*
 * single: a plan of one device, whether it is the whole or a replica of a group's.
 */
#include "run/run.h"

static void destroy(tn_plan *p)
{
    tn_plan_drop_recordings(p);
    tn_plan_trace_free(p);
    tn_plan_free(p);
}

static const tn_plan *itself(const tn_plan *p)
{
    return p;
}

static int one(const tn_plan *p)
{
    (void)p;
    return 1;
}

static tn_status call_itself(tn_plan *p, tn_plan_call *call, void *arg, size_t bytes)
{
    (void)bytes;
    TN_TRY(tn_plan_enter(p, false));
    return tn_plan_leave(p, call(p, arg));
}

static tn_status own_status(tn_plan *p, tn_status status)
{
    (void)p;
    return status;
}

static const tn_plan_kind single = {
    .destroy = destroy,
    .set = tn_single_set,
    .set_rows = tn_single_set_rows,
    .run = TN_OF_WHOLE(tn_single_run),
    .evaluate = tn_single_evaluate,
    .update = TN_OF_WHOLE(tn_single_update),
    .profile = tn_single_profile,
    .get = tn_single_get,
    .get_gradient = TN_OF_WHOLE(tn_single_get_gradient),
    .take_sum = TN_OF_WHOLE(tn_single_take_sum),
    .get_tallies = TN_OF_WHOLE(tn_single_get_tallies),
    .set_tallies = TN_OF_WHOLE(tn_single_set_tallies),
    .find_nonfinite = TN_OF_WHOLE(tn_single_find_nonfinite),
    .param_get = tn_single_param_get,
    .param_set = TN_OF_WHOLE(tn_single_param_set),
    .first = itself,
    .count = one,
    .do_first = call_itself,
    .do_each = call_itself,
    .agree = own_status,
};

tn_status tn_single_create(tn_plan **out, const tn_graph *g, tn_device *device,
                           const tn_plan_opts *opts, const tn_share *share)
{
    tn_plan *p = NULL;
    TN_TRY(tn_plan_new(&p, &single, g, device, opts));
    if (share) {
        p->share = *share;
        p->run.share = share->rank;
        p->run.shares = share->ranks;
        p->run.collectives = share->collectives;
    }
    const tn_status status = tn_plan_make(p);
    if (status != TN_OK) {
        tn_plan_destroy(p);
        return status;
    }
    *out = p;
    return TN_OK;
}
