/*
 * record: a step of training as one recording, which a device that works on its own replays.
 *
 * What is run for the first time is run plainly, so that everything it needs is loaded; the second time
 * it is recorded and replayed, and from then on only replayed. tn_plan_run() only notes that it was asked
 * for: the update that follows then takes both in one. Whoever wants to see a result before that settles
 * it. Where replicas sum up gradients between a run and its update, each of the two is recorded by itself.
 * What changes from step to step lies in the device's `control`, which recordings only read.
 */
#include <stdio.h>
#include <string.h>

#include "run/run.h"

static tn_status body(tn_plan *p, tn_record_kind kind, tn_optim_call *update)
{
    const size_t steps[TN_NUM_RECORDS] = {[TN_RECORD_RUN] = p->num_steps,
                                          [TN_RECORD_STEP] = p->num_steps,
                                          [TN_RECORD_EVALUATE] = p->num_forward};
    TN_TRY(tn_plan_run_steps(p, steps[kind]));
    return update ? tn_plan_update_body(p, update) : TN_OK;
}

static tn_status try_to_record(tn_plan *p, tn_record_kind kind, tn_optim_call *update)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_recording *r = &p->recording[kind];
    if (p->on_host && kind != TN_RECORD_UPDATE) { /* replay_why says it since the plan was made */
        r->refused = true;
        return TN_OK;
    }
    if (kind == TN_RECORD_RUN && p->share.ranks > 0 && p->opts.sync_batchnorm) {
        r->refused = true;
        snprintf(p->replay_why, sizeof p->replay_why, "batchnorm sums up over all devices");
        return TN_OK;
    }
    tn_status status = b->capture_begin(p->device->impl);
    if (status == TN_ERR_UNSUPPORTED) {
        r->refused = true;
        snprintf(p->replay_why, sizeof p->replay_why, "%s", tn_error());
        return TN_OK;
    }
    TN_TRY(status);
    status = body(p, kind, update);
    char failed[sizeof p->replay_why] = "";
    if (status != TN_OK)
        snprintf(failed, sizeof failed, "%s", tn_error());
    TN_TRY(b->capture_end(p->device->impl, status == TN_OK, &r->handle, p->replay_why,
                          sizeof p->replay_why));
    r->refused = !r->handle;
    if (*failed)
        memcpy(p->replay_why, failed, sizeof failed);
    return TN_OK;
}

bool tn_plan_is_new(const tn_plan *p, tn_record_kind kind)
{
    const tn_recording *r = &p->recording[kind];
    return !r->warm || (!tn_plan_is_traced(p) && tn_plan_backend(p)->capture_begin && !r->handle &&
                        !r->refused);
}

/* Leaves the handle NULL if the device refuses, which is no error. */
static tn_status record(tn_plan *p, tn_record_kind kind, tn_optim_call *update)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    TN_TRY(try_to_record(p, kind, update));
    tn_error_put_back(&kept);
    return TN_OK;
}

tn_status tn_plan_do(tn_plan *p, tn_record_kind kind, tn_optim_call *update)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_recording *r = &p->recording[kind];
    if (r->warm && tn_plan_is_new(p, kind))
        TN_TRY(record(p, kind, update));
    if (r->handle && !tn_plan_is_traced(p)) /* which has no times of kernels in it */
        return b->replay(p->device->impl, r->handle);
    TN_TRY(body(p, kind, update));
    r->warm = true;
    return TN_OK;
}

tn_status tn_plan_settle(tn_plan *p)
{
    if (!p->pending)
        return TN_OK;
    p->pending = false;
    return tn_plan_do(p, TN_RECORD_RUN, NULL);
}

tn_status tn_plan_forget_updates(tn_plan *p)
{
    static const tn_record_kind kinds[] = {TN_RECORD_UPDATE, TN_RECORD_STEP};
    const tn_backend *b = tn_plan_backend(p);
    for (size_t i = 0; i < TN_COUNT(kinds); i++) {
        void **handle = &p->recording[kinds[i]].handle;
        if (!*handle)
            continue;
        TN_TRY(b->wait ? b->wait(p->device->impl) : TN_OK);
        b->recording_destroy(p->device->impl, *handle);
        *handle = NULL;
    }
    return TN_OK;
}

void tn_plan_drop_recordings(tn_plan *p)
{
    for (int i = 0; i < TN_NUM_RECORDS; i++)
        if (p->recording[i].handle)
            tn_plan_backend(p)->recording_destroy(p->device->impl, p->recording[i].handle);
}
