#include "runs/lab_points.h"

#include <math.h>
#include <string.h>

/* A row is a function of its item; one item may be bad. */
static tn_status fill(void *arg, const tn_fill *at)
{
    const int64_t bad = *(const int64_t *)arg;
    float *x = at->row[0];
    for (int i = 0; i < GUARDED_WIDE; i++)
        x[i] = (float)((at->item * 7 + i * 5) % 13) / 6 - 1;
    *(int32_t *)at->row[1] = (int32_t)(at->item % GUARDED_CLASSES);
    if (at->item == bad || bad == POINTS_ITEMS)
        x[1] = NAN;
    return TN_OK;
}

void lab_points_loader(lab_points *l)
{
    const tn_source source = {.name = "points",
                              .items = POINTS_ITEMS,
                              .array = {{.name = "x", .row = TN_SHAPE(GUARDED_WIDE)},
                                        {.name = "label", .dtype = TN_I32, .labels = true}},
                              .fill = fill,
                              .arg = &l->bad};
    const tn_loader_opts opts = {.batch = GUARDED_ROWS, .shuffle = true, .seed = 11, .threads = 1};
    assert_ok(tn_loader_open_source(&l->loader, &source, &opts));
}

tn_plan_opts lab_points_plan(bool guard)
{
    return (tn_plan_opts){
        .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}), .guard = guard, .loss_scale = 1024};
}

tn_status lab_points_begin(lab_points *l, const lab_kind *kind, const char *folder,
                           tn_run_opts opts)
{
    tn_plan_opts plan = lab_points_plan(true);
    plan.accumulate = l->accumulate;
    lab_guarded_open(&l->net, kind, plan);
    lab_points_loader(l);
    opts.folder = folder;
    opts.config = "{}";
    opts.plan = l->net.plan;
    opts.device = l->net.device;
    opts.loader = l->loader;
    opts.loss = l->net.loss;
    opts.set.log_every = 1;
    opts.no_events = true;
    l->run = NULL;
    TN_TRY(tn_run_open(&l->run, &opts));
    l->orders = tn_run_current(l->run);
    return TN_OK;
}

void lab_points_end(lab_points *l, tn_run_end how)
{
    if (l->run)
        assert_ok(tn_run_close(l->run, how, NULL));
    tn_loader_close(l->loader);
    lab_guarded_close(&l->net);
}

tn_status lab_points_train(lab_points *l, int64_t epochs, int64_t updates)
{
    tn_batch b;
    int runs = 0;
    while (tn_run_epochs(l->run) < epochs && tn_plan_updates(l->net.plan) < updates) {
        const tn_status status = tn_loader_next(l->loader, &b);
        if (status == TN_END) {
            TN_TRY(tn_run_epoch(l->run, NULL, NULL));
            continue;
        }
        TN_TRY(status);
        TN_TRY(tn_run_batch(l->run, &b));
        TN_TRY(tn_plan_set(l->net.plan, l->net.x, b.array[0]));
        TN_TRY(tn_plan_set(l->net.plan, l->net.label, b.array[1]));
        TN_TRY(tn_plan_run(l->net.plan));
        if (++runs < l->accumulate)
            continue;
        runs = 0;
        const float rate = 0.02F * (float)l->orders.set.rate_scale;
        TN_TRY(tn_plan_update(l->net.plan, rate));
        TN_TRY(tn_run_step(l->run, rate, &l->orders));
    }
    return TN_OK;
}

void lab_points_params(const lab_points *l, float *to)
{
    memset(to, 0, GUARDED_MOST * sizeof *to);
    lab_guarded_params(&l->net, TN_PARAM_VALUE, to);
}

void lab_assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" has no %s", text, part);
}
